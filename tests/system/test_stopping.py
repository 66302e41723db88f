"""What is stopped ends with all that it started; what had not begun is given back."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import wait_until
from tests.system.told_pipelines import RESISTING, Told, is_alive
from tests.system.work_pipelines import processes_of

pytestmark = pytest.mark.system

GRACE_S = 0.5
GONE_S = 20.0
"""Two seconds after the grace time nothing is left, unless the machine is busy: ends are in the
kernel's hands. Nothing here ends by itself for minutes."""


@pytest.fixture(scope="module")
def told(make_told: Callable[..., Told]) -> Told:
    """One server for all tests here, which leave it running."""
    return make_told(
        HEADRACE_EXECUTION_GRACE_S=str(GRACE_S),
        HEADRACE_STOP_GRACE_S="1",
        HEADRACE_MAX_EXECUTIONS="2",
    )


def resisting(told: Told, name: str) -> list[int]:
    """Wait until all processes of a run resist, and return them."""
    told.begun(name, RESISTING)
    return [pid for pid, _ in told.pids(name)]


def test_nothing_that_resists_outlives_a_cancelled_execution(told: Told) -> None:
    execution_id = told.run("tree", "resist")
    pids = resisting(told, "tree")
    begin = time.monotonic()
    told.sdk.cancel_pipeline_execution(execution_id)
    took = time.monotonic() - begin
    assert not [pid for pid in pids if is_alive(pid)]
    assert GRACE_S <= took < GRACE_S + GONE_S
    print(f"cancelled: nothing left {took - GRACE_S:.3f} s after the grace time")  # noqa: T201
    assert told.execution(execution_id)["failure"]["kind"] == "cancelled"


def test_nothing_that_resists_outlives_a_time_limit(told: Told) -> None:
    # On a busy machine not all of them resist within the shortest limit.
    for limit_s in (2, 8, 20):
        name = f"timed-{limit_s}"
        told.endpoint(name, "resist", execution_timeout_s=limit_s)
        execution = told.ended(told.call(name))
        assert (execution["status"], execution["failure"]["kind"]) == ("Failed", "timeout")
        pids = [pid for pid, _ in told.pids(name)]
        assert not [pid for pid in pids if is_alive(pid)]
        if len(pids) == RESISTING:
            return
    pytest.fail("not all processes resisted within 20 s")


def test_a_time_limit_is_attempted_again_if_asked(told: Told) -> None:
    told.endpoint("slow", execution_timeout_s=1, retries=9, retry_backoff_s=0)
    execution_id = told.call("slow")
    told.begun("slow")
    # On a busy machine the word to go on may come too late for the second attempt.
    while (attempt := told.execution(execution_id))["status"] in {"Pending", "Running"}:
        for pid, _ in told.pids("slow")[1:]:
            told.go("slow", pid)
    assert attempt["status"] == "Succeeded"
    assert attempt["attempt"] == len(attempt["attempts"]) + 1 >= 2
    assert {each["failure"]["kind"] for each in attempt["attempts"]} == {"timeout"}


def test_a_server_that_is_told_to_end_gives_back_what_it_has_not_begun(told: Told) -> None:
    """One runs and does not end, one has a slot and cannot begin yet, two wait."""
    server = told.server
    running = told.run("running")
    pid, _ = told.begun("running")
    with no_environment(server.data_dir / "environments"):
        claimed = told.run("claimed")
        wait_until(lambda: "building it again" in told.log(claimed), what="it has a slot")
        waiting = [told.run(f"waiting{number}") for number in range(2)]
        assert [told.status(i) for i in (running, claimed, *waiting)] == [
            "Running",
            "Running",
            "Pending",
            "Pending",
        ]
        assert server.stop() == 0
        assert not is_alive(pid)
        assert not processes_of(server)

    told.restart()
    stopped = told.execution(running)
    assert (stopped["status"], stopped["failure"]["kind"]) == ("Error", "worker_lost")
    assert "server was stopped" in stopped["failure"]["message"]
    for name, execution_id in zip(
        ("claimed", "waiting0", "waiting1"), (claimed, *waiting), strict=True
    ):
        pid, _ = told.begun(name)
        told.go(name, pid)
        execution = told.ended(execution_id)
        assert (execution["status"], execution["attempt"]) == ("Succeeded", 1)
        assert execution["attempts"] == []
    assert len(told.pids("running")) == 1


def test_what_a_server_stops_is_attempted_again_by_the_next_if_asked(told: Told) -> None:
    told.endpoint("often", retries=1, retry_backoff_s=0)
    execution_id = told.call("often")
    told.begun("often")
    assert told.server.stop() == 0
    told.restart()
    pid, _ = told.begun("often", 2)
    told.go("often", pid)
    execution = told.ended(execution_id)
    assert (execution["status"], execution["attempt"]) == ("Succeeded", 2)
    assert "server was stopped" in execution["attempts"][0]["failure"]["message"]


@contextmanager
def no_environment(folder: Path) -> Iterator[None]:
    """Take the only environment away, and let nobody build it again meanwhile."""
    (lock,) = folder.glob("*.lock")
    place = folder / lock.stem
    away = place.rename(folder / "away")
    with lock.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
        if place.exists():
            place.rename(folder / "begun")
        away.rename(place)
