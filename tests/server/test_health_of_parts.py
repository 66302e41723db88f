"""The health of each part of a real server, and what is wrong when it is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from tests.conftest import HEADRACE, RunningServer, clean_environ, wait_until

from headrace import HeadraceSdk
from headrace.core.errors import Unavailable
from headrace.server.checking import health_of_running
from headrace.server.data_directory import DataDirectory
from headrace.server.fronts.seats import Fronts
from headrace.server.health import LOW_BYTES, health_checks, room_left
from headrace.store.settings import HEALTH_ASKED_AT, read_setting
from headrace.store.sqlite.database import SqliteDatabase
from headrace.store.sqlite.migrate import migrate

PARTS = {
    *("environment", "database", "disk", "data_store", "calls", "descriptors"),
    *("clock", "scheduler", "worker", "pods", "builder"),
}


def disk_of(monkeypatch: pytest.MonkeyPatch, *, free: int, total: int, files: int = 9) -> None:
    found = SimpleNamespace(
        f_bavail=free, f_blocks=total, f_frsize=1, f_files=files and 10, f_favail=files
    )
    monkeypatch.setattr(os, "statvfs", lambda _: found)


@pytest.mark.parametrize(
    ("free", "total", "is_room"),
    [
        (LOW_BYTES, 10**12, True),
        (LOW_BYTES - 1, 10**12, False),
        # Of a small disk, a small part is enough.
        (10**6, 10**7, True),
        (10**5, 10**7, False),
        (0, 0, True),
    ],
)
def test_a_disk_is_full_shortly_before_nothing_can_be_written(
    monkeypatch: pytest.MonkeyPatch, free: int, total: int, is_room: bool
) -> None:
    disk_of(monkeypatch, free=free, total=total)
    if is_room:
        assert room_left(Path("/")).detail.endswith("GB are free")
        return
    with pytest.raises(Unavailable, match="nearly full") as info:
        room_left(Path("/"))
    assert "GB are free" in info.value.details["detail"]


def test_a_disk_that_takes_no_more_files_is_full_and_one_that_does_not_count_them_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk_of(monkeypatch, free=10**9, total=10**10, files=0)
    assert room_left(Path("/")).text == "there is room"
    found = SimpleNamespace(f_bavail=10**9, f_blocks=10**10, f_frsize=1, f_files=5, f_favail=0)
    monkeypatch.setattr(os, "statvfs", lambda _: found)
    with pytest.raises(Unavailable, match="no room for more files"):
        room_left(Path("/"))


async def test_who_asks_does_not_have_open_pages_look_again(tmp_path: Path) -> None:
    migrate(tmp_path / "headrace.db")
    database = SqliteDatabase(tmp_path / "headrace.db")
    places = cast("Any", SimpleNamespace(database=database, fronts=Fronts(1)))
    loops = cast("Any", SimpleNamespace(copies=()))
    others = cast("Any", None)
    before = database.revision
    found = await health_checks(tmp_path, places, others, loops, others, others).parts()
    assert found["database"].is_well
    assert await database.read(read_setting, HEALTH_ASKED_AT)
    assert database.revision == before
    database.close()


@pytest.mark.system
def test_each_part_is_tried_and_users_are_told_more(server: RunningServer) -> None:
    with HeadraceSdk(server.token, server.url) as sdk:
        found = sdk.get_health()
    assert set(found) == PARTS
    assert {part["status"] for part in found.values()} == {"ok"}
    assert found["disk"]["detail"].endswith("GB are free")
    assert found["worker"]["detail"].startswith("came round")
    assert found["environment"]["info"] == "ready"


@pytest.mark.system
def test_a_server_that_has_the_port_of_another_is_not_taken_for_it(
    server: RunningServer, tmp_path: Path
) -> None:
    assert health_of_running(DataDirectory(server.data_dir)) == (server.url, [])
    stopped = DataDirectory(tmp_path)
    stopped.address.parent.mkdir()
    stopped.address.write_text(server.url)
    assert health_of_running(stopped) is None


@pytest.mark.system
def test_a_part_that_fails_is_said_to_everybody_without_its_place(
    own_server: Callable[..., RunningServer],
) -> None:
    server = own_server()
    # Without the folder of files on their way, no file comes into the data store.
    (staging,) = (server.data_dir / "data-store/staging").iterdir()
    staging.rmdir()
    url = f"{server.url}/api/v1/health"

    def is_unwell() -> bool:
        return httpx.get(url, trust_env=False).status_code == 503

    wait_until(is_unwell, what="503")
    answer = httpx.get(url, trust_env=False).json()
    assert answer["message"].count("data_store:") == 1
    assert answer["additional_data"]["data_store"]["status"] == "error"
    assert answer["additional_data"]["database"]["status"] == "ok"
    assert str(server.data_dir) not in str(answer)
    with HeadraceSdk(server.token, server.url) as sdk:
        assert sdk.get_health()["data_store"]["status"] == "error"
    for command in (["check", "--data-dir", server.data_dir], ["status"]):
        environ = {**clean_environ(), **server.client_environ}
        done = subprocess.run(
            [HEADRACE, *command],
            check=False,
            capture_output=True,
            text=True,
            env=environ,
            timeout=60,
        )
        assert done.returncode == 1, done.stderr
        assert "the data store's disk failed" in done.stdout.lower()
