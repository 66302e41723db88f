"""Migrations are append-only, and databases of each form that one of them had become equal."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from tests.store.test_schema import described

from headrace.store import migrate as migration
from headrace.store.dialects import open_sqlite
from headrace.store.migrate import migrate

FOLDER = Path(migration.__file__).parent / "migrations"

DIGESTS = {
    "v0001_first_schema": "ee53e3e006025382",
    "v0002_deployments": "9f47599d1b20b865",
    "v0003_schedules": "97331ed11cd254b4",
    "v0004_low_latency": "e45504451b1bd669",
    "v0005_deletion": "a4e40354130605bc",
}
"""Beginnings of the digests of the files, each written down when its migration landed."""

INDEXES = """
DROP INDEX ix_executions_unfinished;
CREATE INDEX ix_executions_unfinished ON executions (status, id) WHERE ended_at IS NULL;
CREATE INDEX ix_executions_unfinished_of ON executions (deployment_id, id) WHERE ended_at IS NULL;
CREATE INDEX ix_executions_failed ON executions (status, id) WHERE failure_kind IS NOT NULL
"""
COLUMNS = """
ALTER TABLE deployments ADD COLUMN low_latency TEXT;
ALTER TABLE executions ADD COLUMN is_warm BOOLEAN DEFAULT false NOT NULL
"""


def test_a_migration_that_landed_is_never_edited() -> None:
    """Whoever sees this fail: restore the file, and say what is new in a migration of its own."""
    found = {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in (FOLDER / "versions").glob("v*.py")
    }
    assert found == DIGESTS


def up_to(path: Path, revision: str, *more: str) -> None:
    """Make a database as an earlier version had it, with what was done to it besides."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    engine = open_sqlite(path, read_only=False)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in "".join(f"{text};" for text in more).split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.mark.parametrize(
    "more",
    [(), (INDEXES,), (INDEXES, COLUMNS)],
    ids=["as it landed", "with indexes", "with all"],
)
def test_databases_of_each_form_of_the_third_become_equal(
    path: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    old = tmp_path / "old.db"
    up_to(old, "0003", *more)
    migrate(old, is_new=False)
    engines = [open_sqlite(database, read_only=True) for database in (old, path)]
    try:
        assert described(engines[0]) == described(engines[1])
    finally:
        for engine in engines:
            engine.dispose()
