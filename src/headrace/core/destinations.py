"""Where the value of an output goes: every kind of destination.

A new kind is a class here, and a key of the contract (``wire/mappings.py``).
"""

from __future__ import annotations

import re
from abc import ABC
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from headrace.core.errors import InvalidRequest
from headrace.core.names import check_name
from headrace.core.objects import check_object_path
from headrace.core.parameters import Output
from headrace.core.sources import EVERY_RULE, Rule
from headrace.core.values import DataType

_PATTERN = re.compile(r"\{([^{}]*)\}")


class OutputDestination(ABC):
    """One kind of destination.

    Attributes:
        kind: Its name on the wire (``mapping_type``).
        rules: The execution rules that may use it (the specification's table).
    """

    kind: ClassVar[str]
    rules: ClassVar[frozenset[Rule]] = EVERY_RULE

    @classmethod
    def refuses(cls, data_type: DataType) -> str | None:
        """Say why no output of a type can go to this kind, or return None if it can."""
        del data_type
        return None

    def problem_with(self, parameter: Output) -> str | None:
        """Say why ``parameter`` cannot go here, or return None if it can."""
        return self.refuses(parameter.data_type)


@dataclass(frozen=True, slots=True)
class RunResult(OutputDestination):
    """The result of ``run_pipeline``, under the output's own name."""

    kind: ClassVar[str] = "run"
    rules: ClassVar[frozenset[Rule]] = frozenset({Rule.RUN})
    name: str


@dataclass(frozen=True, slots=True)
class EndpointResult(OutputDestination):
    """The answer to the endpoint call, under a name chosen in the mapping."""

    kind: ClassVar[str] = "endpoint"
    rules: ClassVar[frozenset[Rule]] = frozenset({Rule.ENDPOINT})
    name: str


@dataclass(frozen=True, slots=True)
class DataStorePath(OutputDestination):
    """A file of the data store, at a path that may hold the patterns of :meth:`path_for`."""

    kind: ClassVar[str] = "datastore"
    path: str

    @classmethod
    def refuses(cls, data_type: DataType) -> str | None:
        """See :meth:`OutputDestination.refuses`."""
        is_file = data_type is DataType.FILE
        return None if is_file else "only an output of type file can go to the data store"

    def path_for(self, execution_id: str, at: datetime) -> str:
        """Return the path for one execution.

        Args:
            execution_id: The execution.
            at: Its time, aware; ``{date}`` is ``YYYYMMDD`` and ``{date_time}`` is
                ``YYYYMMDD_hhmmss``, both in UTC (wire contract, 6.3).
        """
        return self.dated(at).replace("{execution_id}", execution_id)

    def dated(self, at: datetime) -> str:
        """Return the path with its patterns of time filled in; that of the execution stays."""
        utc = at.astimezone(UTC)
        texts = {"date": f"{utc:%Y%m%d}", "date_time": f"{utc:%Y%m%d_%H%M%S}"}
        return _PATTERN.sub(lambda match: texts.get(match[1], match[0]), self.path)


@dataclass(frozen=True, slots=True)
class Nowhere(OutputDestination):
    """Nothing: the value is dropped."""

    kind: ClassVar[str] = "is_null"


def endpoint_result(name: str) -> EndpointResult:
    """Return an endpoint destination after checking its name.

    Raises:
        InvalidName: The name breaks the rule for names.
    """
    return EndpointResult(check_name(name, "endpoint_output_name"))


def data_store_path(path: str) -> DataStorePath:
    """Return a data store destination after checking its path.

    Raises:
        InvalidRequest: The path leaves the data store, is empty, or holds an unknown ``{pattern}``.
    """
    unknown = set(_PATTERN.findall(path)) - {"execution_id", "date", "date_time"}
    if unknown:
        raise InvalidRequest(
            f"datastore_path {path!r} holds the unknown pattern "
            f"{', '.join('{' + name + '}' for name in sorted(unknown))}; "
            "use {execution_id}, {date} or {date_time}."
        )
    return DataStorePath(check_object_path(path))
