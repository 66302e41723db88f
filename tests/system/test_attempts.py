"""Attempts: as many as were asked for, numbered, each with its reason; never more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.conftest import RunningServer, wait_until
from tests.system.told_pipelines import Told, kill, make_pipelines

pytestmark = pytest.mark.system

NOTICED_S = 15.0
"""What dies is noticed in some milliseconds, and its successor may have to be started, however busy
the machine is. Nothing else would end these calls before the deadline of the test."""


@pytest.fixture(scope="module")
def told(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("told")
    found = Told(server, folder / "marks")
    make_pipelines(found.sdk, folder / "code")
    yield found
    for name in ("told", "resist"):
        found.sdk.delete_pipeline(name, force_deployments_deletion=True)


def numbers(execution: dict[str, Any]) -> list[int]:
    return [attempt["attempt"] for attempt in execution["attempts"]]


def kinds(execution: dict[str, Any]) -> list[str]:
    return [attempt["failure"]["kind"] for attempt in execution["attempts"]]


def test_what_fails_is_attempted_again_until_it_succeeds(told: Told) -> None:
    told.endpoint("flaky", retries=2, retry_backoff_s=0.05)
    execution_id = told.call("flaky")
    for attempt in (1, 2):
        pid, _ = told.begun("flaky", attempt)
        execution = told.execution(execution_id)
        assert (execution["status"], execution["attempt"]) == ("Running", attempt)
        assert numbers(execution) == list(range(1, attempt))
        told.go("flaky", pid, "fail")
    pid, _ = told.begun("flaky", 3)
    told.go("flaky", pid)
    execution = told.ended(execution_id)
    assert (execution["status"], execution["attempt"], execution["retries"]) == ("Succeeded", 3, 2)
    assert execution["failure"] is None
    assert execution["outputs"][0]["value"] == pid
    assert (numbers(execution), kinds(execution)) == ([1, 2], ["user_error"] * 2)
    times = [execution["created_at"]]
    for attempt in (*execution["attempts"], execution):
        times += [attempt["start_date"], attempt["end_date"]]
    assert times == sorted(times)
    log = told.log(execution_id)
    assert log.count("flaky begins") == 3
    assert "Attempt 1 failed: ValueError: flaky was told to fail The next one" in log
    assert "starts in 0.05 s" in log
    assert "starts in 0.1 s" in log


def test_after_the_last_attempt_it_has_failed(told: Told) -> None:
    told.endpoint("doomed", retries=1, retry_backoff_s=0)
    execution_id = told.call("doomed")
    for attempt in (1, 2):
        told.go("doomed", told.begun("doomed", attempt)[0], "fail")
    execution = told.ended(execution_id)
    assert (execution["status"], execution["attempt"]) == ("Failed", 2)
    assert execution["failure"]["kind"] == "user_error"
    assert numbers(execution) == [1]
    assert len(told.pids("doomed")) == 2


def test_a_plain_run_is_attempted_once(told: Told) -> None:
    execution_id = told.run("once")
    told.go("once", told.begun("once")[0], "fail")
    execution = told.ended(execution_id)
    assert (execution["status"], execution["attempt"], execution["attempts"]) == ("Failed", 1, [])
    assert len(told.pids("once")) == 1


@pytest.mark.parametrize(
    ("victim", "kind", "status"),
    [(0, "exited", "Failed"), (1, "worker_lost", "Error")],
    ids=["call", "template"],
)
def test_what_is_killed_is_noticed_at_once_and_attempted_again_only_if_asked(
    told: Told, victim: int, kind: str, status: str
) -> None:
    for retries in (0, 1):
        name = f"killed-{kind}-{retries}"
        told.endpoint(name, retries=retries, retry_backoff_s=0)
        execution_id = told.call(name)
        found = told.begun(name)
        begin = time.monotonic()
        kill(found[victim])
        if retries:
            pid, _ = told.begun(name, 2)
            told.go(name, pid)
        execution = told.ended(execution_id)
        took = time.monotonic() - begin
        print(f"{kind}, {retries} retries: {took:.3f} s")  # noqa: T201 - for who runs it with -s
        assert took < NOTICED_S
        if retries:
            assert (execution["status"], execution["attempt"]) == ("Succeeded", 2)
            assert kinds(execution) == [kind]
        else:
            assert (execution["status"], execution["attempt"]) == (status, 1)
            assert execution["failure"]["kind"] == kind
            assert len(told.pids(name)) == 1


def test_what_waits_for_its_next_attempt_can_be_cancelled(told: Told) -> None:
    told.endpoint("patient", retries=1, retry_backoff_s=3600)
    execution_id = told.call("patient")
    told.go("patient", told.begun("patient")[0], "fail")

    wait_until(lambda: told.status(execution_id) == "Pending", what="it waits")
    execution = told.execution(execution_id)
    assert execution["attempt"] == 2
    assert execution["not_before"] > execution["attempts"][0]["end_date"]
    told.sdk.cancel_pipeline_execution(execution_id)
    execution = told.execution(execution_id)
    assert (execution["status"], execution["failure"]["kind"]) == ("Failed", "cancelled")
    assert numbers(execution) == [1]


@pytest.fixture(scope="module")
def own(make_told: Callable[..., Told]) -> Told:
    """A server that may be killed."""
    return make_told()


def test_a_killed_server_attempts_again_only_if_asked(own: Told) -> None:
    for name, retries in (("once-only", 0), ("twice", 1)):
        own.endpoint(name, retries=retries, retry_backoff_s=0)
    ids = {name: own.call(name) for name in ("once-only", "twice")}
    for name in ids:
        own.begun(name)
    own.server.kill()
    own.restart()

    execution = own.ended(ids["once-only"])
    assert (execution["status"], execution["failure"]["kind"]) == ("Error", "worker_lost")
    assert "It was not started again" in execution["failure"]["message"]
    pid, _ = own.begun("twice", 2)
    own.go("twice", pid)
    execution = own.ended(ids["twice"])
    assert (execution["status"], execution["attempt"]) == ("Succeeded", 2)
    assert kinds(execution) == ["worker_lost"]
    assert "not started again" not in execution["attempts"][0]["failure"]["message"]
    assert "Attempt 1 failed: The server stopped unexpectedly" in own.log(ids["twice"])
    assert len(own.pids("once-only")) == 1
