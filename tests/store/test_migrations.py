"""Migrations are append-only, and databases of each form that one of them had become equal."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from tests.store.test_schema import described

from headrace.core.execution_filters import ExecutionFilter
from headrace.core.parameters import Input
from headrace.core.pipelines import (
    ContainerConfig,
    Origin,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
)
from headrace.core.values import DataType
from headrace.store import pipelines, versions
from headrace.store.errors import Refused
from headrace.store.execution_search import search
from headrace.store.moments import from_us
from headrace.store.sqlite import migrate as migration
from headrace.store.sqlite.connections import open_sqlite
from headrace.store.sqlite.migrate import migrate

FOLDER = Path(migration.__file__).parents[1] / "migrations"

DIGESTS = {
    "v0001_first_schema": "ee53e3e006025382",
    "v0002_deployments": "9f47599d1b20b865",
    "v0003_schedules": "97331ed11cd254b4",
    "v0004_low_latency": "e45504451b1bd669",
    "v0005_deletion": "a4e40354130605bc",
    "v0006_pipeline_versions": "29f441e76e7e7970",
    "v0007_daily_loop": "124a9cbe9b243f4d",
    "v0008_metrics": "6d7594bef897f3cc",
    "v0009_reruns": "4f680c2b911bda57",
    "v0010_steps": "8252146c057cf5f6",
    "v0011_attachments": "64d2debe2599c2ad",
    "v0012_resources": "7ebe4b0e023d5fb3",
    "v0013_sessions": "711800a00ce6edb0",
    "v0014_usage": "9fc49ed55f7d0429",
    "v0015_pipeline_templates": "d838e598676f7f15",
    "v0016_people": "59cf3682db79bc98",
    "v0017_activity": "4c86fbaccc526fc3",
    "v0018_counts": "82f88db2561aeb8a",
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


BEFORE_VERSIONS = """
INSERT INTO pipelines (id, name, description, function_path, function_name, inputs, outputs, config,
    origin, status, created_at, created_by, bundle, environment, commit_id, failure)
  VALUES ('p1', 'one', 'first', 'a.py', 'f', '[{"name":"x","data_type":"number"}]', '[]',
    '{"language":"python:3.11-slim","included_folders":["a"],"system_dependencies":null}',
    'git_repository', 'ready', 5, 'u1', 'b1', 'e1', 'c1', NULL),
  ('p2', 'two', NULL, 'b.py', 'g', '[]', '[]',
    '{"language":"python:3.12-slim","included_folders":null,"system_dependencies":null}',
    'local', 'creation_failed', 6, 'u2', 'b2', NULL, NULL, 'why'),
  ('p3', 'three', NULL, 'c.py', 'h', '[]', '[]',
    '{"language":"python:3.12-slim","included_folders":null,"system_dependencies":null}',
    'local', 'creation_pending', 7, 'u2', 'b3', NULL, NULL, NULL);
INSERT INTO pipelines (id, name, function_path, function_name, inputs, outputs, config, origin,
    status, created_at, created_by, bundle, environment, deleted_at)
  VALUES ('p4', 'deleted:p4', 'd.py', 'f', '[]', '[]', '{}', 'local', 'ready', 8, 'u1', 'b4', 'e4',
    9);
INSERT INTO deployments (id, name, pipeline_id, rule, mode, sources, destinations, is_enabled,
    created_at, created_by, updated_at, updated_by, url_path, sealed_token)
  VALUES ('d1', 'd', 'p1', 'endpoint', 'elastic', '[]', '[]', 1, 1, 'u1', 1, 'u1', 'd', x'00');
WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
  INSERT INTO executions (id, pipeline_id, pipeline_name, status, created_at, created_by, ended_at,
    inputs, outputs, attempt, deployment_id, is_warm)
  SELECT printf('%06d', i), 'p1', 'one', 'Succeeded', i, 'u1', i, '[]', '[]', 1,
    CASE WHEN i % 2 THEN 'd1' END, i % 2 FROM n;
INSERT INTO idempotency_keys VALUES ('d1', 'k', '000001', 'x', 1);
INSERT INTO attempts VALUES ('000001', 1, 1, 2, 'timeout', 'why')
"""


@pytest.fixture
def upgraded(tmp_path: Path) -> Iterator[Connection]:
    """A database with rows of the schema before versions, upgraded."""
    old = tmp_path / "old.db"
    up_to(old, "0005", BEFORE_VERSIONS)
    with closing(sqlite3.connect(old)) as database:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        place = database.execute(ROOT).fetchone()
    migrate(old, is_new=False)
    with closing(sqlite3.connect(old)) as database:
        assert database.execute(ROOT).fetchone() == place
        # New tables take a few. A copy of the executions would have taken hundreds.
        assert database.execute("PRAGMA page_count").fetchone()[0] <= pages + 50
    engine = open_sqlite(old, read_only=False)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


ROOT = "SELECT rootpage FROM sqlite_schema WHERE name = 'executions'"


def test_each_pipeline_becomes_its_first_version(upgraded: Connection) -> None:
    one, two, three = pipelines.all_pipelines(upgraded)
    at = from_us(5)
    assert one == Pipeline("p1", "one", at, "u1", one.version, "first")
    assert one.version == PipelineVersion(
        id="p1",
        number=1,
        function_path="a.py",
        function_name="f",
        config=ContainerConfig("python:3.11-slim", included_folders=("a",)),
        origin=Origin.GIT,
        bundle="b1",
        created_at=at,
        created_by="u1",
        inputs=(Input("x", DataType.NUMBER),),
        commit_id="c1",
        status=PipelineStatus.READY,
        environment="e1",
    )
    assert (two.status, two.version.failure) == (PipelineStatus.FAILED, "why")
    assert [pending.id for pending in pipelines.pending_pipelines(upgraded)] == [three.id]
    bundles, environments = versions.digests_in_use(upgraded, from_us(5))
    assert (bundles, environments) == ({"b1", "b2", "b3", "b4"}, {"e1", "e4"})


def test_executions_have_the_first_version_and_their_mode(upgraded: Connection) -> None:
    found = search(upgraded, ExecutionFilter(), limit=20_000).executions
    assert len(found) == 10_000
    assert {execution.pipeline_version for execution in found} == {1}
    assert [execution.is_low_latency for execution in found[:2]] == [True, False]
    one = pipelines.pipeline_of(upgraded, found[0])
    assert one is not None
    assert one.id == "p1"


def test_what_refers_to_pipelines_still_does(upgraded: Connection, path: Path) -> None:
    assert upgraded.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    assert upgraded.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    for table in ("idempotency_keys", "attempts"):
        assert upgraded.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 1  # noqa: S608
    with pytest.raises(Refused):
        upgraded.exec_driver_sql("DELETE FROM pipelines WHERE id = 'p1'")
    upgraded.exec_driver_sql("DELETE FROM pipelines WHERE id = 'p3'")
    assert "b3" not in versions.digests_in_use(upgraded, from_us(5))[0]
    engine = open_sqlite(path, read_only=True)
    assert described(upgraded.engine) == described(engine)
    engine.dispose()


def test_a_month_of_counts_is_there_in_its_new_periods(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    day, hour = 1_700_006_400, 3600
    rows = [
        ("", hour, day + 5 * hour, 7, 3, 1),
        ("", hour, day + 6 * hour, 7, 10, 0),
        ("", hour, day + 11 * hour, 7, 20, 2),
        ("", hour, day + 11 * hour, 8, 40, 0),
        ("one", hour, day + 6 * hour, 7, 80, 4),
        ("", 600, day + 6 * hour, 7, 160, 0),
    ]
    insert = "INSERT INTO activity_counts (whose, step_s, begin_s, bin, calls, failed) VALUES "
    up_to(old, "0017", insert + ", ".join(map(str, rows)))
    migrate(old, is_new=False)
    with closing(sqlite3.connect(old)) as connection:
        found = connection.execute(
            "SELECT whose, begin_s, bin, calls, failed FROM activity_counts "
            "WHERE step_s = 21600 ORDER BY whose, begin_s, bin"
        ).fetchall()
    assert found == [
        ("", day, 7, 3, 1),
        ("", day + 6 * hour, 7, 30, 2),
        ("", day + 6 * hour, 8, 40, 0),
        ("one", day + 6 * hour, 7, 80, 4),
    ]
