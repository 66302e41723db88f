"""``headrace replay`` and ``headrace cancel``, against a real server."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conftest import wait_until

from headrace import HeadraceSdk, InvalidRequest, Unavailable
from headrace.cli.parameters import input_from_text, output_from_text
from headrace.client.chosen_executions import Choice, check_choice

pytestmark = pytest.mark.system

CODE = """
import pathlib
import time


def ratio(a, b=1, wait=0, gate=None):
    time.sleep(wait)
    while gate is not None and not pathlib.Path(gate).exists():
        time.sleep(0.01)
    return {"ratio": a / b}
"""
NAME = "replayed"


@pytest.fixture(scope="module")
def sdk(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("replayed")
    (folder / "main.py").write_text(CODE)
    with HeadraceSdk(server.token, server.url) as made:
        inputs = ["a:number!", "b:number", "wait:number", "gate:string"]
        made.create_pipeline(
            NAME,
            "main.py",
            "ratio",
            container_config={"local_folder": str(folder)},
            inputs=[input_from_text(text) for text in inputs],
            outputs=[output_from_text("ratio:number")],
        )
        yield made
        made.delete_pipeline(NAME, force_deployments_deletion=True)


@pytest.fixture
def deployment(sdk):
    name = f"replayed-{uuid.uuid4().hex[:8]}"
    sdk.create_deployment(NAME, name, "endpoint")
    yield name
    sdk.cancel_executions(deployment_name=name)
    sdk.delete_deployment(name)


@pytest.fixture
def call(sdk, deployment):
    """Starts a call and returns its execution's id, once it has ended unless told otherwise."""
    token = sdk.get_deployment(deployment)["endpoint_token"]

    def start(waits=True, **inputs):
        started = sdk.trigger_endpoint(deployment, token, inputs, wait_for_completion=False)
        if waits:
            sdk.wait_until_ended(started["execution_id"], lambda: False)
        return started["execution_id"]

    return start


def statuses(sdk, deployment):
    """Status and what it repeats, of each execution, oldest first."""
    found = sdk.list_executions(deployment_name=deployment)["items"]
    return [(item["status"], item["rerun_of"]) for item in reversed(found)]


def test_what_failed_is_run_again_once(headrace, sdk, deployment, call):
    failed = [call(a=number, b=0) for number in (1, 2)]
    call(a=3)
    options = ("replay", "--deployment", deployment, "-i", "b=2")
    preview = headrace.said(*options, "--dry-run")
    assert "again   2 executions (2 Failed)" in preview
    assert "2 of user_error: ZeroDivisionError: division by zero" in preview
    assert "code    current: version 1 (2)" in preview
    assert len(statuses(sdk, deployment)) == 3
    done = headrace(*options, "--yes")
    assert (done.returncode, done.stdout) == (0, "started    2\nsucceeded  2\nfailed     0\n")
    # They start together, in any order.
    assert {of for _, of in statuses(sdk, deployment)[3:]} == set(failed)
    again = headrace.json(*options, "--yes")
    assert (again["started"], again["plan"]["already_run_again"]) == (0, 2)
    assert len(statuses(sdk, deployment)) == 5


def test_what_fails_again_is_told_by_reason_and_chosen_by_the_next(headrace, sdk, deployment, call):
    first = call(a=1, b=0)
    done = headrace("replay", "--deployment", deployment, "--original", "--yes")
    assert done.returncode == 1
    assert "failure    1 of user_error: ZeroDivisionError" in done.stdout
    found = sdk.replay_executions(deployment_name=deployment, inputs={"b": 1}, status="failed")
    assert found["succeeded"] == 1
    newest = statuses(sdk, deployment)
    assert [status for status, _ in newest] == ["Failed", "Failed", "Succeeded"]
    assert newest[1][1] == first


def test_what_cannot_be_repeated_is_said_before(headrace, sdk, deployment, call):
    call(a=1, b=0)
    plan = sdk.replay_executions(deployment_name=deployment, inputs={"c": 1}, dry_run=True)
    assert plan["count"] == 0
    (refused,) = plan["refused"]
    assert refused["count"] == 1
    assert "there is no input 'c'" in refused["problem"]
    done = headrace("replay", "--deployment", deployment, "--version", 7, "--yes")
    assert done.returncode == 1
    assert "has no version 7" in done.stderr


def test_reasons_times_and_limits_choose(sdk, deployment, call):
    ids = [call(a=number, b=0) for number in range(3)]
    waiting = call(waits=False, a=1, wait=60)
    sdk.cancel_pipeline_execution(waiting)

    def chosen(**which):
        return sdk.replay_executions(deployment_name=deployment, dry_run=True, **which)

    assert chosen()["count"] == 4
    assert chosen(reason="cancelled")["first"] == [waiting]
    assert chosen(reason=["user_error"], limit=2)["first"] == ids[:2]
    assert chosen(reason=["user_error"], limit=2)["beyond_limit"] == 1
    assert chosen(version=2)["count"] == 0
    assert chosen(status="Succeeded")["count"] == 0


def test_an_interrupted_replay_says_what_goes_on_and_how(headrace, sdk, deployment, call, tmp_path):
    gate = tmp_path / "gate"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: call(a=number, b=0), range(5)))
    process = headrace.start(
        *("replay", "--deployment", deployment, "--parallel", 2, "--yes", "--since", "1h"),
        *("-i", "b=1", "-i", f"gate={gate}"),
    )
    wait_until(lambda: len(statuses(sdk, deployment)) == 7)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert [line.split() for line in out.decode().splitlines()] == [
        ["started", "2"],
        ["succeeded", "0"],
        ["failed", "0"],
        ["going", "on", "2"],
        ["not", "started", "3"],
    ]
    gate.touch()
    again = err.decode().rpartition("goes on by: headrace ")[2]
    found = headrace.json(*shlex.split(again))
    assert (found["started"], found["succeeded"]) == (3, 3)
    assert found["plan"]["already_run_again"] == 2
    assert len(statuses(sdk, deployment)) == 10


@pytest.mark.parametrize(("answer", "code", "count"), [("y", 0, 2), ("n", 1, 1)])
def test_a_terminal_is_asked(headrace, sdk, deployment, call, answer, code, count):
    call(a=1, b=0)
    mine, its = pty.openpty()
    arguments = ("replay", "--deployment", deployment, "-i", "b=1")
    with headrace.start(*arguments, stdin=its) as process:
        os.write(mine, f"{answer}\n".encode())
        out, err = process.communicate(timeout=60)
    os.close(mine)
    os.close(its)
    assert (process.returncode, out.startswith(b"started")) == (code, answer == "y")
    assert f"Run 1 executions of deployment {deployment} again?".encode() in err
    assert len(statuses(sdk, deployment)) == count


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "--yes"], "give --deployment or --pipeline"),
        (["cancel", "--yes"], "give --deployment or --pipeline"),
        (["replay", "--pipeline", NAME], "give --yes"),
        (["cancel", "--pipeline", NAME], "give --yes"),
        (["replay", "--pipeline", NAME, "--yes", "--status", "running"], "status must be one of"),
        (["cancel", "--pipeline", NAME, "--yes", "--status", "failed"], "status must be one of"),
        (["replay", "--pipeline", NAME, "--yes", "--parallel", "99"], "--parallel"),
        (["replay", "--pipeline", NAME, "--yes", "--limit", "0"], "--limit"),
        (["replay", "--pipeline", NAME, "--yes", "--original", "--current"], "exclude each other"),
    ],
)
def test_mistakes_are_usage(headrace, sdk, arguments, words):
    done = headrace(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_what_waits_and_what_runs_is_cancelled(headrace, sdk, deployment, call):
    ids = [call(waits=False, a=1, wait=60) for _ in range(3)]
    options = ("cancel", "--deployment", deployment)
    assert headrace.said(*options, "--dry-run").startswith("3 would be cancelled (")
    found = headrace.json(*options, "--yes")
    assert (found["cancelled"], found["not_started"]) == (3, 0)
    for one in ids:
        assert sdk.get_pipeline_execution(one)["failure"]["kind"] == "cancelled"
    assert headrace.said(*options, "--yes") == "cancelled  0\n"


def test_pending_ones_alone_are_cancelled(sdk, deployment, call):
    running = call(waits=False, a=1, wait=60)
    assert sdk.cancel_executions(deployment_name=deployment, status="pending")["cancelled"] == 0
    shown = sdk.cancel_executions(deployment_name=deployment, dry_run=True)
    assert (shown["chosen"], shown["cancelled"]) == (1, 0)
    assert sdk.get_pipeline_execution(running)["status"] == "Running"


def test_a_server_that_is_gone_ends_it_with_what_was_done(own_server, tmp_path, monkeypatch):
    monkeypatch.setattr("headrace.client.replays.PATIENCE_S", 0.0)
    monkeypatch.setattr("headrace.client.waiting.PATIENCE_S", 0.0)
    server = own_server()
    (tmp_path / "main.py").write_text("def ratio():\n    1 / 0\n")
    with HeadraceSdk(server.token, server.url) as sdk:
        sdk.create_pipeline(
            "p", "main.py", "ratio", container_config={"local_folder": str(tmp_path)}
        )
        for _ in range(3):
            execution_id = sdk.run_pipeline("p", wait_for_completion=False)["execution_id"]
            sdk.wait_until_ended(execution_id, lambda: False)
        told = []

        def stop_after_one(done, of, failed):
            told.append((done, of, failed))
            server.kill()

        with pytest.raises(Unavailable):
            sdk.replay_executions(pipeline_name="p", parallel=1, on_progress=stop_after_one)
        assert told == [(1, 3, 1)]


@pytest.mark.parametrize(
    ("choice", "more"),
    [(Choice(), {}), (Choice("p", statuses=("odd",)), {}), (Choice("p"), {"parallel": 0})],
)
def test_choices_are_checked(choice, more):
    with pytest.raises(InvalidRequest):
        check_choice(choice, ("Failed",), **({"parallel": 1, "limit": None} | more))


def test_json_of_a_dry_run_is_the_plan(headrace, sdk):
    plan = json.loads(headrace.said("replay", "--pipeline", NAME, "--dry-run", "--json"))
    assert plan["code"] == "current"
