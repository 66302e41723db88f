"""Changes of version that fail, or during which pods or the server are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conftest import RunningServer, wait_until
from tests.overdue import set_back, wake
from tests.rolling import INPUTS, SOURCE, Load, Versions, rows_of
from tests.warm import Endpoint, Maker, maker

from headrace import Input

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that waits for no import for longer than three seconds."""
    data_dir = tmp_path_factory.mktemp("hasty") / "data"
    running = RunningServer(data_dir, {"HEADRACE_START_TIMEOUT_S": "3"}).start()
    yield running
    assert running.stop() == 0
    said = running.log.read_text()
    assert "Traceback" not in said, said


@pytest.fixture(scope="module")
def make(hasty: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    with maker(hasty, tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.mark.parametrize(
    ("prelude", "why"),
    [
        ("raise RuntimeError('not today')", "RuntimeError: not today"),
        ("time.sleep(600)", "within 3 s"),
        ("os._exit(7)", "ended with status 7"),
    ],
    ids=["raises", "hangs", "dies"],
)
def test_pods_that_do_not_come_up_leave_those_before_them(
    make: Maker, versions: Versions, prelude: str, why: str
) -> None:
    endpoint = versions.endpoint()
    # Its build says so as well, but another variable or file might mend it.
    number = versions.deploy(prelude=prelude)
    failed = versions.until_failed(endpoint)
    assert (failed["version"], why in failed["reason"]) == (number, True), failed
    shown = make.sdk.get_deployment(endpoint.name, wait_for_completion=True)
    assert (shown["status"], shown["pipeline"]["version"]) == ("up", 2)
    assert why in shown["failure"]["message"]
    assert {made_by(endpoint) for _ in range(3)} == {1}
    # What is on record first is accepted with the version that answers, not with one that cannot.
    late = endpoint.post({"n": 1}, headers={"Prefer": "respond-async"})
    assert late.headers["headrace-version"] == "1"
    versions.go_to(1)
    versions.until_up(endpoint)
    versions.deploy()
    wait_until(lambda: made_by(endpoint) == 3, what="version 3 answers")
    assert make.sdk.get_deployment(endpoint.name)["failure"] is None


def test_pods_that_do_not_pass_their_probe_leave_those_before_them(
    make: Maker, versions: Versions
) -> None:
    endpoint = versions.endpoint(probe={"n": 7})
    make.sdk.update_deployment(endpoint.name, probe={"n": -1})
    assert made_by(endpoint) == 1
    with_more = SOURCE.replace("place=None)", "place=None, more=0)")
    versions.deploy(with_more, inputs=[*INPUTS, Input("more", "number")])
    failed = versions.until_failed(endpoint)
    # Callers are shown what they can send to the version that answers.
    headers = {"Authorization": f"EndpointToken {endpoint.token}"}
    shown = endpoint.http.get(f"{endpoint.url}/openapi.json", headers=headers).json()
    assert set(shown["components"]["schemas"]["Inputs"]["properties"]) == {"n", "place"}
    assert endpoint.post({"n": 1, "more": 2}).status_code == 400
    assert failed["reason"] == "The probe failed: ValueError: not this one"
    assert made_by(endpoint) == 1
    lines = [line["message"] for line in make.sdk.get_deployment_logs(endpoint.name)]
    assert "ValueError: not this one" in lines
    make.sdk.update_deployment(endpoint.name, probe={"n": 8})
    versions.until_up(endpoint)
    assert made_by(endpoint) == 2
    # It is no execution.
    ids = {item["execution_id"] for item in make.executions(endpoint.name)}
    assert len(ids) == 3


def test_a_fire_time_runs_the_current_version_although_no_pod_has_it(
    hasty: RunningServer, make: Maker, tmp_path: Path
) -> None:
    source = "{prelude}\ndef fn():\n    print('made by version {number}')\n"
    versions = Versions(make, tmp_path)
    versions.deploy(source, [], [])
    made = make.create(pipeline=versions.name, rule="periodic", schedule="0 0 1 1 *")
    gate = tmp_path / "gate"
    prelude = f"import os\nif os.path.exists({str(gate)!r}): raise RuntimeError('not today')"
    gate.touch()
    versions.deploy(source, [], [], prelude=prelude)
    wait_until(
        lambda: (make.sdk.get_deployment(made["name"])["rollout"] or {}).get("status") == "failed",
        what="pods do not come up",
    )
    gate.unlink()
    set_back(hasty, made["name"], datetime.now(UTC))
    wake(make.sdk, versions.name)
    wait_until(lambda: make.executions(made["name"]), what="it fires")
    execution_id = make.executions(made["name"])[0]["execution_id"]
    make.sdk.retrieve_pipeline_execution_outputs(execution_id)
    assert make.execution(execution_id)["pipeline_version"]["version"] == 2
    said = [line["message"] for line in make.sdk.get_pipeline_execution_logs(execution_id)]
    assert "made by version 2" in said


def test_a_change_that_hangs_is_given_up_when_somebody_goes_back(versions: Versions) -> None:
    endpoint = versions.endpoint()
    versions.deploy(prelude="time.sleep(600)")
    wait_until(lambda: versions.rollout(endpoint) is not None, what="the change begins")
    versions.go_to(1)
    versions.until_up(endpoint)
    assert made_by(endpoint) == 1


def test_pods_that_are_killed_in_the_middle_lose_what_they_run_and_no_version(
    hasty: RunningServer, versions: Versions
) -> None:
    load = Load(versions.endpoint(pods=2), bears_losses=True)
    try:
        load.until(50)
        for number in range(6):
            with suppress(ProcessLookupError):
                os.kill(load.pid, signal.SIGKILL)
            version = versions.deploy() if number < 2 else versions.go_to(1 + number % 3)
            with suppress(ProcessLookupError):
                os.kill(load.pid, signal.SIGKILL)
            load.until_made_by(version, 10)
    finally:
        load.end()
    load.check(hasty.data_dir / "headrace.db")


def test_a_server_that_is_killed_in_the_middle_comes_back_with_the_current_version(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    running = own_server()
    database = running.data_dir / "headrace.db"
    with maker(running, tmp_path / "warm") as make:
        versions = Versions(make, tmp_path)
        versions.deploy()
        load = Load(versions.endpoint(), bears_losses=True)
        try:
            load.until(50)
            # Its import takes long enough for the server to die meanwhile.
            version = versions.deploy(prelude="time.sleep(0.5)")
            running.kill()
            running.start()
            load.until_made_by(version, 20)
        finally:
            load.end()
        load.check(database)
        ended = {"Succeeded", "Error"}
        wait_until(lambda: {status for *_, status in rows_of(database)} <= ended, what="all ended")


def test_a_start_with_a_version_that_cannot_start_goes_on_with_the_one_before(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    running = own_server()
    with maker(running, tmp_path / "warm") as make:
        versions = Versions(make, tmp_path)
        versions.deploy()
        endpoint = versions.endpoint()
        assert made_by(endpoint) == 1
        versions.deploy(prelude="raise RuntimeError('not today')")
        versions.until_failed(endpoint)
        running.kill()
        running.start()
        wait_until(lambda: status_of(make, endpoint) == "up", what="pods are up")
        assert made_by(endpoint) == 1
        failed = versions.until_failed(endpoint)
        assert (failed["version"], failed["reason"]) == (2, "RuntimeError: not today")
        # So it is if they end for another reason.
        make.sdk.update_deployment(endpoint.name, is_enabled=False)
        make.sdk.update_deployment(endpoint.name, is_enabled=True)
        assert made_by(endpoint) == 1
        versions.deploy()
        versions.until_up(endpoint)
        assert made_by(endpoint) == 3


def test_a_start_with_a_version_whose_probe_cannot_be_made_goes_on_with_the_one_before(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    running = own_server()
    with maker(running, tmp_path / "warm") as make:
        versions = Versions(make, tmp_path)
        versions.deploy()
        endpoint = versions.endpoint(probe={"n": 7})
        assert made_by(endpoint) == 1
        with_more = SOURCE.replace("n=0, place=None)", "more, n=0, place=None)")
        more = Input("more", "number", is_required=True)
        versions.deploy(with_more, inputs=[*INPUTS, more], force=True)
        reason = versions.until_failed(endpoint)["reason"]
        assert reason.startswith("The probe cannot be made: ")
        running.kill()
        running.start()
        wait_until(lambda: status_of(make, endpoint) == "up", what="pods are up")
        assert made_by(endpoint) == 1
        assert versions.until_failed(endpoint)["reason"] == reason


def status_of(make: Maker, endpoint: Endpoint) -> str:
    found: str = make.sdk.get_deployment(endpoint.name)["status"]
    return found


def made_by(endpoint: Endpoint) -> int:
    """Return the version that makes a call now."""
    answer = endpoint.post({"n": 1})
    assert answer.status_code == 200, answer.text
    made: int = answer.json()["outputs"]["made"]
    assert answer.headers["headrace-version"] == str(made)
    return made
