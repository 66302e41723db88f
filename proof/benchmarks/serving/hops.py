"""Where the time of a call goes, seen from outside: no profiler slows what is measured.

Three tables: how far requests get that end earlier and earlier, what the parts cost by themselves,
and which threads are busy during calls, or wait for a core.
"""

from __future__ import annotations

import argparse
import os
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from proof.benchmarks.serving.keeping import kept
from proof.benchmarks.serving.load import Measured, OwnClient
from proof.benchmarks.serving.peers import PEERS
from proof.benchmarks.serving.recorded import MODES, Headrace, Refused, headrace
from proof.benchmarks.serving.tables import table
from proof.benchmarks.serving.targets import Target

CONNECTIONS = (1, 16)
TIMES = 2000
MESSAGE = b"x" * 200
US = 1e6


@dataclass(frozen=True)
class ThreadTime:
    """What one thread had of the processor.

    Attributes:
        name: Which thread of which process.
        busy_ns: How long it ran.
        waited_ns: How long it could have run, and no core was free.
    """

    name: str
    busy_ns: int
    waited_ns: int


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print; no process is left behind, however it ends."""
    parser = argparse.ArgumentParser(
        prog="python -m proof.benchmarks.serving.hops", description=__doc__
    )
    parser.add_argument("--mode", choices=[*MODES], default="low-latency")
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args(arguments)
    kept(lambda: hops(options.mode, options.seconds))


def hops(mode: str, seconds: float) -> None:
    """Print the three tables.

    Raises:
        SystemExit: The server refuses the deployment.
    """
    with headrace() as made, PEERS["floor"].serving() as floor:
        try:
            target = made.deploy(mode)
        except Refused as error:
            raise SystemExit(f"Skipped: {error}") from error
        OwnClient().load(target, CONNECTIONS[-1], 2)
        print(f"\n{target.name}, requests that end at different hops:\n")
        print(_ladder(_rungs(floor, target), seconds))
        print("\nThe parts by themselves, one after the other:\n")
        print(_parts())
        print(f"\nThreads during {CONNECTIONS[-1]} calls at once, microseconds for each call:\n")
        print(_threads(made, target, seconds))


def _rungs(floor: Target, target: Target) -> list[Target]:
    root = target.url.partition("/endpoints/")[0]
    refused = replace(target, expected="")
    return [
        floor,
        replace(refused, name="no such path: 404", url=f"{root}/nowhere", status=404),
        replace(
            refused,
            name="wrong token: 401",
            headers={"Authorization": "EndpointToken wrong"},
            status=401,
        ),
        replace(refused, name="wrong input: 400", body=b'{"number1": "nine"}', status=400),
        replace(target, name="answered and recorded"),
    ]


def _ladder(rungs: Sequence[Target], seconds: float) -> str:
    seen: list[list[Measured]] = [
        [OwnClient().load(rung, count, seconds) for count in CONNECTIONS] for rung in rungs
    ]
    rows = []
    before = [0.0] * len(CONNECTIONS)
    for rung, measured in zip(rungs, seen, strict=True):
        costs = [measured[0].p50_s * US, *(US / one.per_s for one in measured[1:])]
        cells = [
            cell
            for cost, earlier in zip(costs, before, strict=True)
            for cell in (f"{cost:,.0f}", f"{cost - earlier:+,.0f}")
        ]
        rows.append([rung.name, *cells])
        before = costs
    head = ["", "us, p50 of 1", "more", f"us each, {CONNECTIONS[-1]} at once", "more"]
    return table(head, rows)


def _parts() -> str:
    with tempfile.TemporaryDirectory(prefix="headrace-hops-") as folder:
        parts: dict[str, Callable[[], list[float]]] = {
            "200 bytes to another process and back, Unix socket": _echo,
            "4 KiB appended to a file, fdatasync": lambda: _append(Path(folder, "file")),
            "one row in SQLite, WAL, synchronous FULL": lambda: _commit(Path(folder, "database")),
        }
        rows = []
        for name, part in parts.items():
            times = sorted(part())
            rows.append(
                [
                    name,
                    f"{statistics.median(times) * US:,.0f}",
                    f"{times[len(times) * 99 // 100] * US:,.0f}",
                ]
            )
    return table(("", "us, p50", "us, p99"), rows)


def _times(work: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return times


def _echo() -> list[float]:
    near, far = socket.socketpair()
    child = os.fork()
    if child == 0:
        near.close()
        while message := far.recv(4096):
            far.sendall(message)
        os._exit(0)
    far.close()

    def turn() -> None:
        near.sendall(MESSAGE)
        near.recv(4096)

    with near:
        times = _times(turn)
    os.waitpid(child, 0)
    return times


def _append(path: Path) -> list[float]:
    with path.open("ab", buffering=0) as file:

        def append() -> None:
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())

        return _times(append)


def _commit(path: Path) -> list[float]:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE kept (value TEXT)")
        return _times(lambda: database.execute("INSERT INTO kept VALUES (?)", ("x" * 500,)))


def _threads(made: Headrace, target: Target, seconds: float) -> str:
    server = made.server.process.pid
    before = _thread_times(server)
    measured = OwnClient().load(target, CONNECTIONS[-1], seconds)
    made.settle()
    after = _thread_times(server)
    rows = []
    for key, now in after.items():
        earlier = before.get(key, ThreadTime(now.name, 0, 0))
        busy = (now.busy_ns - earlier.busy_ns) / measured.answers / 1000
        waited = (now.waited_ns - earlier.waited_ns) / measured.answers / 1000
        if busy + waited >= 1:
            rows.append([now.name, f"{busy:,.0f}", f"{waited:,.0f}"])
    each = measured.generator_s / measured.answers * US
    rows.append(["the load generator", f"{each:,.0f}", ""])
    rows.append(["one call, by the clock", f"{US / measured.per_s:,.0f}", ""])
    return table(("", "busy", "waited for a core"), rows)


def _thread_times(server: int) -> dict[tuple[int, int], ThreadTime]:
    root = psutil.Process(server)
    found = {}
    for process in (root, *root.children(recursive=True)):
        for place, task in enumerate(sorted(Path(f"/proc/{process.pid}/task").glob("*"), key=_tid)):
            try:
                busy, waited, _ = (task / "schedstat").read_text().split()
            except OSError:
                continue
            whose = "server" if process == root else f"worker {process.pid}"
            name = f"{whose}, {'main thread' if place == 0 else f'thread {place}'}"
            found[process.pid, _tid(task)] = ThreadTime(name, int(busy), int(waited))
    return found


def _tid(task: Path) -> int:
    return int(task.name)


if __name__ == "__main__":
    main(sys.argv[1:])
