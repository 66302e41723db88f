"""Nothing accepted is lost, and nothing is left behind, whatever is killed."""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.conftest import wait_until
from tests.system.work_pipelines import make_pipelines, processes_of, sdk_of

from headrace import PipelineExecutionFailed

pytestmark = pytest.mark.system


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


def start(sdk: Any, pipeline: str, **inputs: Any) -> str:
    run = sdk.run_pipeline(pipeline_name=pipeline, inputs=inputs, wait_for_completion=False)
    return str(run["execution_id"])


def wait_for_more(acknowledged: list[Any], what: str) -> None:
    """Wait until more than three have been added to a list that threads fill."""
    before = len(acknowledged)
    wait_until(lambda: len(acknowledged) > before + 3, what=what)


def wait_for_end(sdk: Any, execution_id: str) -> None:
    ended = {"Succeeded", "Error"}
    wait_until(lambda: status(sdk, execution_id) in ended, what=f"{execution_id} ends")


def status(sdk: Any, execution_id: str) -> str:
    return str(sdk.get_pipeline_execution(execution_id)["status"])


def test_a_killed_server_ends_what_ran_and_runs_what_waited(
    own_server: Any, tmp_path: Path, marker: Path
) -> None:
    server = own_server(HEADRACE_MAX_EXECUTIONS="2")
    sdk = sdk_of(server)
    make_pipelines(sdk, tmp_path / "code", "slow", "quick", "family")
    running = [start(sdk, "family", seconds=600, marker=str(marker)) for _ in range(2)]
    wait_until(lambda: marker.exists() and marker.read_text().count("\n") == 6)
    waiting = [start(sdk, "quick", number=number) for number in range(5)]
    assert [status(sdk, execution_id) for execution_id in waiting] == ["Pending"] * 5

    server.kill()
    wait_until(lambda: not processes_of(server), what="the killed server's processes end")
    server.start()

    sdk = sdk_of(server)
    for execution_id in running:
        execution = sdk.get_pipeline_execution(execution_id)
        assert execution["status"] == "Error"
        assert "server stopped" in execution["failure"]["message"]
        assert execution["end_date"] is not None
    for number, execution_id in enumerate(waiting):
        assert sdk.retrieve_pipeline_execution_outputs(execution_id)["outputs"] == {
            "number": number
        }
    assert not any(psutil.pid_exists(int(pid)) for pid in marker.read_text().split())


def test_leftovers_of_a_killed_server_and_template_are_killed_at_the_next_start(
    own_server: Any, tmp_path: Path, marker: Path
) -> None:
    server = own_server()
    sdk = sdk_of(server)
    make_pipelines(sdk, tmp_path / "code", "family")
    execution_id = start(sdk, "family", seconds=600, marker=str(marker))
    wait_until(lambda: marker.exists() and marker.read_text().count("\n") == 3)
    templates = [p for p in processes_of(server) if p.ppid() == server.process.pid]
    assert templates
    # Stopped first, so that nobody is left to clean up after anybody.
    for process in [*templates, psutil.Process(server.process.pid)]:
        process.suspend()
    server.kill()
    for process in templates:
        process.kill()

    server.start()
    wait_until(lambda: not processes_of(server), what="leftovers end")
    assert status(sdk_of(server), execution_id) == "Error"


def test_a_killed_template_ends_its_executions_at_once_and_is_replaced(
    own_server: Any, tmp_path: Path, marker: Path
) -> None:
    server = own_server()
    sdk = sdk_of(server)
    make_pipelines(sdk, tmp_path / "code", "slow")
    execution_id = start(sdk, "slow", seconds=600, marker=str(marker))
    wait_until(marker.exists)
    for process in psutil.Process(server.process.pid).children():
        process.kill()
    with pytest.raises(PipelineExecutionFailed):
        sdk.retrieve_pipeline_execution_outputs(execution_id)
    assert status(sdk, execution_id) == "Error"
    result = sdk.run_pipeline(pipeline_name="slow", inputs={"seconds": 0, "marker": str(marker)})
    assert result["outputs"] == {"number": 0}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_killed_execution_fails_and_keeps_its_log(
    own_server: Any, tmp_path: Path, number: signal.Signals
) -> None:
    server = own_server()
    sdk = sdk_of(server)
    make_pipelines(sdk, tmp_path / "code", "die")
    with pytest.raises(PipelineExecutionFailed, match=number.name) as caught:
        sdk.run_pipeline(pipeline_name="die", inputs={"signal": int(number)})
    execution_id = caught.value.details["execution_id"]
    assert status(sdk, execution_id) == "Failed"
    messages = [line["message"] for line in sdk.get_pipeline_execution_logs(execution_id)]
    assert "last words" in messages


def test_a_stopped_server_leaves_nothing_running(
    own_server: Any, tmp_path: Path, marker: Path
) -> None:
    server = own_server(HEADRACE_STOP_GRACE_S="0", HEADRACE_EXECUTION_GRACE_S="0.5")
    sdk = sdk_of(server)
    make_pipelines(sdk, tmp_path / "code", "family")
    execution_id = start(sdk, "family", seconds=600, marker=str(marker))
    wait_until(lambda: marker.exists() and marker.read_text().count("\n") == 3)
    assert server.stop() == 0
    assert not processes_of(server)
    server.start()
    execution = sdk_of(server).get_pipeline_execution(execution_id)
    assert execution["status"] == "Error"
    assert "stopped" in execution["failure"]["message"]


def test_a_stopping_server_lets_what_runs_end(
    own_server: Any, tmp_path: Path, marker: Path
) -> None:
    server = own_server(HEADRACE_STOP_GRACE_S="30")
    sdk = sdk_of(server)
    make_pipelines(sdk, tmp_path / "code", "slow")
    execution_id = start(sdk, "slow", seconds=2, marker=str(marker))
    wait_until(marker.exists)
    assert server.stop() == 0
    server.start()
    result = sdk_of(server).retrieve_pipeline_execution_outputs(execution_id)
    assert result["outputs"] == {"number": 2}


def test_cancelling_leaves_no_process(own_server: Any, tmp_path: Path, marker: Path) -> None:
    server = own_server(HEADRACE_EXECUTION_GRACE_S="0.5", HEADRACE_MAX_EXECUTIONS="1")
    sdk = sdk_of(server)
    make_pipelines(sdk, tmp_path / "code", "family", "quick")
    running = start(sdk, "family", seconds=600, marker=str(marker))
    wait_until(lambda: marker.exists() and marker.read_text().count("\n") == 3)
    waiting = start(sdk, "quick", number=1)
    behind = start(sdk, "quick", number=2)
    for execution_id in (waiting, running):
        cancelled = sdk.cancel_pipeline_execution(execution_id)
        assert cancelled["status"] == "Failed"
        assert cancelled["failure"]["kind"] == "cancelled"
    assert not any(psutil.pid_exists(int(pid)) for pid in marker.read_text().split())
    assert sdk.retrieve_pipeline_execution_outputs(behind)["outputs"] == {"number": 2}


def test_a_time_limit_ends_the_whole_family(own_server: Any, tmp_path: Path, marker: Path) -> None:
    server = own_server(HEADRACE_EXECUTION_TIMEOUT_S="2", HEADRACE_EXECUTION_GRACE_S="0.2")
    sdk = sdk_of(server)
    make_pipelines(sdk, tmp_path / "code", "family")
    marker.touch()
    # On a busy machine not all of a family may be there when its time is up.
    while marker.read_text().count("\n") < 3:
        marker.write_text("")
        with pytest.raises(PipelineExecutionFailed, match="within 2 s"):
            sdk.run_pipeline(pipeline_name="family", inputs={"seconds": 600, "marker": str(marker)})
        assert not any(psutil.pid_exists(int(pid)) for pid in marker.read_text().split())


def test_waiting_executions_start_in_the_order_of_their_arrival(
    own_server: Any, tmp_path: Path, marker: Path
) -> None:
    server = own_server(HEADRACE_MAX_EXECUTIONS="1")
    sdk = sdk_of(server)
    make_pipelines(sdk, tmp_path / "code", "slow", "quick")
    first = start(sdk, "slow", seconds=1, marker=str(marker))
    others = [start(sdk, "quick", number=number) for number in range(8)]
    for execution_id in [first, *others]:
        sdk.retrieve_pipeline_execution_outputs(execution_id)
    started = [sdk.get_pipeline_execution(i)["start_date"] for i in [first, *others]]
    assert started == sorted(started)


def test_a_build_under_way_is_taken_up_again(own_server: Any, tmp_path: Path) -> None:
    server = own_server()
    sdk = sdk_of(server)
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "f.py").write_text("import six\ndef f():\n    return {}\n")
    (folder / "requirements.txt").write_text("six\n")
    sdk.create_pipeline(
        pipeline_name="built",
        function_path="f.py",
        function_name="f",
        container_config={"local_folder": str(folder), "requirements_path": "requirements.txt"},
        wait_for_completion=False,
    )
    server.kill()
    server.start()
    sdk = sdk_of(server)
    pipeline = sdk.get_pipeline("built", wait_for_completion=True)
    assert pipeline["creation_info"]["status"] == "ready"
    assert sdk.run_pipeline(pipeline_name="built")["outputs"] == {}


def test_only_one_server_runs_on_a_data_directory(own_server: Any) -> None:
    server = own_server()
    other = type(server)(server.data_dir.parent / "other")
    other.data_dir = server.data_dir
    with pytest.raises(AssertionError, match="already"):
        other.start()
    assert httpx.get(f"{server.url}/api/v1/health").status_code == 200


def test_servers_killed_at_random_moments_lose_nothing(own_server: Any, tmp_path: Path) -> None:
    """Clients submit without pause while the server is killed again and again."""
    seed = random.randrange(1 << 32)
    moments = random.Random(seed)
    server = own_server(HEADRACE_MAX_EXECUTIONS="3")
    make_pipelines(sdk_of(server), tmp_path / "code", "quick")
    acknowledged: list[tuple[str, int]] = []
    done = threading.Event()

    def submit(client: int) -> None:
        number = client * 1_000_000
        sdk = sdk_of(server)
        while not done.is_set():
            number += 1
            try:
                acknowledged.append((start(sdk, "quick", number=number), number))
            except Exception:  # noqa: BLE001 - the server is being killed; only acknowledgements count
                time.sleep(0.05)

    clients = [threading.Thread(target=submit, args=(client,)) for client in range(3)]
    for client in clients:
        client.start()
    try:
        for _ in range(5):
            wait_for_more(acknowledged, what=f"seed {seed}")
            time.sleep(moments.uniform(0, 0.3))
            server.kill()
            server.start()
    finally:
        done.set()
        for client in clients:
            client.join(60)

    sdk = sdk_of(server)
    for execution_id, number in acknowledged:
        wait_for_end(sdk, execution_id)
        execution = sdk.get_pipeline_execution(execution_id)
        if execution["status"] == "Succeeded":
            assert execution["outputs"][0]["value"] == number
        else:
            assert execution["failure"]["kind"] == "worker_lost"
    assert len(acknowledged) > 20
