"""A server whose executions run on a cluster, as its users see it (run by test_on_a_cluster.py)."""

from __future__ import annotations

import io
import json
import os
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.cluster.cluster_bench import CLUSTER, TOKEN
from tests.conftest import HEADRACE, RunningServer, clean_environ, wait_until
from tests.console.conftest import desk_at

from headrace import HeadraceSdk, Input, Output

SOURCE = """
    import json, os, subprocess, time, urllib.request
    from pathlib import Path

    def fn(text, go):
        print("one", flush=True)
        while not os.path.exists(go):
            time.sleep(0.05)
        print("two", flush=True)
        return {"text": text.upper()}

    def files(data):
        content = Path(data["path"]).read_bytes()
        Path("back.bin").write_bytes(content[::-1])
        return {"back": {"path": "back.bin"}}

    def waits(mark: str):
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        Path(mark).write_text(f"{os.getpid()} {child.pid}")
        print("begun", flush=True)
        time.sleep(600)

    def answer(path, method="GET", body=None, token=""):
        request = urllib.request.Request(
            os.environ["HEADRACE_ENVIRONMENT_URL"] + "/api/v1" + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": "Bearer " + token, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as got:
            return json.load(got)

    def pipelines():
        sent = {"refresh_token": os.environ["HEADRACE_SDK_TOKEN"]}
        token = answer("/auth/refresh", "POST", sent)["access_token"]
        return len(answer("/pipelines", token=token))

    at_import = pipelines()

    def asks() -> dict:
        return {"names": [at_import > 0, pipelines() > 0]}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    root = tmp_path_factory.mktemp("cluster")
    environ = {"HEADRACE_ENGINE": f"ray://{os.environ[CLUSTER]}", "HEADRACE_RAY_TOKEN": TOKEN}
    made = RunningServer(root / "data", environ).start()
    yield made
    assert made.stop() == 0, made.log.read_text()


@pytest.fixture(scope="module")
def sdk(running: RunningServer) -> HeadraceSdk:
    return HeadraceSdk(running.token, running.url)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("folder")
    (made / "f.py").write_text(textwrap.dedent(SOURCE))
    return made


def deploy(sdk: HeadraceSdk, folder: Path, function: str, **more: Any) -> None:
    sdk.create_pipeline(
        function,
        "f.py",
        function,
        container_config={"local_folder": str(folder)},
        **more,
    )


def is_living(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_nodes_are_listed_with_what_they_have(running: RunningServer, sdk: HeadraceSdk) -> None:
    wait_until(lambda: len(sdk.list_nodes()) == 2 and all(n["memory"] for n in sdk.list_nodes()))
    nodes = sdk.list_nodes()
    assert sorted(node["gpus"] for node in nodes) == [0, 1]
    assert all(node["processors"] == 1 and node["problem"] is None for node in nodes)
    command = [str(HEADRACE), "--json", "nodes", "list"]
    environ = {**os.environ, **running.client_environ}
    said = subprocess.run(command, env=environ, capture_output=True, check=True).stdout
    assert [node["id"] for node in json.loads(said)] == [node["id"] for node in nodes]
    with desk_at(running) as desk:
        shown = desk.web.get("/monitoring").text
    assert "Nodes of the cluster" in shown
    assert all(node["address"] in shown for node in nodes)


def test_check_names_the_nodes(tmp_path: Path) -> None:
    environ = {
        **clean_environ(),
        "HEADRACE_DATA_DIR": str(tmp_path / "data"),
        "HEADRACE_ENGINE": f"ray://{os.environ[CLUSTER]}",
        "HEADRACE_RAY_TOKEN": TOKEN,
    }
    command = [str(HEADRACE), "check"]
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    assert "1 processors, takes executions" in said
    assert TOKEN not in said


def test_values_go_there_and_back_and_lines_come_while_it_runs(
    sdk: HeadraceSdk, folder: Path, tmp_path: Path
) -> None:
    inputs = [Input("text", "string"), Input("go", "string")]
    deploy(sdk, folder, "fn", inputs=inputs, outputs=[Output("text", "string")])
    go = tmp_path / "go"
    begun = sdk.run_pipeline("fn", {"text": "é", "go": str(go)}, wait_for_completion=False)
    execution = begun["execution_id"]

    def lines() -> list[str]:
        return [line["message"] for line in sdk.get_pipeline_execution_logs(execution)]

    wait_until(lambda: "one" in lines())
    assert sdk.get_pipeline_execution(execution)["status"] == "Running"
    go.touch()
    wait_until(lambda: sdk.get_pipeline_execution(execution)["status"] == "Succeeded")
    assert lines()[-2:] == ["one", "two"]
    assert sdk.retrieve_pipeline_execution_outputs(execution)["outputs"]["text"] == "É"


def test_large_files_go_there_and_back(sdk: HeadraceSdk, folder: Path) -> None:
    content = os.urandom(5 << 20)
    deploy(
        sdk,
        folder,
        "files",
        inputs=[Input("data", "file")],
        outputs=[Output("back", "file")],
    )
    ended = sdk.run_pipeline("files", {"data": io.BytesIO(content)})
    assert ended["outputs"]["back"] == content[::-1]


def test_cancelling_ends_the_whole_tree(sdk: HeadraceSdk, folder: Path, tmp_path: Path) -> None:
    deploy(sdk, folder, "waits", inputs=[Input("mark", "string")])
    mark = tmp_path / "mark"
    begun = sdk.run_pipeline("waits", {"mark": str(mark)}, wait_for_completion=False)
    wait_until(lambda: mark.exists() and len(mark.read_text().split()) == 2)
    sdk.cancel_pipeline_execution(begun["execution_id"])
    wait_until(lambda: sdk.get_pipeline_execution(begun["execution_id"])["status"] == "Failed")
    wait_until(lambda: not any(is_living(int(pid)) for pid in mark.read_text().split()))


def test_code_on_a_node_reaches_the_server_while_it_is_imported_and_in_a_call(
    sdk: HeadraceSdk, folder: Path
) -> None:
    deploy(sdk, folder, "asks", outputs=[Output("names", "json")])
    assert sdk.run_pipeline("asks")["outputs"] == {"names": [True, True]}


def test_an_execution_of_a_killed_agent_is_an_error(
    sdk: HeadraceSdk, folder: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    begun = sdk.run_pipeline("waits", {"mark": str(mark)}, wait_for_completion=False)
    wait_until(lambda: mark.exists() and len(mark.read_text().split()) == 2)
    agents = [one for one in psutil.process_iter() if "ray::Agent" in one.name()]
    above = {parent.pid for parent in psutil.Process(int(mark.read_text().split()[0])).parents()}
    [agent] = [one for one in agents if one.pid in above]
    agent.kill()
    wait_until(lambda: sdk.get_pipeline_execution(begun["execution_id"])["status"] == "Error")
    assert "was lost while waits() ran" in str(sdk.get_pipeline_execution(begun["execution_id"]))
    wait_until(lambda: not any(is_living(int(pid)) for pid in mark.read_text().split()))
    # The other node takes what comes meanwhile.
    assert sdk.run_pipeline("fn", {"text": "a", "go": "/"})["outputs"]["text"] == "A"
