"""The schema: what the migrations make, and what the database itself refuses."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, insert, inspect

from headrace.core.errors import Unavailable
from headrace.core.executions import Status
from headrace.core.outcomes import FailureKind
from headrace.core.pipelines import PipelineStatus
from headrace.store import schema_version
from headrace.store.errors import Refused
from headrace.store.sqlite.connections import open_sqlite
from headrace.store.sqlite.migrate import migrate
from headrace.store.tables import (
    executions,
    metadata,
    pipeline_versions,
    pipelines,
    sdk_tokens,
    users,
)


def test_the_migrations_make_the_tables(connection: Connection) -> None:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    differences = compare_metadata(context, metadata)
    # Of a reference that came with an added column, SQLAlchemy does not read ON DELETE; SQLite
    # itself does, in the test below.
    assert [d for d in differences if d[0] not in {"add_fk", "remove_fk"}] == []


def references(engine: Engine, table: str) -> set[tuple[Any, ...]]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"PRAGMA foreign_key_list({table})").all()
    return {(row.table, row[3], row.to, row.on_delete) for row in rows}


def described(engine: Engine) -> dict[str, Any]:
    """Constraints and indexes, which Alembic's comparison does not look at on SQLite."""
    inspector = inspect(engine)
    return {
        table: {
            "checks": {
                check["name"]: " ".join(check["sqltext"].split())
                for check in inspector.get_check_constraints(table)
            },
            "unique": {tuple(u["column_names"]) for u in inspector.get_unique_constraints(table)},
            "foreign": references(engine, table),
            "indexes": {
                (
                    index["name"],
                    tuple(index["column_names"]),
                    str(index["dialect_options"].get("sqlite_where")),
                )
                for index in inspector.get_indexes(table)
            },
            "columns": {
                (column["name"], str(column["type"]), column["nullable"])
                for column in inspector.get_columns(table)
            },
            "primary": inspector.get_pk_constraint(table)["constrained_columns"],
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def test_constraints_and_indexes_are_the_same_too(path: Path, tmp_path: Path) -> None:
    fresh = create_engine(f"sqlite:///{tmp_path / 'fresh.db'}")
    metadata.create_all(fresh)
    migrated = open_sqlite(path, read_only=True)
    try:
        assert described(migrated) == described(fresh)
    finally:
        fresh.dispose()
        migrated.dispose()


def test_head_is_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(schema_version.__file__).parent / "migrations"))
    assert scripts.get_heads() == [schema_version.HEAD]


def test_migrating_again_changes_nothing(path: Path) -> None:
    def dumped() -> list[str]:
        connection = sqlite3.connect(path)
        try:
            return list(connection.iterdump())
        finally:
            connection.close()

    before = dumped()
    migrate(path)
    assert dumped() == before


def test_processes_may_migrate_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "headrace.db"
    code = (
        "import sys; from pathlib import Path; from headrace.store.sqlite.migrate import migrate; "
        "migrate(Path(sys.argv[1]))"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, path]) for _ in range(3)]
    assert [process.wait() for process in started] == [0, 0, 0]
    with open_sqlite(path, read_only=True).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM alembic_version").scalar() == 1


def test_a_newer_database_is_left_alone(path: Path) -> None:
    with open_sqlite(path, read_only=False).connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match="written by a newer Headrace"):
        migrate(path)
    with open_sqlite(path, read_only=True).connect() as connection:
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    assert version == "9999"


EXECUTION: dict[str, Any] = {
    "id": "1",
    "pipeline_id": "pipeline-1",
    "pipeline_name": "one",
    "status": "Pending",
    "created_at": 1,
    "created_by": "user-1",
    "inputs": "[]",
    "outputs": "[]",
    "attempt": 1,
}


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "Skipped"},
        {"status": "pending"},
        {"status": "Running"},
        {"status": "Succeeded"},
        {"status": "Succeeded", "ended_at": 2, "failure_kind": "timeout"},
        {"status": "Failed", "ended_at": 2},
        {"status": "Failed", "failure_kind": "timeout"},
        {"status": "Error", "ended_at": 2},
        {"status": "Pending", "ended_at": 2},
        {"status": "Running", "worker_id": "w", "ended_at": 2},
        {"status": "Pending", "failure_kind": "timeout"},
        {"pipeline_id": "nobody"},
        {"pipeline_id": None},
        {"status": None},
        {"created_at": None},
    ],
    ids=str,
)
def test_illegal_executions_are_refused(connection: Connection, columns: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        connection.execute(insert(executions).values(EXECUTION | columns))


def test_legal_executions_are_taken(connection: Connection) -> None:
    rows: list[dict[str, Any]] = [
        {"status": "Pending"},
        {"status": "Running", "worker_id": "w", "started_at": 2},
    ]
    rows += [{"status": "Succeeded", "ended_at": 2}]
    rows += [
        {"status": status, "ended_at": 2, "failure_kind": kind.value, "failure_message": "m"}
        for status in ("Failed", "Error")
        for kind in FailureKind
    ]
    for number, columns in enumerate(rows):
        connection.execute(insert(executions).values(EXECUTION | columns | {"id": str(number)}))


def test_a_pipeline_with_executions_cannot_be_deleted_under_them(connection: Connection) -> None:
    connection.execute(insert(executions).values(EXECUTION))
    with pytest.raises(Refused):
        connection.execute(pipelines.delete())


@pytest.mark.parametrize(
    "columns",
    [
        {"id": "2", "name": "one"},
        {"id": "2", "name": None},
    ],
    ids=str,
)
def test_illegal_pipelines_are_refused(connection: Connection, columns: dict[str, Any]) -> None:
    legal = connection.execute(pipelines.select()).one()._asdict()
    with pytest.raises(Refused):
        connection.execute(insert(pipelines).values(legal | columns))


@pytest.mark.parametrize(
    "columns",
    [
        {"number": 1},
        {"number": 0},
        {"status": "ready", "environment": None},
        {"status": "Ready"},
        {"pipeline_id": "nobody"},
    ],
    ids=str,
)
def test_illegal_versions_are_refused(connection: Connection, columns: dict[str, Any]) -> None:
    first = connection.execute(pipeline_versions.select()).one()._asdict()
    second = first | {"id": "2", "number": 2}
    connection.execute(insert(pipeline_versions).values(second))
    with pytest.raises(Refused):
        connection.execute(
            insert(pipeline_versions).values(second | {"id": "3", "number": 3} | columns)
        )


def test_tokens_have_users_and_digests_of_their_own(connection: Connection) -> None:
    connection.execute(insert(users).values(id="u", name="n", email="e", created_at=1))
    token = {"id": "t", "user_id": "u", "name": "n", "digest": "d", "created_at": 1}
    connection.execute(insert(sdk_tokens).values(token))
    for illegal in (
        {"id": "t2", "name": "n2"},
        {"id": "t2", "digest": "d2"},
        {"id": "t2", "name": "n2", "digest": "d2", "user_id": "nobody"},
    ):
        with pytest.raises(Refused):
            connection.execute(insert(sdk_tokens).values(token | illegal))
    with pytest.raises(Refused):
        connection.execute(users.delete())


def test_the_constraints_name_the_statuses_of_the_core() -> None:
    """What a CHECK lists is what the core's enumerations have."""
    for table, enumeration in ((executions, Status), (pipeline_versions, PipelineStatus)):
        (check,) = (
            str(c.sqltext)
            for c in table.constraints
            if str(c.name).endswith("status") and hasattr(c, "sqltext")
        )
        assert set(re.findall(r"'(\w+)'", check)) == {status.value for status in enumeration}
