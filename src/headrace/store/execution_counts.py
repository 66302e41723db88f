"""Counts of executions by status, each with a bound on its work.

An index alone says how many there are of each status but ``Succeeded``: no index has the many, so
they are the rest of those that were counted. Where an index does not answer a condition, the rows
of :data:`COMPARED` are read, the newest ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select

from headrace.core.execution_filters import FAILURES, MOST_COUNTED, Count, ExecutionFilter
from headrace.core.executions import Status
from headrace.store.deletion_marks import kept_conditions
from headrace.store.execution_conditions import compared, indexed, last_of
from headrace.store.tables import executions

COMPARED = 2000
"""How many rows a count looks at that compares them one by one."""

_ID = executions.c.id
_OTHERS = tuple(status for status in Status if status is not Status.SUCCEEDED)


def count_by_status(
    connection: Connection, wanted: ExecutionFilter
) -> Mapping[Status | None, Count]:
    """Return how many fit, of each status and, under None, of all; whatever status is asked for."""
    counts: dict[Status | None, Count] = {
        status: _counted(connection, wanted.of_status(status), status) for status in _OTHERS
    }
    everything = wanted.of_status()
    if wanted.reason is not None:
        # Only what failed has a reason, so that all of those are known already.
        counts[None] = _sum([counts[one] for one in FAILURES])
        counts[Status.SUCCEEDED] = Count(0, is_exact=True)
    elif compared(everything, None) or kept_conditions(connection):
        counts |= _scanned(connection, everything)
    else:
        counts |= _rest(connection, everything)
    return {status: counts[status] for status in (None, *Status)}


def count_matching(connection: Connection, wanted: ExecutionFilter) -> Count:
    """Return how many fit."""
    statuses = wanted.wanted_statuses or (None,)
    return _sum(
        [Count(0, is_exact=True)]
        if wanted.is_impossible
        else [_counted(connection, wanted, status) for status in statuses]
    )


def _scanned(connection: Connection, wanted: ExecutionFilter) -> dict[Status | None, Count]:
    """Return how many fit of all and how many succeeded, in one scan of rows."""
    base, conditions = indexed(wanted, None), compared(wanted, None)
    stop = last_of(connection, base, _ID.desc(), most=COMPARED if conditions else MOST_COUNTED)
    if stop is not None:
        base.append(stop <= _ID)
    succeeded = func.count().filter(executions.c.status == Status.SUCCEEDED.value)
    conditions += kept_conditions(connection)
    query = select(func.count(), succeeded).where(*base, *conditions)
    everything, good = connection.execute(query).one()
    return {
        None: Count(everything, is_exact=stop is None),
        Status.SUCCEEDED: Count(good, is_exact=stop is None),
    }


def _rest(connection: Connection, wanted: ExecutionFilter) -> dict[Status | None, Count]:
    """Return how many there are of all and how many succeeded, without reading a row."""
    stop = last_of(connection, indexed(wanted, None), _ID.desc(), most=MOST_COUNTED)
    since = [] if stop is None else [stop <= _ID]

    def number(status: Status | None) -> int:
        conditions = [*indexed(wanted, status), *since]
        query = select(func.count()).select_from(executions).where(*conditions)
        return connection.scalar(query) or 0

    everything = number(None) if stop is None else MOST_COUNTED
    good = everything - sum(number(status) for status in _OTHERS)
    return {
        None: Count(everything, is_exact=stop is None),
        Status.SUCCEEDED: Count(good, is_exact=stop is None),
    }


def _counted(connection: Connection, wanted: ExecutionFilter, status: Status | None) -> Count:
    if wanted.is_impossible:
        return Count(0, is_exact=True)
    base, conditions = indexed(wanted, status), compared(wanted, status)
    stop = last_of(connection, base, _ID.desc(), most=COMPARED) if conditions else None
    if stop is not None:
        base.append(stop <= _ID)
    conditions += kept_conditions(connection)
    matching: Select[Any] = select(_ID).where(*base, *conditions).limit(MOST_COUNTED + 1)
    number = connection.scalar(select(func.count()).select_from(matching.subquery())) or 0
    return Count(min(number, MOST_COUNTED), stop is None and number <= MOST_COUNTED)


def _sum(counts: Sequence[Count]) -> Count:
    return Count(sum(one.number for one in counts), all(one.is_exact for one in counts))
