"""Databases of the present schema, and rows to put into them."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine
from tests.postgres import Postgres

from headrace.core.executions import Execution, Status
from headrace.core.pipelines import (
    ContainerConfig,
    Origin,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
)
from headrace.store.database import Database
from headrace.store.executions import add_execution
from headrace.store.pipelines import add_pipeline
from headrace.store.postgres.connections import open_postgres
from headrace.store.postgres.database import PostgresDatabase
from headrace.store.postgres.place import DatabasePlace
from headrace.store.sqlite.connections import open_sqlite
from headrace.store.sqlite.database import SqliteDatabase
from headrace.store.sqlite.migrate import migrate

AT = datetime(2024, 5, 6, 7, 8, 9, 123_456, tzinfo=UTC)

PIPELINE = Pipeline(
    id="pipeline-1",
    name="one",
    created_at=AT,
    created_by="user-1",
    version=PipelineVersion(
        id="pipeline-1-version",
        number=1,
        function_path="main.py",
        function_name="main",
        config=ContainerConfig("python:3.11-slim"),
        origin=Origin.LOCAL,
        status=PipelineStatus.READY,
        created_at=AT,
        created_by="user-1",
        bundle="bundle-1",
        environment="environment-1",
    ),
)


class Gate:
    """Keeps the writer busy, so that what is written meanwhile forms one group."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._began = threading.Event()
        self._opened = threading.Event()

    async def close(self) -> None:
        self._task = asyncio.ensure_future(self._store.write(self._wait))
        await asyncio.to_thread(self._began.wait, 30)

    def open(self) -> None:
        self._opened.set()

    def _wait(self, _connection: Connection) -> None:
        self._began.set()
        self._opened.wait(30)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as the migrations make it, with one pipeline; for copying."""
    path = tmp_path_factory.mktemp("schema") / "headrace.db"
    migrate(path)
    with open_sqlite(path, read_only=False).connect() as connection:
        add_pipeline(connection, PIPELINE)
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def path(migrated: Path, tmp_path: Path) -> Path:
    """The path of a database of the test's own."""
    return Path(shutil.copy(migrated, tmp_path / "headrace.db"))


@dataclass(frozen=True)
class Kept:
    """Where a test's database is, of one kind or the other: with the present schema, one pipeline.

    Attributes:
        opened: Opens it, each time through another object, as another process would.
        writing: Makes an engine whose connections write at once.
        records: Its file, or its URL.
    """

    opened: Callable[[], Database]
    writing: Callable[[], Engine]
    records: Path | str


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> DatabasePlace:
    """A database as the migrations make it, with one pipeline; for copying."""
    place = postgres.migrated()
    engine = open_postgres(place, read_only=False)
    with engine.connect() as connection:
        add_pipeline(connection, PIPELINE)
    engine.dispose()
    return place


def keep(kind: str, request: pytest.FixtureRequest) -> Iterator[Kept]:
    """Yield a database of the test's own, of a kind."""
    if kind == "sqlite":
        path = request.getfixturevalue("path")
        writing = partial(open_sqlite, path, read_only=False)
        yield Kept(partial(SqliteDatabase, path), writing, path)
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    place = postgres.copied(request.getfixturevalue("template"))
    writing = partial(open_postgres, place, read_only=False)
    yield Kept(partial(PostgresDatabase, place), writing, place.url)
    postgres.drop(place)


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    """A database of the test's own, of each kind."""
    yield from keep(request.param, request)


@pytest.fixture
def connection(kept: Kept) -> Iterator[Connection]:
    """A connection that writes at once."""
    engine = kept.writing()
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def database(kept: Kept) -> Iterator[Database]:
    opened = kept.opened()
    yield opened
    opened.close()


@pytest.fixture
def file_database(path: Path) -> Iterator[Database]:
    """A database in a file of the test's own, for what is true of files alone."""
    opened = SqliteDatabase(path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def new_execution() -> Callable[..., Execution]:
    def make(execution_id: str, **fields: Any) -> Execution:
        known: dict[str, Any] = {
            "id": execution_id,
            "pipeline_id": PIPELINE.id,
            "pipeline_name": PIPELINE.name,
            "deployment_name": None,
            "status": Status.PENDING,
            "created_at": AT,
            "created_by": "user-1",
        }
        return Execution(**known | fields)

    return make


@pytest.fixture
def pending(
    connection: Connection, new_execution: Callable[..., Execution]
) -> Callable[[int], list[str]]:
    """Adds so many pending executions, and returns their ids in order."""

    def add(count: int) -> list[str]:
        ids = [f"{number:04}" for number in range(count)]
        for execution_id in ids:
            add_execution(connection, new_execution(execution_id), None)
        return ids

    return add
