"""A server whose records are in PostgreSQL, and what it does when the database fails."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from sqlalchemy import select, text
from tests.conftest import HEADRACE, RunningServer, clean_environ, wait_until
from tests.postgres import Postgres, name_of
from tests.records import changing
from tests.store.conftest import PIPELINE
from tests.store.test_journal import row

from headrace import HeadraceSdk, Input, InputSource, Output, OutputDestination
from headrace.core.errors import Conflict, Unavailable
from headrace.store.book.port import Verdict
from headrace.store.execution_row import COLUMNS
from headrace.store.pipelines import add_pipeline
from headrace.store.postgres.book import EndsBook
from headrace.store.postgres.claim import PostgresClaim
from headrace.store.postgres.connections import open_postgres
from headrace.store.postgres.database import PostgresDatabase, _PostgresManners
from headrace.store.postgres.marks import MARK_KEY
from headrace.store.postgres.migrate import migrate_postgres, postgres_state
from headrace.store.postgres.place import DatabasePlace, read_database
from headrace.store.settings import read_setting, write_setting
from headrace.store.tables import executions, settings

CODE = """\
def add(a, b):
    print("adding")
    return {"result": a + b}
"""


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that a test may kill."""
    started = Postgres()
    yield started
    started.close()


def run_command(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEADRACE, *map(str, arguments)],
        env={**clean_environ(), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


class Callers:
    """Call an endpoint again and again, and note the executions that were answered."""

    def __init__(self, server: RunningServer, token: str) -> None:
        self.answered: list[str] = []
        self._url = f"{server.url}/endpoints/adder"
        self._headers = {"Authorization": f"EndpointToken {token}"}
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(3)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def until_answered(self, more: int) -> None:
        until = len(self.answered) + more
        wait_until(lambda: len(self.answered) >= until, timeout_s=60, what=f"{more} calls")

    def _call(self) -> None:
        with httpx.Client(trust_env=False, timeout=60, headers=self._headers) as web:
            while not self._is_over.is_set():
                try:
                    answer = web.post(self._url, json={"a": 1})
                except httpx.TransportError:
                    time.sleep(0.05)
                    continue
                if answer.status_code == 200:
                    self.answered.append(answer.json()["execution_id"])


@pytest.mark.system
def test_answered_calls_outlive_kills_of_the_server_and_the_database(
    own_postgres: Postgres, own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    server = own_server(HEADRACE_DATABASE=own_postgres.new_database().url)
    (tmp_path / "main.py").write_text(CODE)
    with HeadraceSdk(server.token, server.url) as sdk:
        folder = {"local_folder": str(tmp_path), "included_folders": ["main.py"]}
        numbers = [Input("a", "number"), Input("b", "number")]
        sdk.create_pipeline(
            "add",
            "main.py",
            "add",
            container_config=folder,
            inputs=numbers,
            outputs=[Output("result", "number")],
        )
        sources = [InputSource("a", endpoint_input_name="a"), InputSource("b", constant_value=2)]
        returned = [OutputDestination("result", endpoint_output_name="result")]
        made = sdk.create_deployment(
            "add",
            "adder",
            "endpoint",
            mode="low_latency",
            inputs_mapping=sources,
            outputs_mapping=returned,
        )
    callers = Callers(server, made["endpoint_token"])
    try:
        callers.until_answered(100)
        server.kill()
        server.start()
        callers.until_answered(100)
        own_postgres.kill()
        own_postgres.begin()
        callers.until_answered(100)
        own_postgres.kill()
        server.kill()
        own_postgres.begin()
        server.start()
        callers.until_answered(100)
    finally:
        callers.close()
    with changing(server.records) as connection:
        kept = set(connection.scalars(select(executions.c.id)))
    assert len(set(callers.answered)) == len(callers.answered)
    assert not set(callers.answered) - kept


@pytest.mark.system
def test_a_second_server_and_another_key_are_refused(
    postgres: Postgres, own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    url = postgres.new_database().url
    server = own_server(HEADRACE_DATABASE=url)
    other = ("serve", "--data-dir", tmp_path / "other", "--port", 0, "--database", url)
    refused = run_command(*other)
    assert refused.returncode == 1
    assert f"A server runs on the database {read_database(url)} already" in refused.stderr
    assert server.stop() == 0
    refused = run_command(*other)
    assert refused.returncode == 3
    assert f"The master key {tmp_path / 'other' / 'master.key'} is missing" in refused.stderr
    looked = run_command("check", *other[1:])
    assert looked.returncode == 3
    assert "master.key is missing" in looked.stderr
    (tmp_path / "wrong.key").write_bytes(bytes(32))
    (tmp_path / "wrong.key").chmod(0o600)
    refused = run_command(*other, HEADRACE_MASTER_KEY_FILE=str(tmp_path / "wrong.key"))
    assert refused.returncode == 3
    assert "is not the one of this server's records" in refused.stderr
    key = str(server.data_dir / "master.key")
    # The data directory may be lost: the key that is named and the database are all of it.
    moved = own_server(HEADRACE_DATABASE=url, HEADRACE_MASTER_KEY_FILE=key)
    assert not moved.token
    with HeadraceSdk(server.token, moved.url) as sdk:
        assert [token["name"] for token in sdk.list_tokens()] == ["first"]


@pytest.mark.system
def test_tokens_are_made_with_and_without_a_server(
    postgres: Postgres, own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    url = postgres.new_database().url
    asked = ("tokens", "create", "--data-dir", tmp_path / "data0", "--name")
    none = run_command(*asked, "first", HEADRACE_DATABASE=url)
    assert none.returncode != 0
    assert "No server ever ran on" in none.stderr
    made = run_command(*asked, "first", "--new", HEADRACE_DATABASE=url)
    assert made.returncode == 0, made.stderr
    server = own_server(HEADRACE_DATABASE=url)
    assert not server.token
    beside = run_command(*asked, "beside", HEADRACE_DATABASE=url)
    assert beside.returncode == 0, beside.stderr
    token = next(word for word in beside.stdout.split() if word.startswith("hdr_"))
    with HeadraceSdk(token, server.url) as sdk:
        assert [each["name"] for each in sdk.list_tokens()] == ["first", "beside"]


def test_what_check_says_shows_no_password(postgres: Postgres) -> None:
    url = postgres.migrated().url.replace("postgres@", "postgres:secret-word@")
    said = run_command("check", HEADRACE_DATABASE=url)
    assert said.returncode == 0, said.stderr
    assert "Its database is of this version." in said.stdout
    nowhere = "postgresql://me:secret-word@127.0.0.1:1/headrace"
    refused = run_command("check", "--database", nowhere)
    assert refused.returncode != 0
    assert "postgresql://me@127.0.0.1:1/headrace cannot be used" in refused.stderr
    wrong = run_command("check", HEADRACE_DATABASE="mysql://me:secret-word@host/name")
    assert wrong.returncode != 0
    assert "must be a URL such as postgresql://" in wrong.stderr
    for each in (said, refused, wrong):
        assert "secret-word" not in each.stdout + each.stderr
        assert "Traceback" not in each.stderr


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://host", "must be a URL"),
        ("postgresql://host/a/b", "must be a URL"),
        ("postgresql://host:port/a", "must be a URL"),
        ("host/a", "must be a URL"),
        ("postgresql://host/a?sslmod=require", "has the parameter 'sslmod'"),
    ],
)
def test_what_is_no_database_is_said(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_database(url)


def test_a_url_is_shown_without_what_is_secret() -> None:
    place = read_database("postgres://me:word@[::1]:5433/head?sslmode=require&password=other")
    assert str(place) == "postgresql://me@[::1]:5433/head"
    assert "word" not in repr(place)
    assert place.url.startswith("postgresql://me:word@")


def test_a_database_of_something_else_is_left_alone(postgres: Postgres) -> None:
    place = postgres.new_database()
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE things (id int)")
    for use in (migrate_postgres, postgres_state):
        with pytest.raises(Unavailable, match="has tables of something else, such as things"):
            use(place)


def test_a_newer_database_is_left_alone(postgres: Postgres) -> None:
    place = postgres.migrated()
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for use in (migrate_postgres, postgres_state):
        with pytest.raises(Unavailable, match="newer Headrace"):
            use(place)


async def test_a_lost_connection_costs_one_refusal_at_most(postgres: Postgres) -> None:
    place = postgres.migrated()
    database = PostgresDatabase(place)
    try:
        await database.write(write_setting, "s", 1)
        assert await database.read(read_setting, "s") == 1
        _cut(postgres, place)
        # Reads are made again by themselves: nothing is done twice by that.
        assert await database.read(read_setting, "s") == 1
        with pytest.raises(Unavailable):
            await database.write(write_setting, "s", 2)
        await database.write(write_setting, "s", 3)
        assert await database.read(read_setting, "s") == 3
    finally:
        database.close()


async def test_a_server_that_was_relieved_writes_nothing_any_more(postgres: Postgres) -> None:
    place = postgres.migrated()
    lost = threading.Event()
    with PostgresClaim(place) as first:
        first.begin(lost.set)
        database = PostgresDatabase(place, first.mark)
        try:
            await database.write(write_setting, "s", 1)
            with pytest.raises(Conflict):
                PostgresClaim(place, patience_s=0.1)
            _cut(postgres, place)
            with PostgresClaim(place, patience_s=0.5) as second:
                second.begin(lambda: None)
                # It may be told so only by a commit after the one that was cut.
                for number in range(2, 12):
                    with pytest.raises(Unavailable) as refused:
                        await database.write(write_setting, "s", number)
                    if "Another server has taken" in refused.value.message:
                        break
                else:
                    pytest.fail("it was never told")
                assert await database.read(read_setting, "s") == 1
                assert await asyncio.to_thread(lost.wait, 30)
        finally:
            database.close()


def _cut(postgres: Postgres, place: DatabasePlace) -> None:
    """End all connections to a database but those to come."""
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
    postgres.execute(f"{ended} '{name_of(place)}'")


async def test_a_database_that_says_nothing_is_waited_for_no_longer_than_is_said(
    own_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its processes stand still, and the system keeps their connections."""
    monkeypatch.setattr(_PostgresManners, "patience_s", 0.5)
    database = PostgresDatabase(own_postgres.migrated())
    await database.write(write_setting, "s", 1)
    assert await database.read(read_setting, "s") == 1
    family = [psutil.Process(own_postgres.process.pid)]
    family += family[0].children(recursive=True)
    for process in family:
        process.suspend()
    try:
        for asked in (database.write(write_setting, "s", 2), database.read(read_setting, "s")):
            with pytest.raises(Unavailable, match=r"said nothing for 0\.5 s"):
                await asked
    finally:
        for process in family:
            process.resume()
    async with asyncio.timeout(30):
        while await database.read(read_setting, "s") != 2:
            await asyncio.sleep(0.05)
    database.close()


def test_what_is_acknowledged_waits_for_the_disk_whatever_the_database_is_set_to(
    postgres: Postgres,
) -> None:
    place = postgres.migrated()
    for asked, kept in (("off", "on"), ("remote_apply", "remote_apply")):
        postgres.execute(f"ALTER DATABASE {name_of(place)} SET synchronous_commit = {asked}")
        engine = open_postgres(place, read_only=False)
        with engine.connect() as connection:
            assert connection.scalar(text("SHOW synchronous_commit")) == kept
        engine.dispose()


async def test_the_end_of_a_call_with_a_nul_is_kept(postgres: Postgres) -> None:
    database = PostgresDatabase(place := postgres.migrated())
    await database.write(add_pipeline, PIPELINE)
    book = EndsBook(place, database.note_change)
    try:
        fields = dict(zip(COLUMNS, row(1), strict=True))
        fields |= {"status": "Failed", "failure_kind": "user_error", "failure_message": "a\0b"}
        told: list[Verdict] = []
        book.append(tuple(fields[name] for name in COLUMNS), told.append)
        async with asyncio.timeout(30):
            while not told:
                await asyncio.sleep(0.01)
        assert told == [Verdict.KEPT]
        said = select(executions.c.failure_message)
        assert await database.read(lambda found: found.scalar(said)) == "a\u2400b"
    finally:
        await book.close()
        database.close()


async def test_a_text_with_a_nul_is_kept_with_a_sign_for_it(postgres: Postgres) -> None:
    database = PostgresDatabase(postgres.migrated())
    try:
        await database.write(
            lambda connection: connection.execute(
                settings.insert().values(key="a\0b", value="null")
            )
        )
        assert await database.read(
            lambda connection: connection.scalar(select(settings.c.key))
        ) == ("a\u2400b")
    finally:
        database.close()


async def test_texts_are_in_the_order_of_their_bytes(postgres: Postgres) -> None:
    database = PostgresDatabase(postgres.migrated())
    try:
        for key in ("b", "A", "a", "_", "Z"):
            await database.write(write_setting, key, None)
        keys = select(settings.c.key).where(settings.c.key != MARK_KEY).order_by(settings.c.key)
        found = await database.read(lambda connection: list(connection.scalars(keys)))
        assert found == ["A", "Z", "_", "a", "b"]
    finally:
        database.close()


async def test_a_database_that_is_down_refuses_and_is_used_again_when_it_is_up(
    own_postgres: Postgres,
) -> None:
    database = PostgresDatabase(own_postgres.migrated())
    try:
        await database.write(write_setting, "s", 1)
        own_postgres.kill()
        with pytest.raises(Unavailable):
            await database.write(write_setting, "s", 2)
        with pytest.raises(Unavailable):
            await database.read(read_setting, "s")
        own_postgres.begin()
        await database.write(write_setting, "s", 3)
        assert await database.read(read_setting, "s") == 3
    finally:
        database.close()
