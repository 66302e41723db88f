"""A server that is killed while versions change leaves one of two whole states, never a third."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import RunningServer, wait_until
from tests.versions.conftest import Loop

from headrace import HeadraceError, HeadraceSdk

pytestmark = pytest.mark.system


@pytest.fixture
def killed(own_server: Callable[..., RunningServer], tmp_path: Path) -> tuple[RunningServer, Loop]:
    """A server of the test's own, and a pipeline on it with an endpoint that answers."""
    server = own_server()
    sdk = HeadraceSdk(server.token, server.url)
    loop = Loop(sdk, "loop", tmp_path / "code", server.url)
    loop.folder.mkdir()
    loop.deploy(1)
    return server, loop


def restarted(server: RunningServer, loop: Loop) -> None:
    server.kill()
    server.start()
    loop.sdk = HeadraceSdk(server.token, server.url)


def test_between_the_end_of_a_build_and_the_pointer(killed: tuple[RunningServer, Loop]) -> None:
    server, loop = killed
    call = loop.endpoint()
    logs = server.data_dir / "logs" / "builds"
    loop.deploy(2, wait_for_completion=False)
    # What the build says last, just before its end is recorded.
    wait_until(lambda: sum("is ready" in log.read_text() for log in logs.rglob("*.log")) == 2)
    restarted(server, loop)
    assert call(x=0).json()["outputs"]["y"] in {1, 2}
    found = loop.sdk.get_pipeline_version(loop.name, 2, wait_for_completion=True)
    assert (found["status"], found["is_current"]) == ("ready", True)
    assert call(x=0).json()["outputs"] == {"y": 2}
    assert loop.versions() == [(1, "ready", False), (2, "ready", True)]


def test_while_somebody_goes_back(killed: tuple[RunningServer, Loop]) -> None:
    server, loop = killed
    loop.deploy(2)
    call = loop.endpoint()
    answered: list[int] = []

    def go_back() -> None:
        with suppress(HeadraceError):
            answered.append(loop.sdk.rollback_pipeline(loop.name)["version"])

    going = threading.Thread(target=go_back)
    going.start()
    server.kill()
    going.join(60)
    assert not going.is_alive()
    server.start()
    loop.sdk = HeadraceSdk(server.token, server.url)
    (current,) = [number for number, _, is_current in loop.versions() if is_current]
    assert current in answered or not answered
    assert call(x=0).json()["outputs"] == {"y": current}


def test_a_build_that_was_cut_off_is_made_again(killed: tuple[RunningServer, Loop]) -> None:
    server, loop = killed
    go = loop.folder.parent / "go"
    source = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists():\n"
    source += "    time.sleep(0.01)\n\ndef main(x):\n    return {'y': 2}\n"
    loop.deploy(source, wait_for_completion=False, message="slow", force=True)
    restarted(server, loop)
    assert loop.versions() == [(1, "ready", True), (2, "creation_pending", False)]
    go.touch()
    found = loop.sdk.get_pipeline_version(loop.name, 2, wait_for_completion=True)
    assert (found["is_current"], found["message"]) == (True, "slow")
