"""Metrics: recorded from inside executions, read from everywhere."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from headrace.client.messages import Json, Query, Request
from headrace.client.parts import Object, Part
from headrace.core.errors import InvalidRequest, InvalidValue
from headrace.core.metrics import MAX_VALUES, check_metric_name, check_metric_value
from headrace.wire import routes
from headrace.wire.route import Route

ITEMS_PER_PAGE = 5000

_NO_NUMBERS = ("b", "c")
"""Kinds of numpy's booleans and complex numbers, which become floats without a word."""

_CONTEXT_MODULE = "__craft_internal_execution_context"
"""Knows the execution of each call that a pod makes at the same time as others."""


class MetricCalls(Part):
    """Numbers about executions."""

    warn_on_metric_outside_of_pipeline: bool = True

    def record_metric_value(self, name: str, value: float) -> bool:
        """Record a metric of the execution that this code belongs to, or replace its value.

        Args:
            name: Such as ``accuracy`` or ``loss/train``; at most 100 names in one execution.
            value: A finite number, of numpy as well.

        Returns:
            True; False with a warning outside of an execution, where nothing is recorded.

        Raises:
            InvalidRequest: The name or the value cannot be used, or there are too many metrics.
        """
        check_metric_name(name)
        number = _number(value, "value")
        execution_id = self._execution_for(name)
        if execution_id is not None:
            body = Json({"value": number, "execution_id": execution_id})
            self._transport.call(routes.RECORD_METRIC, Request(body=body), name=name)
        return execution_id is not None

    def record_list_metric_values(self, name: str, values: Iterable[float] | float) -> bool:
        """Add values to a list metric of the execution that this code belongs to.

        Args:
            name: As :meth:`record_metric_value`; at most 25 lists in one execution.
            values: Finite numbers, or one; an array of numpy as well.

        Returns:
            True; False with a warning outside of an execution, where nothing is recorded.

        Raises:
            InvalidRequest: The name or a value cannot be used, or there are too many.
        """
        check_metric_name(name)
        # An array of numpy without dimensions cannot be iterated over, and says that it can.
        has_items = getattr(values, "ndim", 1) != 0
        given = values if isinstance(values, Iterable) and has_items else [values]
        numbers = [_number(value, f"values[{at}]") for at, value in enumerate(given)]
        execution_id = self._execution_for(name)
        if execution_id is None:
            return False
        for begin in range(0, len(numbers), MAX_VALUES):
            some = numbers[begin : begin + MAX_VALUES]
            body = Json({"values": some, "execution_id": execution_id})
            self._transport.call(routes.RECORD_LIST_METRIC, Request(body=body), name=name)
        return True

    def get_metrics(
        self,
        name: str | None = None,
        pipeline_name: str | None = None,
        deployment_name: str | None = None,
        execution_id: str | None = None,
    ) -> list[Object]:
        """Return metrics, oldest execution first; each criterion that is given has to hold.

        Returns:
            ``[{"name", "value", "created_at", "execution_id", "deployment_name",
            "pipeline_name"}]``.
        """
        return self._all(routes.METRICS, name, pipeline_name, deployment_name, execution_id)

    def get_list_metrics(
        self,
        name: str | None = None,
        pipeline_name: str | None = None,
        deployment_name: str | None = None,
        execution_id: str | None = None,
    ) -> list[Object]:
        """Return list metrics as :meth:`get_metrics` does, with ``values`` in place of ``value``.

        Raises:
            InvalidRequest: They have more values than one answer brings; ask for fewer.
        """
        return self._all(routes.LIST_METRICS, name, pipeline_name, deployment_name, execution_id)

    def get_resource_metrics(
        self,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        csv: bool = False,
        *,
        pipeline_name: str | None = None,
        deployment_name: str | None = None,
        execution_id: str | None = None,
    ) -> Any:
        """Return what the server's machine used in a period; it is remembered for 31 days.

        If a pipeline, a deployment or an execution is named, what its executions and pods used.

        Args:
            start_date: From this time on; one without a zone is in this machine's. May be left
                out, as ``end_date`` may, only where something is named.
            end_date: Before this time.
            csv: Return a table as the bytes of a CSV file, and no dict.
            pipeline_name: Name of a pipeline.
            deployment_name: Name of a deployment.
            execution_id: Id of an execution.

        Returns:
            ``{"additional_data": {"total_disk", "total_ram"}, "metrics": {name: [{"metric":
            {"worker"}, "values": [[seconds since 1970, value]]}]}}``, where the names are
            ``cpu_usage``, ``disk_usage`` and ``ram_usage`` in percent, ``network_input_usage`` and
            ``network_output_usage`` in bytes since the value before. Where there are graphics
            processors, ``gpu_usage`` and ``vram_usage`` in percent and ``total_vram`` as well.

            Of what is named, ``metric`` has ``execution_id`` or ``pod_id`` too, the names are
            ``cpu_usage`` (of all processors) and ``ram_usage`` in percent, ``ram_bytes``,
            ``disk_read_bytes`` and ``disk_written_bytes``. ``additional_data`` has ``executions``,
            which says how many were measured by themselves, their ``total`` (``{"cpu_seconds",
            "peak_ram_bytes", "disk_read_bytes", "disk_written_bytes"}``, or None), and
            ``is_shared``: True if pods made some, whose figures belong to all calls of a pod.

        Raises:
            InvalidRequest: The period does not begin before its end.
            NotFound: What is named is not there.
        """
        filters = {
            "filters[pipeline_name]": pipeline_name,
            "filters[deployment_name]": deployment_name,
            "filters[execution_id]": execution_id,
        }
        is_optional = any(filters.values())
        query: Query = {
            "start": _epoch_ms(start_date, "start_date", is_optional=is_optional),
            "end": _epoch_ms(end_date, "end_date", is_optional=is_optional),
            "download": "true" if csv else None,
            **filters,
        }
        return self._transport.call(routes.RESOURCE_METRICS, Request(query=query))

    def _all(
        self,
        route: Route,
        name: str | None,
        pipeline_name: str | None,
        deployment_name: str | None,
        execution_id: str | None,
    ) -> list[Object]:
        criteria: dict[str, str | None] = {
            "filters[name]": name,
            "filters[pipeline_name]": pipeline_name,
            "filters[deployment_name]": deployment_name,
            "filters[execution_id]": execution_id,
        }
        found: list[Object] = []
        while True:
            number = len(found) // ITEMS_PER_PAGE + 1
            query: Query = {**criteria, "items_per_page": ITEMS_PER_PAGE, "page": number}
            page = self._transport.call(route, Request(query=query))
            found += page["metrics"]
            if len(page["metrics"]) < ITEMS_PER_PAGE:
                return found

    def _execution_for(self, name: str) -> str | None:
        execution_id = _current_execution()
        if execution_id is None and self.warn_on_metric_outside_of_pipeline:
            warnings.warn(
                f"The metric {name!r} was not recorded: metrics belong to an execution, and this "
                "code is not executed by Headrace.",
                stacklevel=3,
            )
        return execution_id


def _epoch_ms(at: object, where: str, *, is_optional: bool) -> int | None:
    if at is None and is_optional:
        return None
    if not isinstance(at, datetime):
        raise InvalidRequest(f"{where} must be a datetime, not {at!r}.")
    return int(at.timestamp() * 1000)


def _current_execution() -> str | None:
    context = sys.modules.get(_CONTEXT_MODULE)
    found = None if context is None else context.current_execution_id.get(None)
    names = ("HEADRACE_EXECUTION_ID", "CRAFT_AI_EXECUTION_ID")
    return found or next((os.environ[name] for name in names if os.environ.get(name)), None)


def _number(value: Any, where: str) -> float:
    """Return a number of any library as a float.

    Raises:
        InvalidValue: It is none, or not a finite one.
    """
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind in _NO_NUMBERS:
        raise InvalidValue(f"{where} must be one finite number, not {value!r}.")
    if not isinstance(value, int | float | str | bytes) and hasattr(value, "__float__"):
        try:
            value = float(value)
        except (TypeError, ValueError):
            raise InvalidValue(f"{where} must be one finite number, not {value!r}.") from None
    return check_metric_value(value, where)
