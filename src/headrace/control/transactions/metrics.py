"""Transactions of metrics: their limits are kept where the rows are counted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Table

from headrace.core.errors import InvalidRequest
from headrace.core.metrics import MAX_LIST_METRICS, MAX_LIST_VALUES, MAX_METRICS
from headrace.store import metrics as rows
from headrace.store.tables import list_metrics, metrics


def record_value(
    connection: Connection, execution_id: str, name: str, value: float, at_us: int
) -> None:
    """Give a single metric a value, instead of the one that it had.

    Raises:
        InvalidRequest: The execution has as many metrics as it may.
    """
    if not rows.has_metric(connection, metrics, execution_id, name):
        _check_room(connection, metrics, execution_id, MAX_METRICS, "single metrics")
    rows.put_metric(connection, execution_id, name, value, at_us)


def record_values(
    connection: Connection, execution_id: str, name: str, values: Sequence[float], at_us: int
) -> None:
    """Add values to a list metric, all or none.

    Raises:
        InvalidRequest: The execution has as many list metrics as it may, or the list is full.
    """
    length = rows.length_of_list(connection, execution_id, name)
    if length is None:
        _check_room(connection, list_metrics, execution_id, MAX_LIST_METRICS, "list metrics")
    if (length or 0) + len(values) > MAX_LIST_VALUES:
        raise InvalidRequest(
            f"The list metric {name!r} has {length or 0:,} values, and {len(values):,} more would "
            f"be over the {MAX_LIST_VALUES:,} that one may have; none of them was added."
        )
    rows.add_to_list(connection, execution_id, name, values, length, at_us)


def _check_room(
    connection: Connection, table: Table, execution_id: str, most: int, nouns: str
) -> None:
    if rows.count_names(connection, table, execution_id) >= most:
        raise InvalidRequest(
            f"Execution {execution_id} has {most} {nouns}, and no execution may have more: use a "
            "list metric for what is measured again and again."
        )
