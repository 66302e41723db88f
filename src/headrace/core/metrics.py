"""Metrics: numbers that code records about its own execution (wire contract, 5.9 and 6.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from headrace.core.errors import InvalidName, InvalidRequest, InvalidValue
from headrace.core.numbers import is_number

MAX_NAME_LENGTH = 200
"""Characters of the name of a metric."""

MAX_METRICS = 100
"""Names of single metrics in one execution."""

MAX_LIST_METRICS = 25
"""Names of list metrics in one execution."""

MAX_VALUES = 10_000
"""Values that one request adds to a list metric."""

MAX_LIST_VALUES = 1_000_000
"""Values of one list metric in one execution."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of one execution, single or a list.

    Attributes:
        name: Name of the metric.
        execution_id: The execution that recorded it.
        pipeline_name: The pipeline of that execution.
        deployment_name: Its deployment, or None.
        created_at: When its value was recorded, UTC; of a list, when its first value was.
        values: The value of a single metric, or all those of a list in their order.
    """

    name: str
    execution_id: str
    pipeline_name: str
    deployment_name: str | None
    created_at: datetime
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """Which metrics are asked for; each criterion that is given has to hold.

    Attributes:
        name: Name of the metric.
        pipeline_name: Name of the pipeline.
        deployment_name: Name of the deployment.
        execution_id: Id of the execution.
    """

    name: str | None = None
    pipeline_name: str | None = None
    deployment_name: str | None = None
    execution_id: str | None = None


def check_metric_name(name: object) -> str:
    """Return ``name`` if a metric may have it: printable text, such as ``loss/train``.

    Raises:
        InvalidName: It is no text, empty, too long, or has characters that cannot be seen.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidName("The name of a metric must be a non-empty text.")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidName(
            f"The name of a metric is {len(name)} characters long; at most {MAX_NAME_LENGTH} are "
            "allowed."
        )
    if not name.isprintable() or name != name.strip():
        raise InvalidName(
            f"The name of a metric must be visible text without spaces at its ends, not {name!r}."
        )
    return name


def check_metric_value(value: object, where: str) -> float:
    """Return a value of a metric as a float.

    ``where`` names the field in messages.

    Raises:
        InvalidValue: It is no number, or not a finite one.
    """
    if is_number(value):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    shown = repr(value)
    shown = shown if len(shown) <= 40 else f"{shown[:37]}..."
    raise InvalidValue(f"{where} must be a finite number, not {shown}.")


def check_metric_values(values: object) -> tuple[float, ...]:
    """Return the values that one request adds to a list metric.

    Raises:
        InvalidRequest: They are no list, none or too many.
        InvalidValue: One of them is no finite number.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise InvalidRequest("values must be a list with at least one number.")
    if len(values) > MAX_VALUES:
        raise InvalidRequest(
            f"values has {len(values):,} numbers; at most {MAX_VALUES:,} are taken at once: send "
            "them in several requests, which are added to each other."
        )
    return tuple(
        check_metric_value(value, f"values[{position}]") for position, value in enumerate(values)
    )
