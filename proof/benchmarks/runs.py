"""Recorded runs and endpoint calls, against bare processes, all in one run.

The unit is what a bare ``python -c pass`` takes with the interpreter of the pipeline's environment.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from proof.benchmarks.running import Running, running_server

from headrace import HeadraceSdk, Input, Output

SOURCE = """\
import numpy
import pandas
import sklearn.ensemble
import sklearn.linear_model


def scale(number):
    return {"number": number * 2}
"""
TRIVIAL = """\
def scale(number):
    return {"number": number * 2}
"""
FLOOR = """\
import os, statistics, sys, time
sys.path.insert(0, sys.argv[1])
import work
times = []
for _ in range(60):
    begin = time.perf_counter()
    child = os.fork()
    if child == 0:
        work.scale(1)
        os._exit(0)
    os.waitpid(child, 0)
    times.append(time.perf_counter() - begin)
print(statistics.median(times))
"""
REQUIREMENTS = "scikit-learn==1.9.1\npandas==3.1.1\n"
CLIENTS = 16
TRIVIAL_RUNS = 640
ROUNDS = 60
PAUSE_S = 0.1
ROOT = "/api/v1"
ALONE = "bare python -c pass by itself"


def median(work: Callable[[], object], rounds: int = ROUNDS, pause_s: float = 0) -> float:
    """Return the median time of ``work`` in seconds, after a warm-up.

    With a pause before each, it is what one costs that comes by itself; without, one of many.
    """
    for _ in range(3):
        work()
    times = []
    for _ in range(rounds):
        time.sleep(pause_s)
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


class Caller:
    """A caller on one connection, with as little between it and the server as possible."""

    def __init__(self, server: Running) -> None:
        self.connection = HTTPConnection(server.url.removeprefix("http://"), timeout=60)
        self.headers = {"Content-Type": "application/json"}
        body = json.dumps({"refresh_token": server.token})
        token = self.ask("POST", f"{ROOT}/auth/refresh", body)["access_token"]
        self.headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def ask(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        """Send one request and return its answer."""
        self.connection.request(method, path, body, self.headers)
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status < 300, content
        found: dict[str, Any] = json.loads(content)
        return found

    def submit(self, pipeline: str) -> str:
        """Start a run and return its id."""
        path = f"{ROOT}/pipelines/{pipeline}/run"
        return str(self.ask("POST", path, "json_inputs=%7B%22number%22%3A4%7D")["execution_id"])

    def outputs(self, execution_id: str) -> None:
        """Wait for a run's outputs."""
        self.ask("GET", f"{ROOT}/executions/{execution_id}/outputs?wait_for_completion=true")

    def run(self, pipeline: str) -> None:
        """Start a run and wait for its outputs."""
        self.outputs(self.submit(pipeline))


def submission(caller: Caller) -> float:
    """Return the median time of a submission, nothing else running."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        execution_id = caller.submit("trivial")
        times.append(time.perf_counter() - begin)
        caller.outputs(execution_id)
    return statistics.median(times)


def create(sdk: HeadraceSdk, name: str, source: str, requirements: str | None) -> float:
    """Create a pipeline; return the seconds until it was ready."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "work.py").write_text(source)
        config = {"local_folder": folder, "requirements_path": None}
        if requirements:
            Path(folder, "requirements.txt").write_text(requirements)
            config["requirements_path"] = "requirements.txt"
        begin = time.perf_counter()
        sdk.create_pipeline(
            pipeline_name=name,
            function_path="work.py",
            function_name="scale",
            container_config={k: v for k, v in config.items() if v},
            inputs=[Input("number", "number")],
            outputs=[Output("number", "number")],
        )
        return time.perf_counter() - begin


def throughput(server: Running) -> float:
    """Return trivial runs per second with 16 clients at once."""

    def work() -> None:
        caller = Caller(server)
        for _ in range(TRIVIAL_RUNS // CLIENTS):
            caller.run("trivial")

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return TRIVIAL_RUNS / (time.perf_counter() - begin)


def endpoint_call(server: Running, sdk: HeadraceSdk) -> Callable[[], None]:
    """Return a call of an elastic endpoint of the scientific pipeline."""
    made = sdk.create_deployment("scientific", "scientific", "endpoint")
    caller = Caller(server)
    caller.headers = {
        "Authorization": f"EndpointToken {made['endpoint_token']}",
        "Content-Type": "application/json",
    }

    def call() -> None:
        caller.ask("POST", "/endpoints/scientific", '{"number": 4}')

    return call


def floor(server: Running) -> tuple[float, float, float, float]:
    """Return seconds of a bare interpreter, of one by itself, of one with imports, of a fork."""
    environments = server.data_dir / "environments"
    python = next(
        path
        for path in environments.glob("*/bin/python")
        if list(path.parents[1].glob("lib/*/site-packages/sklearn"))
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "work.py").write_text(SOURCE)

        def start() -> None:
            subprocess.run([python, "-c", "pass"], check=True)

        bare, alone = median(start, 30), median(start, 30, PAUSE_S)
        fresh = median(
            lambda: subprocess.run([python, "-c", "import work"], cwd=folder, check=True), 5
        )
        done = subprocess.run(
            [python, "-c", FLOOR, folder], capture_output=True, text=True, check=True
        )
    return bare, alone, fresh, float(done.stdout)


def main() -> None:
    """Measure, and print one table."""
    with running_server() as server, HeadraceSdk(server.token, server.url) as sdk:
        time.sleep(2)
        idle = server.memory_bytes()
        create(sdk, "trivial", TRIVIAL, None)
        first = create(sdk, "scientific", SOURCE, REQUIREMENTS)
        second = create(sdk, "second", SOURCE + "\n", REQUIREMENTS)
        caller = Caller(server)
        caller.run("scientific")
        call = endpoint_call(server, sdk)
        rows: dict[str, list[float]] = {}
        # Interleaved, so that a noisy moment does not fall on one of them alone.
        for _ in range(3):
            bare, alone, fresh, fork = floor(server)
            for name, seconds in (
                ("bare python -c pass", bare),
                (ALONE, alone),
                ("fresh interpreter with the imports", fresh),
                ("bare fork of a loaded interpreter", fork),
                ("submission of a run", submission(caller)),
                ("recorded run, trivial", median(lambda: caller.run("trivial"))),
                ("recorded run, scikit-learn imported", median(lambda: caller.run("scientific"))),
                ("elastic endpoint, scikit-learn imported", median(call)),
                (
                    "recorded run by itself, scikit-learn imported",
                    median(lambda: caller.run("scientific"), 30, PAUSE_S),
                ),
                (
                    "endpoint call by itself, scikit-learn imported",
                    median(call, 30, PAUSE_S),
                ),
            ):
                rows.setdefault(name, []).append(seconds)
        rates = [throughput(server) for _ in range(3)]
        unit = statistics.median(rows["bare python -c pass"])
        unit_alone = statistics.median(rows[ALONE])
        print(f"{'':48}{'median':>12}{'of python -c pass':>20}")
        for name, times in rows.items():
            seconds = statistics.median(times)
            of = unit_alone if "by itself" in name else unit
            print(f"{name:48}{seconds * 1000:9.2f} ms{seconds / of:19.2f}x")
        print(f"{'trivial runs, 16 clients':48}{statistics.median(rates):9.1f} /s")
        print(f"{'idle server, resident':48}{idle / 2**20:9.1f} MiB")
        print(f"{'server after all that, resident':48}{server.memory_bytes() / 2**20:9.1f} MiB")
        print(f"{'scientific pipeline, created to ready':48}{first:9.2f} s")
        print(f"{'second pipeline with the same requirements':48}{second:9.2f} s")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
