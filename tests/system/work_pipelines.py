"""Pipelines for the tests that kill things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil

from headrace import HeadraceSdk, Input, Output

SOURCE = '''\
import os
import subprocess
import sys
import time


def quick(number):
    return {"number": number}


def slow(seconds, marker):
    print("begins", flush=True)
    open(marker, "a").write("x")
    time.sleep(seconds)
    return {"number": seconds}


def family(seconds, marker):
    """Leave a child, a grandchild in a session of its own, and a daemon behind."""
    code = "import time; time.sleep(600)"
    children = [
        subprocess.Popen([sys.executable, "-c", code]).pid,
        subprocess.Popen([sys.executable, "-c", code], start_new_session=True).pid,
    ]
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open(marker, "a").write(f"{os.getpid()}\\n")
            time.sleep(600)
        os._exit(0)
    for pid in children:
        open(marker, "a").write(f"{pid}\\n")
    time.sleep(seconds)
    return {"number": seconds}


def die(signal):
    print("last words", flush=True)
    os.kill(os.getpid(), int(signal))
    time.sleep(60)


def chatter(number):
    for index in range(number):
        print("line", index)
    return {"number": number}


def ticks(number):
    for index in range(number):
        print("tick", index, flush=True)
        time.sleep(0.5)
    return {"number": number}
'''

FUNCTIONS: dict[str, list[Input]] = {
    "quick": [Input("number", "number")],
    "slow": [Input("seconds", "number"), Input("marker", "string")],
    "family": [Input("seconds", "number"), Input("marker", "string")],
    "die": [Input("signal", "number")],
    "chatter": [Input("number", "number")],
    "ticks": [Input("number", "number")],
}


def make_pipelines(sdk: HeadraceSdk, folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "work.py").write_text(SOURCE)
    for name in names:
        outputs = [] if name == "die" else [Output("number", "number")]
        sdk.create_pipeline(
            pipeline_name=name,
            function_path="work.py",
            function_name=name,
            container_config={"local_folder": str(folder)},
            inputs=FUNCTIONS[name],
            outputs=outputs,
        )


def sdk_of(server: Any) -> HeadraceSdk:
    return HeadraceSdk(sdk_token=server.token, environment_url=server.url)


def processes_of(server: Any) -> list[psutil.Process]:
    """The processes that work for a server: templates, executions and what those started."""
    root = str(server.data_dir)
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.cwd(), *process.environ().values()]
        except psutil.Error:
            continue
        if any(root in word for word in words) and "serve" not in process.cmdline():
            found.append(process)
    return found
