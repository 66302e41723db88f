"""The pods of a deployment over its life: created, lost, idle, replaced, ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.conftest import RunningServer, wait_until
from tests.overdue import early_in_a_minute, make_overdue
from tests.warm import GATED, SOURCE, Endpoint, Holds, Maker, holds_in, maker

from headrace import DeploymentCreationFailed, NotFound, WaitTimeout

pytestmark = pytest.mark.system


def wait_for_more(answers: Sized, so_far: int) -> None:
    wait_until(lambda: len(answers) > so_far + 20, what="calls go on")


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that has little patience with what is to end."""
    data_dir = tmp_path_factory.mktemp("hasty") / "data"
    environ = {"HEADRACE_EXECUTION_GRACE_S": "0.2", "HEADRACE_STOP_GRACE_S": "0.3"}
    running = RunningServer(data_dir, environ).start()
    yield running
    assert running.stop() == 0
    said = running.log.read_text()
    assert "Traceback" not in said, said


@pytest.fixture(scope="module")
def make(hasty: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    with maker(hasty, tmp_path_factory.mktemp("warm")) as made:
        yield made


@pytest.fixture
def holds(tmp_path: Path) -> Iterator[Holds]:
    with holds_in(tmp_path) as made:
        yield made


@pytest.fixture
def gates(make: Maker, tmp_path: Path) -> Iterator[Path]:
    """The folder of the files that imports of ``GATED`` look at."""
    folder = tmp_path / "gates"
    folder.mkdir()
    make.sdk.create_or_update_environment_variable("WARM_FOLDER", str(folder))
    yield folder
    make.sdk.delete_environment_variable("WARM_FOLDER")


def pid_of(endpoint: Endpoint) -> int:
    return int(endpoint.do("count")["pid"])


def status_of(make: Maker, endpoint: Endpoint) -> str:
    return str(make.sdk.get_deployment(endpoint.name)["status"])


def statuses(make: Maker, endpoint: Endpoint) -> list[str]:
    return [item["status"] for item in make.executions(endpoint.name)]


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@contextmanager
def load(endpoint: Endpoint, threads: int = 6) -> Iterator[list[Any]]:
    """Call an endpoint again and again; what was answered is in the list at the end."""
    answers: list[Any] = []
    is_over = threading.Event()

    def call() -> None:
        while not is_over.is_set():
            try:
                answers.append(endpoint.post({"what": "count"}))
            except httpx.HTTPError as error:
                answers.append(error)

    running = [threading.Thread(target=call) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        for thread in running:
            thread.join()


# Creation


def test_a_creation_that_fails_says_why_and_is_tried_again_when_it_may_succeed(
    make: Maker, gates: Path
) -> None:
    pipeline = make.pipeline("do", GATED)
    (gates / "broken").touch()
    with pytest.raises(DeploymentCreationFailed, match="LookupError: broken on purpose") as caught:
        make.create(pipeline=pipeline, name="breaking")
    assert caught.value.details["deployment_name"] == "breaking"
    shown = make.sdk.get_deployment("breaking")
    assert (shown["status"], shown["pods"]) == ("creation_failed", [])
    assert "broken on purpose" in shown["failure"]["message"]
    messages = [line["message"] for line in make.sdk.get_deployment_logs("breaking")]
    assert messages[0].startswith("imported with")
    assert "LookupError: broken on purpose" in messages

    endpoint = make.seen(shown)
    for headers in ({}, {"craft-ai-client": "craft-ai-sdk@0.74.7"}):
        answer = endpoint.post({"what": "count"}, headers=headers)
        if headers:
            answer = endpoint.http.get(answer.headers["location"])
        assert answer.status_code == 500
        assert "broken on purpose" in answer.json()["message"]
    assert [item["failure"]["kind"] for item in make.executions("breaking")] == ["user_error"] * 2

    with pytest.raises(DeploymentCreationFailed):
        make.sdk.update_deployment("breaking", replace_pods=True)
    (gates / "broken").unlink()
    # The reason may have been a variable, so a changed one is reason enough to try again.
    make.sdk.create_or_update_environment_variable("WARM_WORD", "again")
    wait_until(lambda: status_of(make, endpoint) == "up")
    assert endpoint.do("environ", ["WARM_WORD"]) == {"WARM_WORD": "again"}
    assert make.sdk.get_deployment("breaking")["failure"] is None
    make.sdk.delete_environment_variable("WARM_WORD")


def test_calls_wait_for_the_creation(make: Maker, gates: Path, holds: Holds) -> None:
    pipeline = make.pipeline("do", GATED)
    (gates / "shut").touch()
    make.create(pipeline=pipeline, name="opening", wait_for_completion=False)
    endpoint = make.seen(make.sdk.get_deployment("opening"))
    assert status_of(make, endpoint) == "creation_pending"
    with pytest.raises(WaitTimeout):
        make.sdk.get_deployment("opening", wait_for_completion=True, timeout_s=0.3)
    call = holds.start(endpoint)
    wait_until(lambda: statuses(make, endpoint) == ["Pending"])
    (gates / "shut").unlink()
    assert call.result().status_code == 200
    assert status_of(make, endpoint) == "up"


# Loss


def test_a_pod_that_is_killed_is_replaced_and_what_waits_goes_on(
    make: Maker, gates: Path, holds: Holds
) -> None:
    endpoint = make.endpoint(pipeline=make.pipeline("do", GATED))
    before = make.sdk.get_deployment(endpoint.name)["pods"]
    running, waiting = holds.start(endpoint).begun(), holds.start(endpoint)
    wait_until(lambda: statuses(make, endpoint) == ["Running", "Pending"])
    (gates / "shut").touch()
    said = [line["message"] for line in make.sdk.get_deployment_logs(endpoint.name)]
    pid = next(int(line.split()[1]) for line in said if line.startswith("process"))
    psutil.Process(pid).send_signal(signal.SIGKILL)
    lost = running.answer.result(30)
    assert lost.json()["additional_data"]["failure"] == "worker_lost"
    assert "SIGKILL" in lost.json()["message"]
    wait_until(lambda: status_of(make, endpoint) == "down_retrying")
    # It has been created all the same, which is all that is waited for.
    (gates / "shut").unlink()
    assert waiting.result().status_code == 200
    after = make.sdk.get_deployment(endpoint.name, wait_for_completion=True)
    assert after["status"] == "up"
    assert {pod["pod_id"] for pod in after["pods"]}.isdisjoint(pod["pod_id"] for pod in before)
    messages = [line["message"] for line in make.sdk.get_deployment_logs(endpoint.name)]
    assert any("was lost" in message and "SIGKILL" in message for message in messages)
    assert statuses(make, endpoint) == ["Error", "Succeeded"]


def test_a_plain_call_that_is_cancelled_ends_with_its_pod(make: Maker, holds: Holds) -> None:
    # Nothing but the end of the process ends a plain function; what waits goes on in the next.
    endpoint = make.endpoint()
    before = pid_of(endpoint)
    running, waiting = holds.start(endpoint).begun(), holds.start(endpoint)
    wait_until(lambda: statuses(make, endpoint)[1:] == ["Running", "Pending"])
    found = make.executions(endpoint.name)[1]
    assert make.sdk.cancel_pipeline_execution(found["execution_id"])["status"] == "Failed"
    assert running.answer.result(30).json()["additional_data"]["failure"] == "cancelled"
    assert waiting.result().status_code == 200
    assert pid_of(endpoint) != before


# Idleness


def test_an_idle_deployment_keeps_no_pod_until_the_next_call(make: Maker) -> None:
    endpoint = make.endpoint(idle_timeout_s=1)
    pid = pid_of(endpoint)
    wait_until(lambda: status_of(make, endpoint) == "standby")
    wait_until(lambda: is_gone(pid), what="the pod ends")
    shown = make.sdk.get_deployment(endpoint.name, wait_for_completion=True, timeout_s=20)
    assert (shown["status"], shown["pods"]) == ("standby", [])
    # Neither a change of limits nor of variables wakes it, but a pod of later knows of both.
    make.sdk.create_or_update_environment_variable("WARM_WORD", "asleep")
    assert make.sdk.update_deployment(endpoint.name, max_queue=5)["status"] == "standby"
    woken = make.sdk.trigger_endpoint(endpoint.name, None, {"what": "count"})
    assert woken["outputs"]["value"]["calls"] == 1
    assert endpoint.do("count")["calls"] == 2
    messages = [line["message"] for line in make.sdk.get_deployment_logs(endpoint.name)]
    assert messages.count("imported with asleep") == 1
    assert make.sdk.update_deployment(endpoint.name, idle_timeout_s=0)["idle_timeout_s"] is None
    make.sdk.delete_environment_variable("WARM_WORD")


# Changes


def test_no_call_fails_while_pods_are_replaced_or_become_more_and_fewer(make: Maker) -> None:
    endpoint = make.endpoint()
    first = pid_of(endpoint)
    changes: list[dict[str, Any]] = [
        {"replace_pods": True},
        {"pods": 3},
        {"ram_request": "2GiB", "max_queue": 50},
        {"enable_parallel_executions": True},
        {"pods": 1},
        {"replace_pods": True},
    ]
    with load(endpoint) as answers:
        for change in changes:
            so_far = len(answers)
            shown = make.sdk.update_deployment(endpoint.name, **change)
            assert (shown["status"], shown["is_changing"]) == ("up", False)
            assert len(shown["pods"]) == shown["pods_wanted"]
            wait_for_more(answers, so_far)
    assert {answer.status_code for answer in answers} == {200}
    pids = [answer.json()["outputs"]["value"]["pid"] for answer in answers]
    assert len(set(pids)) >= 4
    assert first not in pids[-20:]
    assert len(make.sdk.get_deployment(endpoint.name)["pods"]) == 1
    wait_until(lambda: sum(not is_gone(pid) for pid in set(pids)) == 1, what="old pods end")


def test_pods_that_cannot_be_replaced_go_on(make: Maker, gates: Path) -> None:
    endpoint = make.endpoint(pipeline=make.pipeline("do", GATED))
    pid = pid_of(endpoint)
    (gates / "broken").touch()
    shown = make.sdk.update_deployment(endpoint.name, replace_pods=True)
    assert shown["status"] == "up"
    assert "broken on purpose" in shown["failure"]["message"]
    assert pid_of(endpoint) == pid
    (gates / "broken").unlink()
    shown = make.sdk.update_deployment(endpoint.name, replace_pods=True)
    assert shown["failure"] is None
    assert pid_of(endpoint) != pid


def test_a_full_queue_refuses_calls_with_the_time_to_try_again(make: Maker, holds: Holds) -> None:
    endpoint = make.endpoint(max_queue=1)
    running, waiting = holds.start(endpoint).begun(), holds.start(endpoint)
    wait_until(lambda: statuses(make, endpoint) == ["Running", "Pending"])
    answer = endpoint.post({"what": "count", "argument": None})
    assert (answer.status_code, answer.json()["name"]) == (503, "Overloaded")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["additional_data"]["retry_after_s"] == int(answer.headers["retry-after"])
    wrapped = endpoint.post({"what": "count"}, url=endpoint.url.replace("points/", "points/v1/"))
    assert (wrapped.status_code, "retry-after" in wrapped.headers) == (503, True)
    assert statuses(make, endpoint) == ["Running", "Pending"]
    # What is answered with an id waits in the database, of which there is enough.
    later = make.sdk.trigger_endpoint(endpoint.name, None, {"what": "count"}, False)
    wait_until(lambda: statuses(make, endpoint) == ["Running", "Pending", "Running"])
    assert running.result().status_code == waiting.result().status_code == 200
    assert make.sdk.retrieve_endpoint_results(endpoint.name, later["execution_id"])["outputs"]
    assert statuses(make, endpoint) == ["Succeeded"] * 3


# Ends


def test_disabling_frees_the_pods_and_enabling_starts_new_ones(make: Maker, holds: Holds) -> None:
    endpoint = make.endpoint()
    pid = pid_of(endpoint)
    running, waiting = holds.start(endpoint).begun(), holds.start(endpoint)
    wait_until(lambda: statuses(make, endpoint)[1:] == ["Running", "Pending"])
    accepted = [
        make.sdk.trigger_endpoint(endpoint.name, None, {"what": "give", "argument": n}, False)
        for n in range(2)
    ]
    shown = make.sdk.update_deployment(endpoint.name, is_enabled=False)
    assert (shown["status"], shown["pods"]) == ("disabled", [])
    assert endpoint.post({"what": "count"}).status_code == 409
    for call in (running, waiting):
        answer = call.answer.result(30)
        assert answer.json()["additional_data"]["failure"] == "cancelled"
        assert "disabled" in answer.json()["message"]
    wait_until(lambda: is_gone(pid), what="the pod ends")
    wait_until(lambda: statuses(make, endpoint) == ["Succeeded", *["Failed"] * 2, *["Pending"] * 2])
    assert make.sdk.update_deployment(endpoint.name, is_enabled=True)["status"] == "up"
    for number, item in enumerate(accepted):
        results = make.sdk.retrieve_endpoint_results(endpoint.name, item["execution_id"])
        assert results["outputs"] == {"value": number}
    assert endpoint.do("count")["calls"] == 1


def test_deleting_ends_what_runs_and_leaves_no_process(make: Maker, holds: Holds) -> None:
    endpoint = make.endpoint(pods=2)
    pids = {pid_of(endpoint)}
    calls = [holds.start(endpoint).begun(), holds.start(endpoint).begun(), holds.start(endpoint)]
    wait_until(lambda: statuses(make, endpoint)[1:] == ["Running", "Running", "Pending"])
    make.sdk.delete_deployment(endpoint.name)
    assert all(is_gone(pid) for pid in pids)
    with pytest.raises(NotFound):
        make.sdk.get_deployment(endpoint.name)
    for call in calls:
        answer = call.answer.result(30)
        assert answer.json()["additional_data"]["failure"] == "cancelled"
    assert statuses(make, endpoint) == ["Succeeded", "Failed", "Failed", "Failed"]
    assert endpoint.post({"what": "count"}).status_code == 404


def test_deleting_under_load_leaves_every_call_answered_or_refused(make: Maker) -> None:
    endpoint = make.endpoint()
    with load(endpoint) as answers:
        wait_until(lambda: len(answers) > 50)
        make.sdk.delete_deployment(endpoint.name)
        wait_until(lambda: answers[-1].status_code == 404)
    codes = {answer.status_code for answer in answers}
    assert codes <= {200, 404, 409, 500}, codes
    for answer in answers:
        if answer.status_code == 500:
            assert answer.json()["additional_data"]["failure"] == "cancelled", answer.text
    found = {item["execution_id"]: item["status"] for item in make.executions(endpoint.name)}
    done = [a.json()["execution_id"] for a in answers if a.status_code == 200][-100:]
    assert {found[execution_id] for execution_id in done} == {"Succeeded"}


def test_deleting_a_pipeline_ends_the_pods_of_its_deployments(make: Maker) -> None:
    slow_end = "\nimport atexit\natexit.register(time.sleep, 30)\n"
    pipeline = make.pipeline("do", SOURCE + slow_end)
    endpoint = make.endpoint(pipeline=pipeline)
    pid = pid_of(endpoint)
    deleted = make.sdk.delete_pipeline(pipeline, force_deployments_deletion=True)
    assert [item["name"] for item in deleted["deployments"]] == [endpoint.name]
    assert is_gone(pid)


# Schedules


def test_a_periodic_deployment_runs_in_its_pod(make: Maker, hasty: RunningServer) -> None:
    pipeline = make.pipeline("tick", GATED)
    early_in_a_minute()
    made = make.create(
        pipeline=pipeline, rule="periodic", schedule="* * * * *", overlap="queue_one"
    )
    assert make_overdue(hasty, make.sdk, made["name"], pipeline, 1) == ["ran"]
    (found,) = make.executions(made["name"])[:1]
    make.sdk.retrieve_pipeline_execution_outputs(found["execution_id"])
    assert make.execution(found["execution_id"])["fire_at"] is not None
    said = [line["message"] for line in make.sdk.get_pipeline_execution_logs(found["execution_id"])]
    at_import = [line["message"] for line in make.sdk.get_deployment_logs(made["name"])]
    assert said[0].startswith("process")
    assert said[0] in at_import
