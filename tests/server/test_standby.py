"""A server that is paused, resumed and killed in between, asked by all who may ask it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from craft_ai_sdk import CraftAiSdk
from craft_ai_sdk.exceptions import SdkException
from tests.conftest import HEADRACE, RunningServer, clean_environ, wait_until

from headrace import HeadraceError, HeadraceSdk, Input, InvalidRequest, Output, ServerPaused
from headrace.client.messages import Json, Request
from headrace.wire import routes

pytestmark = pytest.mark.system

SOURCE = """
import time
from pathlib import Path


def add(a, b):
    return {"sum": a + b}


def hold(path):
    while not Path(path).exists():
        time.sleep(0.02)
    return {"path": path}
"""


@dataclass
class House:
    """A server of one's own with pipelines and deployments, and a user at it."""

    server: RunningServer
    folder: Path
    tokens: dict[str, str]

    @contextmanager
    def sdk(self) -> Iterator[HeadraceSdk]:
        with HeadraceSdk(self.server.token, self.server.url) as sdk:
            yield sdk

    @property
    def status(self) -> str:
        answer = httpx.get(f"{self.server.url}/api/v1/environment-info", trust_env=False)
        return str(answer.json()["environment_status"])

    def call(self, client: httpx.Client, name: str) -> httpx.Response:
        return client.post(
            f"{self.server.url}/endpoints/{name}",
            json={"a": 1, "b": 2},
            headers={"authorization": f"EndpointToken {self.tokens[name]}"},
        )

    def write_status(self, status: str) -> None:
        """Leave the record that a server leaves which is killed right after that step."""
        at = "2026-05-04T12:00:00+00:00"
        paused_since = None if status == "resuming-step-2" else at
        value = {"status": status, "since": at, "paused_since": paused_since}
        with closing(sqlite3.connect(self.server.data_dir / "headrace.db")) as database, database:
            database.execute(
                "INSERT INTO settings (key, value) VALUES ('standing', ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [json.dumps(value)],
            )


@pytest.fixture
def house(own_server: Callable[..., RunningServer], tmp_path: Path) -> House:
    server = own_server(HEADRACE_MAX_EXECUTIONS="1")
    (tmp_path / "code").mkdir()
    (tmp_path / "code/main.py").write_text(SOURCE)
    tokens = {}
    with HeadraceSdk(server.token, server.url) as sdk:
        make(sdk, tmp_path, "add", [Input("a", "number"), Input("b", "number")], "sum")
        make(sdk, tmp_path, "hold", [Input("path", "string")], "path")
        for name, mode in (("elastic", "elastic"), ("warm", "low_latency")):
            made = sdk.create_deployment("add", name, "endpoint", mode)
            tokens[name] = made["endpoint_token"]
    return House(server, tmp_path, tokens)


def make(sdk: HeadraceSdk, folder: Path, name: str, inputs: list[Input], output: str) -> Any:
    return sdk.create_pipeline(
        name,
        "main.py",
        name,
        container_config={"local_folder": str(folder / "code")},
        inputs=inputs,
        outputs=[Output(output, "number" if output == "sum" else "string")],
    )


def checked(server: RunningServer) -> list[str]:
    """What ``headrace check`` says of the server and the state of its directory."""
    command: list[str | Path] = [HEADRACE, "check", "--data-dir", server.data_dir]
    done = subprocess.run(
        command, capture_output=True, text=True, env=clean_environ(), check=True, timeout=60
    )
    return [words for words in ("is paused", "it is well") if words in done.stdout]


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(ServerPaused) as info:
        action()
    return info.value.message


def test_a_paused_server_takes_no_work_keeps_everything_and_says_so(house: House) -> None:
    server = house.server
    with house.sdk() as sdk, httpx.Client(trust_env=False, timeout=60) as client:
        first = sdk.run_pipeline("add", {"a": 1, "b": 2})
        for name in house.tokens:
            assert house.call(client, name).json()["outputs"] == {"sum": 3}
        assert sdk.pause_environment(60)["environment_status"] == "standby"
        before = len(sdk.list_executions()["items"])
        # On the connection whose next call would not even have been parsed.
        for name in [*house.tokens, "warm"]:
            answer = house.call(client, name)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
            assert answer.json()["name"] == "ServerPaused"
        wrong = client.post(
            f"{server.url}/endpoints/warm", json={}, headers={"authorization": "EndpointToken x"}
        )
        assert wrong.status_code == 401
        for action in (
            lambda: sdk.run_pipeline("add", {"a": 1, "b": 2}),
            lambda: sdk.trigger_endpoint("elastic", None, {"a": 1, "b": 2}),
            lambda: sdk.trigger_endpoint("warm", house.tokens["warm"], {"a": 1, "b": 2}),
            lambda: sdk.rerun_execution(first["execution_id"]),
            lambda: make(sdk, house.folder, "other", [], "sum"),
        ):
            assert "takes no work: nothing was started" in refused(action)
        public = CraftAiSdk(server.token, server.url, server.url)
        with pytest.raises(SdkException, match="headrace resume"):
            public.run_pipeline("add", {"a": 1, "b": 2})
        assert len(public.list_pipelines()) == 2
        # All that is no work goes on.
        assert len(sdk.list_executions()["items"]) == before
        assert sdk.get_pipeline_execution(first["execution_id"])["status"] == "Succeeded"
        sdk.create_or_update_environment_variable("WORD", "kept")
        assert {item["status"] for item in sdk.list_deployments()} == {"standby"}
        assert sdk.get_deployment("warm")["pods"] == []
        made = sdk.create_deployment("add", "later", "endpoint", "low_latency")
        assert made["status"] == "standby"
        assert all(part["status"] == "ok" for part in sdk.get_health().values())
    assert checked(server) == ["is paused", "it is well"]
    server.kill()
    assert checked(server) == ["is paused"]
    server.start()
    assert house.status == "standby"
    said = server.log.read_text()
    assert said.count("the server is paused: it keeps everything and takes no work") == 2
    with house.sdk() as sdk, httpx.Client(trust_env=False, timeout=60) as client:
        assert house.call(client, "warm").status_code == 503
        assert sdk.resume_environment(60)["environment_status"] == "ready"
        for name in house.tokens:
            assert house.call(client, name).json()["outputs"] == {"sum": 3}
        assert {item["status"] for item in sdk.list_deployments()} == {"up"}
        assert sdk.run_pipeline("add", {"a": 2, "b": 2})["outputs"]["sum"] == 4


def test_what_runs_ends_by_itself_and_what_is_pending_waits(house: House) -> None:
    gate = house.folder / "gate"
    with house.sdk() as sdk:
        running, waiting = (
            sdk.run_pipeline("hold", {"path": str(gate)}, wait_for_completion=False)["execution_id"]
            for _ in range(2)
        )

        def status_of(execution_id: str) -> str:
            return str(sdk.get_pipeline_execution(execution_id)["status"])

        wait_until(lambda: status_of(running) == "Running")
        found = sdk.pause_environment(0)
        assert (found["environment_status"], found["running"]) == ("pausing-step-1", 1)
        assert found["pending"] == 1
        # Both may be asked for again, and one in the midst of the other.
        assert sdk.pause_environment(0)["environment_status"] == "pausing-step-1"
        assert sdk.resume_environment(60)["environment_status"] == "ready"
        assert sdk.resume_environment(0)["environment_status"] == "ready"
        assert sdk.pause_environment(0)["environment_status"] == "pausing-step-1"
        gate.touch()
        assert sdk.pause_environment(60)["environment_status"] == "standby"
        assert (status_of(running), status_of(waiting)) == ("Succeeded", "Pending")
        time.sleep(0.2)  # that it stays so
        assert status_of(waiting) == "Pending"
        sdk.resume_environment(60)
        wait_until(lambda: status_of(waiting) == "Succeeded")


@pytest.mark.parametrize(
    ("step", "end"),
    [
        ("pausing-step-1", "standby"),
        ("pausing-step-2", "standby"),
        ("resuming-step-1", "ready"),
        ("resuming-step-2", "ready"),
    ],
)
def test_a_server_that_is_killed_in_a_step_takes_the_steps_that_are_left(
    own_server: Callable[..., RunningServer], tmp_path: Path, step: str, end: str
) -> None:
    house = House(own_server(), tmp_path, {})
    house.server.kill()
    house.write_status(step)
    house.server.start()
    wait_until(lambda: house.status == end, what=end)
    assert house.server.stop() == 0


def test_what_cannot_be_asked_for_is_refused_in_words(
    own_server: Callable[..., RunningServer],
) -> None:
    server = own_server()
    with HeadraceSdk(server.token, server.url) as sdk:
        environment_id = sdk.get_environment()["environment_id"]

        def ask(body: object, of: str = environment_id) -> object:
            return sdk._transport.call(
                routes.CHANGE_ENVIRONMENT, Request(body=Json(body)), environment_id=of
            )

        with pytest.raises(InvalidRequest, match="status must be"):
            ask({"status": "standby"})
        with pytest.raises(InvalidRequest, match="unknown key"):
            ask({"status": "pausing-step-1", "force": True})
        with pytest.raises(HeadraceError, match="There is no environment 'other'"):
            ask({"status": "pausing-step-1"}, "other")
        assert sdk.get_environment()["environment_status"] == "ready"
        url = f"{server.url}/api/v1/environments/{environment_id}"
        nobody = httpx.patch(url, json={"status": "pausing-step-1"}, trust_env=False)
        assert nobody.status_code == 401
