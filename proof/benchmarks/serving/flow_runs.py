"""Recorded runs without an endpoint: elastic runs of Headrace beside flow runs of Prefect."""

from __future__ import annotations

import json
import select
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proof.benchmarks.runs import ROOT, Caller
from proof.benchmarks.serving.peers import FOLDERS, installed
from proof.benchmarks.serving.processes import DidNotStart, last_words, started
from proof.benchmarks.serving.recorded import PIPELINE, Headrace

FORM = "json_inputs=%7B%22number1%22%3A9%2C%22number2%22%3A6%7D"
ANSWERS_IN_S = 180
PREFECT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(ANSWERS_IN_S),
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    # Each flow run would load the certificates again, 30 ms each time.
    "PREFECT_API_TLS_INSECURE_SKIP_VERIFY": "true",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class Runs:
    """Runs that ended in some seconds.

    Attributes:
        per_s: How many per second.
        p50_s: Median time of one.
        wrong: How many had another result.
        lost: How many have no record of their success.
    """

    per_s: float
    p50_s: float
    wrong: int
    lost: int


Measure = Callable[[int, float], Runs]
"""Takes how many at once and the seconds."""


def elastic_runs(made: Headrace) -> Measure:
    """Return what measures recorded runs of the pipeline, submitted and waited for by HTTP."""

    def measure(at_once: int, seconds: float) -> Runs:
        times: list[float] = []
        ids: list[str] = []
        wrong: list[object] = []
        deadline = time.perf_counter() + seconds

        def work() -> None:
            caller = Caller(made.server)
            while (begin := time.perf_counter()) < deadline:
                submitted = caller.ask("POST", f"{ROOT}/pipelines/{PIPELINE}/run", FORM)
                execution = str(submitted["execution_id"])
                path = f"{ROOT}/executions/{execution}/outputs?wait_for_completion=true"
                outputs = caller.ask("GET", path)
                ended = time.perf_counter()
                ids.append(execution)
                if [one["value"] for one in outputs["outputs"]] != [15]:
                    wrong.append(outputs)
                if ended <= deadline:
                    times.append(ended - begin)

        threads = [threading.Thread(target=work) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with tempfile.NamedTemporaryFile("w", prefix="headrace-answered-") as answered:
            answered.write("\n".join(ids))
            answered.flush()
            lost = made.lost(Path(answered.name))
        return Runs(len(times) / seconds, _median(times), len(wrong), lost)

    return measure


@contextmanager
def flow_runs() -> Iterator[Measure]:
    """Give what measures Prefect's flow runs.

    Raises:
        NotInstalled: Prefect cannot be installed.
        DidNotStart: It does not start.
    """
    programs = installed("prefect")
    with tempfile.TemporaryDirectory(prefix="headrace-peer-") as scratch:
        folder, log = Path(scratch, "folder"), Path(scratch, "log")
        shutil.copytree(FOLDERS / "prefect", folder)
        environ = {**PREFECT, "HOME": scratch, "PREFECT_HOME": f"{scratch}/prefect"}
        command = [programs / "python", "app.py"]
        with started(command, folder, environ, log, is_told=True) as process:
            recorded = int(_line(process, log)["recorded"])

            def measure(at_once: int, seconds: float) -> Runs:
                nonlocal recorded
                assert process.stdin is not None
                process.stdin.write(f"{at_once} {seconds}\n".encode())
                process.stdin.flush()
                seen = _line(process, log)
                times = seen["times"]
                lost = max(0, recorded + len(times) - seen["recorded"])
                recorded = seen["recorded"]
                return Runs(len(times) / seconds, _median(times), seen["wrong"], lost)

            yield measure


def _line(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], ANSWERS_IN_S)
    line = process.stdout.readline() if ready else b""
    if not line:
        raise DidNotStart(last_words(log))
    found: dict[str, Any] = json.loads(line)
    return found


def _median(times: list[float]) -> float:
    return statistics.median(times) if times else float("nan")
