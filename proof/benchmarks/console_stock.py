"""A database with many executions and deployments, made of one of each by SQL."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

DAY_US = 86_400_000_000
SPREAD_DAYS = 29
FIRED_AGAIN_IN_US = 300 * DAY_US
FIRES = 300

FAVOURITE = 7
"""The number of the owner that has a fifth of the executions."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What a database is to have.

    Attributes:
        executions: How many.
        owners: How many deployments, each of a pipeline of its own.
        failed: One in so many is ``Failed``.
        error: One in so many is ``Error``.
        plans: The messages of failures name a plan; the first one's number and how many there are.
        bend: Above 1, the executions become the more frequent the newer they are.
    """

    executions: int
    owners: int
    failed: int = 50
    error: int = 5000
    plans: tuple[int, int] = (0, 17)
    bend: int = 1


ALIKE = Stock(10_000, 100, failed=10, error=100, plans=(3, 2), bend=3)
"""As little as each page of a million executions has a counterpart with as many rows."""

EXECUTIONS = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count),
  mixed(i, mix, left) AS (SELECT i, i * 2654435761 % 4294967296 / 1024, 1.0 - 1.0 * i / :count
    FROM n),
  at(i, mix, us) AS (SELECT i, mix, CAST(:now - :spread * {bent} AS INTEGER) FROM mixed)
INSERT INTO executions ({columns})
SELECT {values} FROM at, executions AS one
JOIN names ON names.number = CASE WHEN at.mix % 5 = 0 THEN :favourite
  ELSE (at.i * 7919) % :owners END
WHERE one.id = :one
"""
ID = (
    "printf('%08x-%04x-7000-8000-%012x', us / 1000 / 65536, (us / 1000) % 65536, at.i)"  # version 7
)
IS_FAILED = "at.mix / 8 % :failed = 1"
IS_ERROR = "at.mix / 8 % :error = 2"
VALUES = {
    "id": ID,
    "pipeline_id": "names.pipeline_id",
    "pipeline_name": "names.pipeline_name",
    "deployment_id": "names.deployment_id",
    "deployment_name": "names.deployment_name",
    "created_at": "us",
    "started_at": "us + 1500",
    "ended_at": "us + 1500 + 1000 * (1 + (at.i * 31) % 400)",
    "status": f"CASE WHEN {IS_FAILED} THEN 'Failed' WHEN {IS_ERROR} THEN 'Error' "
    "ELSE 'Succeeded' END",
    "failure_kind": f"CASE WHEN {IS_FAILED} THEN 'user_error' WHEN {IS_ERROR} "
    "THEN 'worker_lost' END",
    "failure_message": f"CASE WHEN {IS_FAILED} "
    "THEN 'KeyError: ''plan-' || (:plan + at.mix / 512 % :plans) || '''' "
    f"WHEN {IS_ERROR} THEN 'The server was stopped while this execution ran.' END",
}


def fill(data_dir: Path, stock: Stock) -> float:
    """Fill the database of a server that has ended; return the seconds that it took.

    There must be one pipeline, one endpoint and one periodic deployment of it, and one execution.
    Every third deployment is periodic, with a ledger; each has a pipeline of its own.
    """
    began = time.perf_counter()
    connection = sqlite3.connect(data_dir / "headrace.db")
    connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000;")
    kept = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'executions' "
        "AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in kept:
        connection.execute(f"DROP INDEX {name}")
    now_us = time.time_ns() // 1000
    _owners(connection, stock.owners, now_us)
    one = connection.execute("SELECT min(id) FROM executions").fetchone()[0]
    columns = _columns(connection, "executions")
    values = ", ".join(VALUES.get(name, f"one.{name}") for name in columns)
    connection.execute(
        EXECUTIONS.format(
            columns=", ".join(columns), values=values, bent=" * ".join(["left"] * stock.bend)
        ),
        {
            "count": stock.executions,
            "now": now_us - 60_000_000,
            "spread": SPREAD_DAYS * DAY_US,
            "owners": stock.owners,
            "favourite": FAVOURITE,
            "failed": stock.failed,
            "error": stock.error,
            "plan": stock.plans[0],
            "plans": stock.plans[1],
            "one": one,
        },
    )
    for _, text in kept:
        connection.execute(text)
    connection.execute("DROP TABLE names")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return time.perf_counter() - began


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def _copy(connection: sqlite3.Connection, table: str, of: str, **changed: str) -> None:
    """Insert a copy of each row that ``of`` chooses for each row of ``names``."""
    columns = _columns(connection, table)
    values = ", ".join(changed.get(name, f"one.{name}") for name in columns)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} "  # noqa: S608 - own names
        f"FROM names, {table} AS one "
        f"WHERE {of}"
    )


def _owners(connection: sqlite3.Connection, count: int, now_us: int) -> None:
    """Make the pipelines and deployments, and a table of their names."""
    connection.execute(
        "CREATE TABLE names AS WITH RECURSIVE n(i) AS "
        "(SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) "
        "SELECT i AS number, printf('stock-p-%05d', i) AS pipeline_id, "
        "printf('pipeline-%05d', i) AS pipeline_name, printf('stock-d-%05d', i) AS deployment_id, "
        "printf('deployment-%05d', i) AS deployment_name, i % 3 = 0 AS is_periodic FROM n",
        (count,),
    )
    connection.execute("CREATE UNIQUE INDEX names_number ON names (number)")
    _copy(
        connection,
        "pipelines",
        "one.name = 'work'",
        id="names.pipeline_id",
        name="names.pipeline_name",
    )
    _copy(
        connection,
        "pipeline_versions",
        "one.pipeline_id = (SELECT id FROM pipelines WHERE name = 'work')",
        id="names.pipeline_id || '-1'",
        pipeline_id="names.pipeline_id",
    )
    for rule, is_periodic in (("endpoint", 0), ("periodic", 1)):
        _copy(
            connection,
            "deployments",
            f"one.name = '{rule}' AND names.is_periodic = {is_periodic}",
            id="names.deployment_id",
            name="names.deployment_name",
            pipeline_id="names.pipeline_id",
            url_path="names.deployment_name" if rule == "endpoint" else "NULL",
        )
    periodic = "one.deployment_id = (SELECT id FROM deployments WHERE name = 'periodic') AND "
    later = f"{now_us + FIRED_AGAIN_IN_US} + names.number * 1000000"
    _copy(
        connection,
        "schedules",
        f"{periodic} names.is_periodic",
        deployment_id="names.deployment_id",
        next_fire_at=later,
        due_at=later,
    )
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :fires) "
        "INSERT INTO ledger SELECT deployment_id, :now - i * 6000000000, "
        "CASE WHEN i % 40 = 3 THEN 'missed' ELSE 'ran' END, "
        "CASE WHEN i % 40 = 3 THEN NULL ELSE 'gone' END, '', :now, 'stock' "
        "FROM names, n WHERE is_periodic",
        {"fires": FIRES, "now": now_us},
    )
    # Their time until now is on record, or they would have missed all of it.
    _copy(
        connection,
        "schedule_revisions",
        f"{periodic} names.is_periodic",
        deployment_id="names.deployment_id",
        deployment_name="names.deployment_name",
    )
