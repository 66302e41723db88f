"""Each folder has one place, which its owner alone can read, and one server at a time."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from headrace.core.errors import InvalidRequest
from headrace.local.own_server import NOT_PASSED_ON, OwnServer
from headrace.local.place import UNUSED_S, Running, forget_unused, place_of


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_the_place_is_that_of_the_folder_however_it_is_named(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    place = place_of(folder, environ)
    assert place.root.parent == tmp_path / "cache" / "headrace" / "dev"
    assert place_of(Path(), environ) == place_of(tmp_path / "link", environ) == place
    assert place_of(tmp_path, environ) != place
    with pytest.raises(InvalidRequest, match="is not a folder"):
        place_of(tmp_path / "none", environ)


@pytest.mark.parametrize("cache", ["", "relative/cache"])
def test_without_a_cache_of_its_own_it_is_in_the_home(
    tmp_path: Path, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path / ".cache" in place_of(tmp_path, {"XDG_CACHE_HOME": cache}).root.parents


def test_one_process_holds_it_until_it_ends(tmp_path: Path, environ: dict[str, str]) -> None:
    place = place_of(tmp_path, environ)
    program = (
        "import os, sys, pathlib\n"
        "from headrace.local.place import place_of\n"
        "hold = place_of(pathlib.Path(sys.argv[1]), os.environ).hold()\n"
        "print(hold is not None, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path],
        env=os.environ | environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"True\n"
        assert place.hold() is None
        other.kill()
    hold = place.hold()
    assert hold is not None
    hold.let_go()


def test_nobody_else_can_read_it(tmp_path: Path, environ: dict[str, str]) -> None:
    place = place_of(tmp_path, environ)
    hold = place.hold()
    assert hold is not None
    running = Running(str(tmp_path), "http://127.0.0.1:1", "secret", True, 1)
    place.remember(running)
    assert place.running() == running
    assert stat.S_IMODE(place.root.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in place.root.iterdir()} == {0o600}
    hold.let_go()


def test_what_was_not_used_for_long_goes_unless_it_is_held(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    places = {}
    for name in ("old", "held", "new"):
        (tmp_path / name).mkdir()
        places[name] = place_of(tmp_path / name, environ)
        hold = places[name].hold()
        assert hold is not None
        closed = places[name].data / "closed"
        closed.mkdir(parents=True)
        (closed / "file").touch()
        closed.chmod(0o500)
        if name == "held":
            held = hold
        else:
            hold.let_go()
        if name != "new":
            lock = places[name].root / "lock"
            os.utime(lock, (0, lock.stat().st_mtime - UNUSED_S - 60))
    forget_unused(environ)
    assert not places["old"].root.exists()
    assert places["held"].data.exists()
    assert places["new"].data.exists()
    held.let_go()


def test_variables_about_another_server_are_not_passed_on() -> None:
    assert {"HEADRACE_DATA_DIR", "HEADRACE_SDK_TOKEN", "HEADRACE_PORT"} <= NOT_PASSED_ON


def test_a_port_that_is_taken_at_the_last_moment_is_given_up_for_another(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    own = OwnServer(place_of(tmp_path, environ), os.environ)
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        mock.patch.object(own, "_chosen_port", return_value=taken.getsockname()[1]),
    ):
        assert own.spawn()
        try:
            own.wait_until_up()
            assert own.url not in {"", f"http://127.0.0.1:{taken.getsockname()[1]}"}
        finally:
            own.stop()
