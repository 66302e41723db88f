"""The main job, from nothing: a server, a pipeline from a folder, and two recorded runs.

``KEEP=1`` leaves the server up. Everything is in ``.demo`` in the checkout.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace import HeadraceSdk, Input, NotFound, Output

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".demo"
DATA = HOME / "data"
SERVER_LOG = HOME / "server.log"
HEADRACE = Path(os.environ.get("HEADRACE", ROOT / ".venv" / "bin" / "headrace"))
PIPELINE = "iris"
START_S = 60
STOP_S = 30

INPUTS = [
    Input("measurements", "array", "sepal length and width, petal length and width, in cm"),
    Input("test_share", "number", "share of the flowers that is held out", default_value=0.3),
    Input("seed", "number", "which flowers those are"),
]
OUTPUTS = [
    Output("species", "string"),
    Output("accuracy", "number"),
    Output("probabilities", "json"),
    Output("model", "file", "the trained model"),
]
RUNS = [
    {"measurements": [5.1, 3.5, 1.4, 0.2], "seed": 1},
    {"measurements": [6.7, 3.0, 5.2, 2.3], "seed": 2, "test_share": 0.5},
]


def main() -> int:
    """Run the demonstration; return the exit code."""
    keep = os.environ.get("KEEP") == "1"
    times: list[tuple[str, float]] = []
    HOME.mkdir(mode=0o700, exist_ok=True)
    with part("start the server", times):
        process, url = start_server()
    try:
        token = create_token()
        sdk = HeadraceSdk(sdk_token=token, environment_url=url)
        with part("create the pipeline", times):
            create_pipeline(sdk)
        for number, inputs in enumerate(RUNS, 1):
            with part(f"run {number}", times):
                run(sdk, inputs)
        print_times(times)
        print_next_steps(url if keep else None, token, process)
    except BaseException:
        stop_server(process)
        raise
    if not keep:
        stop_server(process)
    return 0


def start_server() -> tuple[subprocess.Popen[bytes], str]:
    """Start a server on a free port and return it with its URL."""
    log_from = SERVER_LOG.stat().st_size if SERVER_LOG.exists() else 0
    with SERVER_LOG.open("ab") as log:
        os.fchmod(log.fileno(), 0o600)
        process = subprocess.Popen(
            [HEADRACE, "serve", "--data-dir", DATA, "--port", "0"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        said = SERVER_LOG.read_bytes()[log_from:].decode(errors="replace")
        found = re.search(r"^Headrace is at (\S+)$", said, re.MULTILINE)
        if found:
            print(f"  {found[0]}, its data in {DATA.relative_to(ROOT)}")
            return process, found[1]
        if process.poll() is not None:
            sys.exit(f"The server ended at once:\n{said}")
        time.sleep(0.02)
    stop_server(process)
    sys.exit(f"The server did not start within {START_S} s; see {SERVER_LOG}.")


def create_token() -> str:
    """Return a new SDK token, as an operator makes one."""
    name = f"demo-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    command = [str(HEADRACE), "tokens", "create", "--name", name, "--data-dir", str(DATA)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def create_pipeline(sdk: HeadraceSdk) -> None:
    """Create the pipeline, unless an earlier demonstration did, and print the build's log."""
    try:
        if sdk.get_pipeline(PIPELINE)["creation_info"]["status"] == "ready":
            print(f"  pipeline {PIPELINE} is there already")
            return
        sdk.delete_pipeline(PIPELINE)
    except NotFound:
        pass
    sdk.create_pipeline(
        pipeline_name=PIPELINE,
        function_path="src/train.py",
        function_name="train_and_predict",
        container_config={
            "local_folder": str(ROOT / "examples" / "iris"),
            "language": f"python:3.{sys.version_info.minor}-slim",
            "requirements_path": "requirements.txt",
        },
        inputs=INPUTS,
        outputs=OUTPUTS,
        wait_for_completion=False,
    )
    for line in sdk.iter_pipeline_logs(PIPELINE, follow=True):
        print(f"  {line['message']}")
    sdk.get_pipeline(PIPELINE, wait_for_completion=True)


def run(sdk: HeadraceSdk, inputs: dict[str, object]) -> None:
    """Run the pipeline, printing its log as it comes, then its outputs."""
    print(f"  inputs: {inputs}")
    execution_id = sdk.run_pipeline(
        pipeline_name=PIPELINE, inputs=inputs, wait_for_completion=False
    )["execution_id"]
    for line in sdk.iter_execution_logs(execution_id, follow=True):
        print(f"  | {line['message']}")
    for name, value in sdk.retrieve_pipeline_execution_outputs(execution_id)["outputs"].items():
        shown = f"a file of {len(value):,} bytes" if isinstance(value, bytes) else value
        print(f"  {name}: {shown}")


def print_times(times: list[tuple[str, float]]) -> None:
    """Print how long each part took."""
    print("\nHow long it took")
    for name, seconds in times:
        print(f"  {name:<20} {seconds:7.2f} s")


def print_next_steps(url: str | None, token: str, process: subprocess.Popen[bytes]) -> None:
    """Print what to type next."""
    print("\nWhat to type next")
    if url is None:
        print(
            "  make demo KEEP=1                  # leaves the server up, with its URL and a token"
        )
        print("  .venv/bin/headrace serve          # a server of your own, data in ~/.headrace")
        return
    print(f"  The server is up (stop it with: kill {process.pid}). In this shell:")
    print(f"    export HEADRACE_ENVIRONMENT_URL={url}")
    print(f"    export HEADRACE_SDK_TOKEN={token}")
    print(f"    .venv/bin/headrace run {PIPELINE} -i 'measurements=[6.0, 2.9, 4.5, 1.5]' --logs")
    print("    .venv/bin/headrace executions list")
    print("  In Python:")
    print("    from headrace import HeadraceSdk")
    print("    sdk = HeadraceSdk()")
    print(f"    sdk.run_pipeline(pipeline_name='{PIPELINE}',")
    print("                     inputs={'measurements': [6.0, 2.9, 4.5, 1.5]})")


@contextmanager
def part(name: str, times: list[tuple[str, float]]) -> Iterator[None]:
    """Say which part begins, and note how long it takes."""
    print(f"\n{name[0].upper()}{name[1:]}")
    begin = time.monotonic()
    yield
    times.append((name, time.monotonic() - begin))


def stop_server(process: subprocess.Popen[bytes]) -> None:
    """Stop the server and wait until it has ended."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
