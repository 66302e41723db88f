"""Metrics: recorded by code about its own execution, and read by everybody."""

from __future__ import annotations

from typing import TypeVar

from headrace.control.executions import Executions
from headrace.control.transactions import metrics as records
from headrace.core.clock import now_us
from headrace.core.errors import InvalidRequest, NotFound
from headrace.core.metrics import (
    Metric,
    MetricFilter,
    check_metric_name,
    check_metric_value,
    check_metric_values,
)
from headrace.core.scopes import Scope
from headrace.store import metrics as rows
from headrace.store.database import Database

T = TypeVar("T")

MAX_PAGE_VALUES = 2_000_000
"""Values of all the list metrics of one page, so that no answer fills the memory."""


class Metrics:
    """Metrics of executions (wire contract, 5.9)."""

    def __init__(self, database: Database, executions: Executions) -> None:
        self._database = database
        self._executions = executions

    async def record_value(self, scope: Scope, execution_id: str, name: str, value: object) -> None:
        """Give a single metric of an execution a value, instead of the one that it had.

        Raises:
            NotFound: There is no such execution.
            PermissionDenied: The code that asks belongs to another execution.
            InvalidRequest: Of the kind that says what is wrong; nothing was recorded.
        """
        number = check_metric_value(value, "value")
        check_metric_name(name)
        await self._record(records.record_value, scope, execution_id, name, number)

    async def record_values(
        self, scope: Scope, execution_id: str, name: str, values: object
    ) -> None:
        """Add values to a list metric of an execution, all or none.

        Raises:
            NotFound, PermissionDenied, InvalidRequest: As by :meth:`record_value`.
        """
        numbers = check_metric_values(values)
        check_metric_name(name)
        await self._record(records.record_values, scope, execution_id, name, numbers)

    async def values(
        self, scope: Scope, wanted: MetricFilter, *, limit: int, skip: int
    ) -> tuple[list[Metric], int]:
        """Return a page of single metrics, oldest execution first, and how many there are."""
        return await self._database.read(rows.page_of_metrics, wanted, limit=limit, skip=skip)

    async def lists(
        self, scope: Scope, wanted: MetricFilter, *, limit: int, skip: int
    ) -> tuple[list[Metric], int]:
        """Return a page of list metrics, oldest execution first, and how many there are.

        Raises:
            InvalidRequest: They have more values than one answer brings.
        """
        page, total = await self._database.read(
            rows.page_of_lists, wanted, limit=limit, skip=skip, most_values=MAX_PAGE_VALUES
        )
        if page is None:
            raise InvalidRequest(
                f"These list metrics have more than {MAX_PAGE_VALUES:,} values together: ask for "
                "those of one execution or of one name, or for fewer with items_per_page."
            )
        return page, total

    async def _record(
        self,
        work: records.Recording[T],
        scope: Scope,
        execution_id: str,
        name: str,
        what: T,
    ) -> None:
        try:
            await self._database.write(work, scope, execution_id, name, what, now_us())
        except NotFound:
            # A call that pods answer may not be on record yet, and asks for itself.
            await self._executions.get(scope, execution_id)
            await self._database.write(work, scope, execution_id, name, what, now_us())
