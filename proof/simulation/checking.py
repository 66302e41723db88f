"""What a story must have left in its tables: read with queries of its own, judged by the oracle."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any

from proof.simulation.oracle import fire_times
from proof.simulation.replay import replay
from proof.simulation.rules import Violation
from proof.simulation.world import EPOCH
from sqlalchemy import Connection

MICROSECOND = timedelta(microseconds=1)
CODE_FAILURES = ("user_error", "timeout", "out_of_memory")


@dataclass(frozen=True)
class Told:
    """What a story came to.

    Attributes:
        ticks: How many fire times were recorded.
        executions: How many executions there were.
        transactions: How many transactions were committed.
        fates: How many fire times had each fate.
    """

    ticks: int = 0
    executions: int = 0
    transactions: int = 0
    fates: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Told) -> Told:
        return Told(
            self.ticks + other.ticks,
            self.executions + other.executions,
            self.transactions + other.transactions,
            self.fates + other.fates,
        )


def check(connection: Connection, until: datetime) -> Told:
    """Judge all that is in a database, and count it.

    Args:
        connection: The database.
        until: All fire times up to this must have been recorded.

    Raises:
        Violation: Something is not as it must be.
    """
    _check_ledger(connection, until)
    _check_executions(connection)
    _check_attempts(connection)
    replay(connection)
    fates = Counter(dict(_rows(connection, "SELECT fate, count(*) FROM ledger GROUP BY fate")))
    return Told(
        ticks=fates.total(),
        executions=_rows(connection, "SELECT count(*) FROM executions")[0][0],
        transactions=_rows(connection, "SELECT txn FROM moment")[0][0],
        fates=fates,
    )


def _check_ledger(connection: Connection, until: datetime) -> None:
    """Each fire time has one row, and nothing else has any."""
    rows = _by_deployment(
        connection, "SELECT deployment_id, fire_at FROM ledger ORDER BY deployment_id, fire_at"
    )
    schedules = _by_deployment(
        connection, "SELECT deployment_id, next_fire_at, due_at FROM schedules ORDER BY 1"
    )
    revisions = _by_deployment(
        connection,
        "SELECT deployment_id, since, until, expression, timezone FROM schedule_revisions"
        " ORDER BY deployment_id, since",
    )
    strangers = (rows.keys() | schedules.keys()) - revisions.keys()
    if strangers:
        raise Violation(f"no revision says what these fire times are: {strangers}")
    for deployment, known in revisions.items():
        fired = [_at(row[1]) for row in rows.get(deployment, [])]
        schedule = schedules.get(deployment)
        _check_revisions(deployment, known, is_live=schedule is not None)
        end = fired[-1] if fired else EPOCH
        if schedule is not None:
            _, following, due = schedule[0]
            end = max(end, until - (due - following) * MICROSECOND)
        expected: list[datetime] = []
        for _, since, closed, expression, timezone in known:
            last = end if closed is None else _at(closed)
            expected += fire_times(expression, timezone, _at(since), last)
        if fired != expected:
            _tell_apart(deployment, fired, expected)
        if schedule is not None:
            _check_next(known[-1], max(end, _at(known[-1][1])), _at(schedule[0][1]))


def _check_revisions(deployment: str, known: Sequence[Any], *, is_live: bool) -> None:
    for earlier, later in pairwise(known):
        if earlier[2] != later[1]:
            raise Violation(f"{deployment} has no revision, or two, between {earlier} and {later}")
    if (known[-1][2] is None) != is_live:
        raise Violation(f"{deployment}: the last revision is {known[-1]}, and live is {is_live}")


def _check_next(revision: Any, after: datetime, following: datetime) -> None:
    _, _, _, expression, timezone = revision
    if fire_times(expression, timezone, after, following) != [following]:
        raise Violation(f"the next fire time of {revision} is not {following}")


def _tell_apart(deployment: str, fired: list[datetime], expected: list[datetime]) -> None:
    faults = {
        "doubled": [at for at, count in Counter(fired).items() if count > 1],
        "missing": sorted(set(expected) - set(fired)),
        "strange": sorted(set(fired) - set(expected)),
    }
    told = (f"{len(at)} {what} {[str(one) for one in at[:3]]}" for what, at in faults.items())
    raise Violation(f"{deployment}: {', '.join(told)}")


def _check_executions(connection: Connection) -> None:
    """Rows that ran and executions of schedules are one to one; all have ended."""
    _nothing(
        connection,
        "rows without their execution",
        "SELECT l.* FROM ledger l LEFT JOIN executions e ON e.id = l.execution_id"
        " WHERE l.fate IN ('ran', 'caught_up') AND (e.id IS NULL OR e.fire_at IS NOT l.fire_at"
        " OR (e.deployment_id IS NOT NULL AND e.deployment_id <> l.deployment_id))",
    )
    _nothing(
        connection,
        "rows with an execution that they should not have",
        "SELECT * FROM ledger WHERE fate NOT IN ('ran', 'caught_up') AND execution_id IS NOT NULL",
    )
    _nothing(
        connection,
        "executions without their row, or with several",
        "SELECT e.id, count(l.fire_at) FROM executions e LEFT JOIN ledger l"
        " ON l.execution_id = e.id GROUP BY e.id HAVING count(l.fire_at) <> 1",
    )
    _nothing(
        connection,
        "executions recorded before their fire time",
        "SELECT id FROM executions WHERE created_at < fire_at",
    )
    _nothing(
        connection,
        "executions that have not ended",
        "SELECT id, status FROM executions WHERE status IN ('Pending', 'Running')",
    )


def _check_attempts(connection: Connection) -> None:
    """Attempts are numbered without gaps, and each end is told by the attempt that it ended."""
    _nothing(
        connection,
        "executions whose attempts are not numbered 1, 2, 3",
        "SELECT e.id, e.attempt, count(a.attempt), max(a.attempt) FROM executions e"
        " LEFT JOIN attempts a ON a.execution_id = e.id GROUP BY e.id"
        " HAVING count(a.attempt) <> e.attempt - 1 OR max(a.attempt) > e.attempt - 1",
    )
    for execution_id, worker, attempt, outputs, kind, message in _rows(
        connection,
        "SELECT id, worker_id, attempt, outputs, failure_kind, failure_message FROM executions"
        " WHERE status = 'Succeeded' OR failure_kind IN ('user_error', 'timeout', 'out_of_memory')",
    ):
        told = message if kind in CODE_FAILURES else json.loads(outputs)[0][-1]["json"]
        if told != f"{worker} {attempt}":
            raise Violation(
                f"{execution_id} ended by attempt {told!r}, but {attempt} of {worker} ran"
            )


def _nothing(connection: Connection, what: str, query: str) -> None:
    found = _rows(connection, query)
    if found:
        raise Violation(f"{len(found)} {what}: {found[:3]}")


def _by_deployment(connection: Connection, query: str) -> dict[str, list[Any]]:
    found = _rows(connection, query)
    return {key: list(rows) for key, rows in groupby(found, key=lambda row: row[0])}


def _rows(connection: Connection, query: str) -> list[Any]:
    return [tuple(row) for row in connection.exec_driver_sql(query).fetchall()]


def _at(stamp: int) -> datetime:
    return EPOCH + stamp * MICROSECOND
