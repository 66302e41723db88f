"""What a notebook shows: cells run by IPython, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

pytestmark = pytest.mark.system

NOTEBOOK = """
import sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance(colors="NoColor")
shell.run_cell("from headrace import HeadraceSdk, Input\\nsdk = HeadraceSdk()")
for cell in sys.stdin.read().split("\\n---\\n"):
    print("=== cell", flush=True)
    shell.run_cell(cell, store_history=True)
"""


@pytest.fixture
def cells(server, tmp_path) -> Iterator[object]:
    """Starts a process that runs cells."""
    started = []
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path)}

    def start(*texts: str, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", NOTEBOOK],
            env=environ | server.client_environ | more,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        assert process.stdin
        process.stdin.write("\n---\n".join(texts))
        process.stdin.close()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def shown(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text = process.stdout.read()
    assert process.wait(60) == 0
    return text.split("=== cell\n", 1)[1]


def test_a_failed_run_shows_its_own_traceback_and_none_of_our_frames(cells, pipeline):
    said = shown(
        cells(f"inputs = {{'reason': 'too bad'}}\nsdk.run_pipeline({pipeline('fail')!r}, inputs)")
    )
    assert "PipelineExecutionFailed: ValueError: too bad" in said
    assert re.search(r"^Execution [0-9a-f-]{36} failed, there:$", said, re.MULTILINE)
    assert "raise ValueError(reason)" in said
    assert re.findall(r'File "(.*?)", line \d+, in fail', said) == ["main.py"]
    assert "sdk.get_pipeline_execution_logs('" in said
    assert "/headrace/client/" not in said
    # Which line of the cell it was is said, too.
    assert said.count("sdk.run_pipeline(") == 1
    assert len(said.splitlines()) < 16


def test_a_mistake_is_shown_with_the_line_of_the_cell(cells, pipeline):
    said = shown(cells(f"x = 1\nsdk.run_pipeline({pipeline('add')!r}, {{'number4': 1}})"))
    assert "InvalidValue: " in said
    assert "number4" in said
    assert "/headrace/" not in said


def test_a_function_of_a_cell_is_deployed_and_shows_no_token(cells, sdk):
    try:
        said = shown(
            cells(
                "import json\nLIMIT = 3",
                "def of_cell(x: float):\n    return {'y': json.dumps(x + LIMIT)}",
                "deployed = sdk.deploy(of_cell, endpoint='of-cell')\ndeployed",
                "print(sdk.trigger_endpoint('of-cell', deployed.token, {'x': 1})['outputs'])\n"
                "print(deployed.token in repr(deployed) + deployed._repr_html_())",
                "def wrong(x: float):\n    return sdk.list_pipelines()\nsdk.deploy(wrong)",
            )
        )
    finally:
        sdk.delete_pipeline("of_cell", force_deployments_deletion=True)
    assert "pipeline  of_cell" in said
    assert "{'y': '4'}\nFalse\n" in said
    assert "InvalidCode: 'wrong' cannot be deployed from here: it uses 'sdk', which is" in said
    assert "/headrace/client/" not in said


def test_a_server_that_is_down_is_one_line(cells):
    down = {"HEADRACE_ENVIRONMENT_URL": "http://127.0.0.1:9", "HEADRACE_CONTROL_URL": ""}
    said = shown(cells("sdk.list_pipelines()", **down))
    wanted = "Unavailable: No server answers at http://127.0.0.1:9: is `headrace serve` running? "
    lines = [line for line in said.splitlines() if "Unavailable" in line]
    assert lines == [f"{wanted}(Connection refused)"]
    assert "/headrace/" not in said
    assert "socket" not in said


def test_who_interrupts_a_cell_is_told_what_goes_on(cells, pipeline, sdk):
    wait = (
        "import signal, threading, os, time\n"
        "def stop():\n"
        "    while not sdk.list_executions(1, status='Running')['items']:\n"
        "        time.sleep(0.05)\n"
        # The cell has its answer by then, and waits for the end.
        "    time.sleep(1)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=stop).start()\n"
        f"sdk.run_pipeline({pipeline('wait')!r}, {{'seconds': 60}})"
    )
    said = shown(cells(wait, "print('next')"))
    found = re.search(
        r"WaitInterrupted: Execution (\S+) goes on\. sdk\.cancel_pipeline_execution\('(\S+)'\)",
        said,
    )
    assert found, said
    assert found[1] == found[2]
    assert "/headrace/" not in said
    assert "next" in said
    sdk.cancel_pipeline_execution(found[1])


def test_a_script_shows_the_traceback_of_the_run_as_well(server, pipeline):
    program = f"from headrace import HeadraceSdk\nHeadraceSdk().run_pipeline({pipeline('fail')!r})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], **server.client_environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert 'File "main.py"' in done.stderr
    assert "During handling" not in done.stderr
