"""A function returns what nobody declared: the log and the answer say that it is not kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.conftest import HEADRACE, RunningServer

from headrace import HeadraceSdk, Output

pytestmark = pytest.mark.system

SOURCE = """\
def nothing():
    print("worked")
    return {"score": 1, "table": [1]}


def number():
    return 7


def none():
    return None


def more():
    return {"kept": 1, "lost": 2}
"""

NOTES = {
    "nothing": "nothing() returned a dict with the keys score, table, but no output is declared",
    "number": "number() returned an int: 7, but no output is declared",
    "none": None,
    "more": "more() returned values that no output declares and that are not kept: lost.",
}


@pytest.fixture(scope="module")
def sdk(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadraceSdk]:
    folder = tmp_path_factory.mktemp("not-kept")
    (folder / "main.py").write_text(SOURCE)
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as found:
        for function in NOTES:
            found.create_pipeline(
                f"kept-{function}",
                "main.py",
                function,
                container_config={"local_folder": str(folder)},
                outputs=[Output("kept", "number")] if function == "more" else [],
            )
        yield found
        for function in NOTES:
            found.delete_pipeline(f"kept-{function}", force_deployments_deletion=True)


@pytest.mark.parametrize("function", NOTES)
def test_a_run_says_what_is_not_kept(
    sdk: HeadraceSdk,
    server: RunningServer,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    function: str,
) -> None:
    done = sdk.run_pipeline(f"kept-{function}")
    assert done["outputs"] == ({"kept": 1} if function == "more" else {})
    told = capsys.readouterr().err
    log = [line["message"] for line in sdk.get_pipeline_execution_logs(done["execution_id"])]
    shell = subprocess.run(
        [HEADRACE, "run", f"kept-{function}"],
        env=os.environ | server.client_environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    note = NOTES[function]
    if note is None:
        assert "declare" not in told + shell.stderr + "".join(log)
        return
    assert note in told
    assert note in shell.stderr
    assert [line for line in log if note in line] == [log[-1]]


def test_pods_say_it_once(sdk: HeadraceSdk) -> None:
    made = sdk.create_deployment("kept-more", "kept-more", "endpoint", mode="low_latency")
    headers = {"Authorization": f"EndpointToken {made['endpoint_token']}"}
    said = []
    for _ in range(3):
        answer = httpx.post(made["endpoint_url"], json={}, headers=headers, timeout=60)
        assert answer.json()["outputs"] == {"kept": 1}
        log = sdk.get_pipeline_execution_logs(answer.json()["execution_id"])
        said += [line["message"] for line in log]
    assert len(said) == 1
    assert str(NOTES["more"]) in said[0]
