"""Nothing is deleted for its age by a clock that jumped, until it is right or confirmed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, insert, select
from tests.conftest import RunningServer, wait_until
from tests.records import changing, database_at
from tests.running.parts import parts

from headrace import HeadraceSdk
from headrace.core.clock import now
from headrace.core.clock_trust import ClockTrust
from headrace.keeping.clock_watch import ClockWatch
from headrace.store.database import Database
from headrace.store.moments import to_us
from headrace.store.settings import CLOCK_BELIEVED_AT, read_setting, write_setting
from headrace.store.tables import executions, pipelines, sdk_tokens, users

DAY = timedelta(days=1)


class Times:
    """A clock that can be set, and one that cannot."""

    def __init__(self) -> None:
        self.at = now()
        self.steady = 1000.0

    def watch(self, database: Database) -> ClockWatch:
        return ClockWatch(database, wall=lambda: self.at, steady=lambda: self.steady)

    def go_on(self, seconds: float = 600) -> None:
        self.steady += seconds
        self.at += timedelta(seconds=seconds)


async def test_a_time_that_is_believed_has_no_open_page_look_again(tmp_path: Path) -> None:
    database = database_at(tmp_path / "headrace.db")
    before = database.revision
    await ClockWatch.begun(database)
    assert await database.read(read_setting, CLOCK_BELIEVED_AT)
    assert database.revision == before
    database.close()


async def test_a_jump_pauses_until_the_clock_is_set_right(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    times = Times()
    async with parts(tmp_path / "data") as server:
        watch = times.watch(server.database)
        await watch.begin()
        times.go_on()
        assert await watch.is_trusted()
        for jump in (400 * DAY, -400 * DAY):
            times.at += jump
            assert not await watch.is_trusted()
            times.go_on()
            assert not await watch.is_trusted()
            times.at -= jump
            assert await watch.is_trusted()
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 2
    assert "headrace clock confirm" in said[0].getMessage()


async def test_a_start_after_a_jump_pauses_until_it_is_confirmed(tmp_path: Path) -> None:
    times = Times()
    async with parts(tmp_path / "data") as server:
        await times.watch(server.database).begin()
        times.at += 400 * DAY
        for _ in range(3):
            # However often it is started, and however long it runs.
            watch = times.watch(server.database)
            await watch.begin()
            assert watch.state is ClockTrust.AHEAD
            times.go_on(86400)
            assert not await watch.is_trusted()
        await watch.confirm()
        assert await watch.is_trusted()
        times.go_on()
        again = times.watch(server.database)
        await again.begin()
        assert again.state is ClockTrust.TRUSTED
        # And if the word was wrong, the true time is behind it.
        times.at -= 400 * DAY
        assert not await again.is_trusted()


async def test_without_a_mark_the_newest_record_tells_the_time(tmp_path: Path) -> None:
    times = Times()
    async with parts(tmp_path / "data") as server:
        await server.database.write(add_token, now() - 400 * DAY)
        watch = times.watch(server.database)
        await watch.begin()
        assert watch.state is ClockTrust.AHEAD


def add_token(connection: Connection, at: datetime) -> None:
    connection.execute(insert(users).values(id="u", name="n", email="e", created_at=to_us(at)))
    connection.execute(
        insert(sdk_tokens).values(id="t", user_id="u", name="n", digest="d", created_at=to_us(at))
    )


OLD = "0190a5c0-0000-7000-8000-000000000001"


def age(server: RunningServer, days: int) -> None:
    """Have a server that is stopped look as if it had been stopped so long ago."""
    then = to_us(now() - timedelta(days=days))
    with changing(server.records) as connection:
        write_setting(connection, CLOCK_BELIEVED_AT, then)
        connection.execute(
            insert(pipelines).values(id="p", name="p", created_at=then, created_by="u")
        )
        connection.execute(
            insert(executions).values(
                id=OLD,
                pipeline_id="p",
                pipeline_name="p",
                status="Succeeded",
                created_at=then,
                created_by="u",
                ended_at=then,
                inputs="[]",
                outputs="[]",
                attempt=1,
            )
        )


def is_kept(server: RunningServer) -> bool:
    with changing(server.records) as connection:
        which = select(executions.c.id).where(executions.c.id == OLD)
        return connection.scalar(which) is not None


@pytest.mark.system
def test_a_server_that_starts_400_days_later_deletes_nothing_until_told(
    own_server: Callable[..., RunningServer],
) -> None:
    server = own_server()
    assert server.stop() == 0
    age(server, 400)
    server.start()
    health = httpx.get(f"{server.url}/api/v1/health").json()
    assert health["deletion_by_age"]["info"] == "paused"
    assert "headrace clock confirm" in server.log.read_text()
    # What the collector does first has been done by then.
    time.sleep(1)
    assert is_kept(server)
    with HeadraceSdk(server.token, server.url) as sdk:
        assert sdk.get_clock()["state"] == "ahead"
        assert sdk.confirm_clock()["state"] == "trusted"
    assert httpx.get(f"{server.url}/api/v1/health").json()["deletion_by_age"]["info"] == "on"
    wait_until(lambda: not is_kept(server), what="the old execution goes")
