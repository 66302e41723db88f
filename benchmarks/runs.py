"""Recorded runs and endpoint calls, against bare processes, all in one run.

The unit is what a bare ``python -c pass`` takes with the interpreter of the pipeline's environment.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from benchmarks.running import Running, running_server

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


def median(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the median time of ``work`` in seconds, after a warm-up."""
    for _ in range(3):
        work()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


class Caller:
    """A caller that speaks HTTP with as little between as possible."""

    def __init__(self, server: Running) -> None:
        self.root = f"{server.url}/api/v1"
        self.http = httpx.Client(timeout=60)
        answer = self.http.post(
            f"{self.root}/auth/refresh", json={"refresh_token": server.token}
        ).json()
        self.http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def submit(self, pipeline: str) -> str:
        """Start a run and return its id."""
        answer = self.http.post(
            f"{self.root}/pipelines/{pipeline}/run", data={"json_inputs": '{"number": 4}'}
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["execution_id"])

    def outputs(self, execution_id: str) -> None:
        """Wait for a run's outputs."""
        answer = self.http.get(
            f"{self.root}/executions/{execution_id}/outputs?wait_for_completion=true"
        )
        assert answer.status_code == 200, answer.text

    def run(self, pipeline: str) -> None:
        """Start a run and wait for its outputs."""
        self.outputs(self.submit(pipeline))


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


def endpoint_call(sdk: HeadraceSdk) -> Callable[[], None]:
    """Return a call of an elastic endpoint of the scientific pipeline."""
    made = sdk.create_deployment("scientific", "scientific", "endpoint")
    http = httpx.Client(
        timeout=60, headers={"Authorization": f"EndpointToken {made['endpoint_token']}"}
    )

    def call() -> None:
        answer = http.post(made["endpoint_url"], json={"number": 4})
        assert answer.status_code == 200, answer.text

    return call


def floor(server: Running) -> tuple[float, float, float]:
    """Return seconds of a bare interpreter, of one with the imports, and of a bare fork of it."""
    environments = server.data_dir / "environments"
    python = next(
        path
        for path in environments.glob("*/bin/python")
        if list(path.parents[1].glob("lib/*/site-packages/sklearn"))
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "work.py").write_text(SOURCE)
        bare = median(lambda: subprocess.run([python, "-c", "pass"], check=True), 30)
        fresh = median(
            lambda: subprocess.run([python, "-c", "import work"], cwd=folder, check=True), 5
        )
        done = subprocess.run(
            [python, "-c", FLOOR, folder], capture_output=True, text=True, check=True
        )
    return bare, fresh, float(done.stdout)


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
        call = endpoint_call(sdk)
        rows: dict[str, list[float]] = {}
        bare = fresh = fork = 0.0
        # Interleaved, so that a noisy moment does not fall on one of them alone.
        for _ in range(3):
            bare, fresh, fork = floor(server)
            for name, seconds in (
                ("bare python -c pass", bare),
                ("fresh interpreter with the imports", fresh),
                ("bare fork of a loaded interpreter", fork),
                ("submission of a run", median(lambda: caller.submit("trivial"))),
                ("recorded run, trivial", median(lambda: caller.run("trivial"))),
                ("recorded run, scikit-learn imported", median(lambda: caller.run("scientific"))),
                ("elastic endpoint, scikit-learn imported", median(call)),
            ):
                rows.setdefault(name, []).append(seconds)
        rates = [throughput(server) for _ in range(3)]
        unit = statistics.median(rows["bare python -c pass"])
        print(f"{'':44}{'median':>12}{'of python -c pass':>20}")
        for name, times in rows.items():
            seconds = statistics.median(times)
            print(f"{name:44}{seconds * 1000:9.2f} ms{seconds / unit:19.2f}x")
        print(f"{'trivial runs, 16 clients':44}{statistics.median(rates):9.1f} /s")
        print(f"{'idle server, resident':44}{idle / 2**20:9.1f} MiB")
        print(f"{'server after all that, resident':44}{server.memory_bytes() / 2**20:9.1f} MiB")
        print(f"{'scientific pipeline, created to ready':44}{first:9.2f} s")
        print(f"{'second pipeline with the same requirements':44}{second:9.2f} s")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
