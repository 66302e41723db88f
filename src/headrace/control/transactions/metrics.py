"""Transactions of metrics: their limits are kept where the rows are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Table

from headrace.core.errors import InvalidRequest, NotFound, PermissionDenied
from headrace.core.metrics import MAX_LIST_METRICS, MAX_LIST_VALUES, MAX_METRICS
from headrace.core.scopes import Scope
from headrace.store import metrics as rows
from headrace.store.tables import list_metrics, metrics

T = TypeVar("T")

Recording = Callable[[Connection, Scope, str, str, T, int], None]
"""Records something for a caller: of an execution, under a name, at a time in microseconds."""


def record_value(
    connection: Connection, scope: Scope, execution_id: str, name: str, value: float, at_us: int
) -> None:
    """Give a single metric a value, instead of the one that it had.

    Raises:
        NotFound, PermissionDenied: As by :func:`_check_execution`.
        InvalidRequest: The execution has as many metrics as it may.
    """
    _check_execution(connection, scope, execution_id)
    if not rows.has_metric(connection, metrics, execution_id, name):
        _check_room(connection, metrics, execution_id, MAX_METRICS, "single metrics")
    rows.put_metric(connection, execution_id, name, value, at_us)


def record_values(
    connection: Connection,
    scope: Scope,
    execution_id: str,
    name: str,
    values: Sequence[float],
    at_us: int,
) -> None:
    """Add values to a list metric, all or none.

    Raises:
        NotFound, PermissionDenied: As by :func:`_check_execution`.
        InvalidRequest: The execution has as many list metrics as it may, or the list is full.
    """
    _check_execution(connection, scope, execution_id)
    length = rows.length_of_list(connection, execution_id, name)
    if length is None:
        _check_room(connection, list_metrics, execution_id, MAX_LIST_METRICS, "list metrics")
    if (length or 0) + len(values) > MAX_LIST_VALUES:
        raise InvalidRequest(
            f"The list metric {name!r} has {length or 0:,} values, and {len(values):,} more would "
            f"be over the {MAX_LIST_VALUES:,} that one may have; none of them was added."
        )
    rows.add_to_list(connection, execution_id, name, values, length, at_us)


def _check_execution(connection: Connection, scope: Scope, execution_id: str) -> None:
    """Check that a caller may record metrics of an execution.

    Code that runs by the token of its execution may do so for that one. A client that was made
    while the code was imported has the token of its process: it may for those that run, of its
    deployment if the process is a pod.

    Raises:
        NotFound: There is no such execution.
        PermissionDenied: It is not the caller's.
    """
    found = rows.whose(connection, execution_id)
    if found is None:
        raise NotFound(f"There is no execution {execution_id!r}.")
    deployment_id, has_ended = found
    if scope.execution_id is not None:
        is_own = scope.execution_id == execution_id
    elif scope.is_inside:
        is_own = not has_ended and scope.deployment_id in {None, deployment_id}
    else:
        is_own = True
    if not is_own:
        raise PermissionDenied(
            f"Code {scope.place} may not record metrics of execution {execution_id}, which is "
            "not its own."
        )


def _check_room(
    connection: Connection, table: Table, execution_id: str, most: int, nouns: str
) -> None:
    if rows.count_names(connection, table, execution_id) >= most:
        raise InvalidRequest(
            f"Execution {execution_id} has {most} {nouns}, and no execution may have more: use a "
            "list metric for what is measured again and again."
        )
