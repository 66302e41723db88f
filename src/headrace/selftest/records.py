"""What a server's database holds, read by SQL of this package's own."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

UNFINISHED = "SELECT count(*) FROM executions WHERE status IN ('Pending', 'Running')"


@dataclass(frozen=True, slots=True)
class Recorded:
    """An execution as it is on record; times are microseconds since 1970, UTC."""

    id: str
    status: str
    deployment: str | None
    deployment_id: str | None
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    failure: str | None
    attempt: int
    retries: int
    fire_at: int | None

    @property
    def number(self) -> int | None:
        """What the client sent, if it was one of the test's clients."""
        return self.inputs.get("number")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule with all that the ledger has of it."""

    name: str
    deployment_id: str
    since: int
    next_fire_at: int
    rows: tuple[tuple[int, str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Records:
    """All that is judged.

    Attributes:
        executions: By id.
        attempts: Numbers of the earlier attempts, by id of the execution.
        schedules: Those that there are.
        keys: How many idempotency keys there are, by id of the execution.
        damage: What SQLite itself finds wrong with the file.
    """

    executions: dict[str, Recorded]
    attempts: dict[str, list[int]] = field(default_factory=dict)
    schedules: list[Schedule] = field(default_factory=list)
    keys: Counter[str] = field(default_factory=Counter)
    damage: list[str] = field(default_factory=list)

    def unfinished(self) -> list[Recorded]:
        """Return the executions that have not ended."""
        return [e for e in self.executions.values() if e.status in {"Pending", "Running"}]


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a database to read from it, whether or not a server runs on it."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as connection:
        yield connection


def unfinished_count(database: Path) -> int:
    """Return how many executions have not ended."""
    with opened(database) as connection:
        count: int = connection.execute(UNFINISHED).fetchone()[0]
    return count


def read_records(database: Path) -> Records:
    """Read a database whose server has ended."""
    with opened(database) as connection:
        attempts: dict[str, list[int]] = {}
        for execution_id, number in connection.execute(
            "SELECT execution_id, attempt FROM attempts ORDER BY execution_id, attempt"
        ):
            attempts.setdefault(execution_id, []).append(number)
        return Records(
            executions={found.id: found for found in _executions(connection)},
            attempts=attempts,
            schedules=list(_schedules(connection)),
            keys=Counter(
                row[0] for row in connection.execute("SELECT execution_id FROM idempotency_keys")
            ),
            damage=list(_damage(connection)),
        )


def _executions(connection: sqlite3.Connection) -> Iterator[Recorded]:
    rows = connection.execute(
        "SELECT id, status, deployment_name, deployment_id, inputs, outputs, failure_kind, "
        "attempt, retries, fire_at FROM executions"
    )
    for execution_id, status, name, deployment_id, inputs, outputs, *more in rows:
        known = (execution_id, status, name, deployment_id)
        yield Recorded(*known, _values(inputs), _values(outputs), *more)


def _values(text: str) -> dict[str, Any]:
    """Return values by name; a record is an array of name, type, kind, fields and value."""
    return {name: value.get("json") for name, _, _, _, value in json.loads(text)}


def _schedules(connection: sqlite3.Connection) -> Iterator[Schedule]:
    rows = connection.execute(
        "SELECT d.name, d.id, r.since, s.next_fire_at FROM schedules s "
        "JOIN deployments d ON d.id = s.deployment_id "
        "JOIN schedule_revisions r ON r.deployment_id = d.id AND r.until IS NULL"
    ).fetchall()
    for name, deployment_id, since, next_fire_at in rows:
        found = connection.execute(
            "SELECT fire_at, fate, execution_id FROM ledger WHERE deployment_id = ? "
            "ORDER BY fire_at",
            (deployment_id,),
        )
        yield Schedule(name, deployment_id, since, next_fire_at, tuple(found.fetchall()))


def _damage(connection: sqlite3.Connection) -> Iterator[str]:
    for (text,) in connection.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield text
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"row {row[1]} of {row[0]} refers to nothing in {row[2]}"
