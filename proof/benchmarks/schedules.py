"""Schedules: delay from fire time to start, cost of idle ones, and lists of a million executions.

``python -m proof.benchmarks.schedules [delay] [idle] [list] [minutes=N]`` runs the parts that are
named, or the first three; ``minutes=N`` makes recorded runs for so long and counts what goes wrong.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from proof.benchmarks.running import Running, restarted, running_server
from proof.benchmarks.runs import ROOT, Caller

from headrace import HeadraceError, HeadraceSdk

SOURCE = """\
def work():
    return None
"""
DUE = (100, 1000)
IDLE = 10_000
IDLE_S = 20
STORED = 1_000_000
PAGES = 40
AHEAD_S = 8


def pipeline(server: Running, folder: Path) -> HeadraceSdk:
    """Create a pipeline without inputs and run it once, so that it is warm."""
    (folder / "main.py").write_text(SOURCE)
    sdk = HeadraceSdk(sdk_token=server.token, environment_url=server.url, verbose_log=False)
    sdk.create_pipeline("work", "main.py", "work", container_config={"local_folder": str(folder)})
    sdk.run_pipeline("work")
    return sdk


def deploy(sdk: HeadraceSdk, count: int, schedule: str) -> None:
    """Create many deployments of one schedule."""

    def create(number: int) -> None:
        sdk.create_deployment(
            "work", f"d{number:05}", "periodic", schedule=schedule, wait_for_completion=False
        )

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(create, range(count)))


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which a part of the values lies."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def delays(count: int, **environ: str) -> tuple[list[float], list[float]]:
    """Return, for deployments that are due in one minute, seconds to the row and to the start."""
    with tempfile.TemporaryDirectory() as folder, running_server(**environ) as server:
        sdk = pipeline(server, Path(folder))
        seconds_left = 60 - time.time() % 60
        # All of them are to be there well before the minute that is measured.
        minute = int(
            time.time() + seconds_left + (0 if seconds_left > AHEAD_S + count / 60 else 60)
        )
        minute -= minute % 60
        at = datetime.fromtimestamp(minute, UTC)
        deploy(sdk, count, f"{at.minute} {at.hour} * * *")
        sdk.run_pipeline("work")
        time.sleep(max(0.0, minute - time.time()))
        rows: list[float] = []
        starts: list[float] = []
        database = sqlite3.connect(server.data_dir / "headrace.db")
        while len(starts) < count and time.time() < minute + 120:
            time.sleep(1)
            rows = [
                (recorded - fired) / 1e6
                for recorded, fired in database.execute("SELECT recorded_at, fire_at FROM ledger")
            ]
            starts = [
                (started - fired) / 1e6
                for started, fired in database.execute(
                    "SELECT started_at, fire_at FROM executions "
                    "WHERE fire_at IS NOT NULL AND ended_at IS NOT NULL"
                )
            ]
        database.close()
        return rows, starts


def delay() -> None:
    """Print how long after its fire time an execution starts."""
    print("Delay from fire time, all due in one minute (ms)")
    print("  deployments  slots   row: last   start: median      p99     last")
    for count in DUE:
        for slots in (None, count) if count == DUE[0] else (None,):
            environ = {} if slots is None else {"HEADRACE_MAX_EXECUTIONS": str(slots)}
            rows, starts = delays(count, **environ)
            print(
                f"  {count:11,} {slots or 'default':>6} {max(rows) * 1e3:11.0f} "
                f"{statistics.median(starts) * 1e3:15.0f} {quantile(starts, 0.99) * 1e3:8.0f} "
                f"{max(starts) * 1e3:8.0f}   ({len(starts)} ended)",
                flush=True,
            )


def idle() -> None:
    """Print the processor time of a server with many schedules of which none is due."""
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        sdk = pipeline(server, Path(folder))
        time.sleep(2)
        bare = _cpu(server)
        deploy(sdk, IDLE, "0 0 1 1 *")
        time.sleep(2)
        print(
            f"Processor time of an idle server in {IDLE_S} s: without schedules {bare:.2f} s, "
            f"with {IDLE:,} of which none is due {_cpu(server):.2f} s"
        )


def _cpu(server: Running) -> float:
    before = server.cpu_s()
    time.sleep(IDLE_S)
    return server.cpu_s() - before


def lists() -> None:
    """Print how long pages of a million executions take."""
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        sdk = pipeline(server, Path(folder))
        deploy(sdk, 1, "0 0 1 1 *")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait()
        _fill(server.data_dir / "headrace.db")
        with restarted(server) as again:
            caller = Caller(again)
            for name, path in (
                ("newest page", "/executions?limit=100"),
                ("page in the middle", f"/executions?limit=100&cursor={_id(STORED // 2)}"),
                ("of one pipeline", "/executions?limit=100&pipeline_name=work"),
                ("failed ones, rare", "/executions?limit=100&status=Failed"),
                ("errors, none", "/executions?limit=100&status=Error"),
                ("latest of a deployment", "/deployments/d00000/executions/latest"),
            ):
                times = [_timed(caller, path) for _ in range(PAGES)]
                print(
                    f"  {name:24} median {statistics.median(times) * 1e3:7.1f} ms   "
                    f"p95 {quantile(times, 0.95) * 1e3:7.1f} ms",
                    flush=True,
                )


def _id(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012x}"


def _fill(path: Path) -> None:
    database = sqlite3.connect(path)
    pipeline_id, user = database.execute("SELECT id, created_by FROM pipelines").fetchone()
    (deployment,) = database.execute("SELECT id FROM deployments").fetchone()
    text = json.dumps([["number", "number", "run", {"run_input_name": "number"}, {"json": 1}]])
    rows = (
        (
            _id(number),
            pipeline_id,
            "work",
            "d00000" if number % 2 else None,
            deployment if number % 2 else None,
            "Failed" if number % 5000 == 0 else "Succeeded",
            number * 1000,
            user,
            number * 1000,
            number * 1000 + 500,
            text,
            text,
            "user_error" if number % 5000 == 0 else None,
            "ValueError: no" if number % 5000 == 0 else None,
            1,
        )
        for number in range(STORED)
    )
    database.executemany(
        "INSERT INTO executions (id, pipeline_id, pipeline_name, deployment_name, deployment_id, "
        "status, created_at, created_by, started_at, ended_at, inputs, outputs, failure_kind, "
        "failure_message, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    database.commit()
    database.close()


def _timed(caller: Caller, path: str) -> float:
    begin = time.perf_counter()
    caller.ask("GET", f"{ROOT}{path}")
    return time.perf_counter() - begin


def minutes(length: float) -> None:
    """Make recorded runs for some minutes and print what went wrong, if anything did."""
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        pipeline(server, Path(folder))
        until = time.monotonic() + length * 60
        counts: dict[str, int] = {}
        lock = threading.Lock()

        def client() -> None:
            sdk = HeadraceSdk(sdk_token=server.token, environment_url=server.url, verbose_log=False)
            while time.monotonic() < until:
                try:
                    sdk.run_pipeline("work")
                    result = "succeeded"
                except HeadraceError as error:
                    result = error.message
                with lock:
                    counts[result] = counts.get(result, 0) + 1

        threads = [threading.Thread(target=client) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        total = sum(counts.values())
        print(f"{total:,} recorded runs in {length:g} minutes ({total / length / 60:.0f}/s)")
        for result, count in counts.items():
            print(f"  {count:,} {result}")


PARTS = {"delay": delay, "idle": idle, "list": lists}


def main(arguments: Sequence[str] = ()) -> None:
    """Run the parts that are named, or all."""
    for name in arguments or PARTS:
        if name.startswith("minutes="):
            minutes(float(name.partition("=")[2]))
        else:
            print(f"-- {name}", flush=True)
            PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
