"""Several processes on one port beside several workers of uvicorn, and beside one process.

    python -m proof.benchmarks.serving.all_cores

All servers are up, and asked in turn. Each answer is checked, each answered call looked up in
the records. From the processor time of each process follows what more cores can serve at most: all
of them together are busy, or the main process is, which records the calls of all.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import NamedTuple

import psutil
from proof.benchmarks.serving.keeping import kept
from proof.benchmarks.serving.load import Measured, OwnClient, Wrk, generator, ids_file
from proof.benchmarks.serving.peers import PEERS, WORKERS
from proof.benchmarks.serving.processes import wait_for_quiet
from proof.benchmarks.serving.recorded import Headrace, headrace
from proof.benchmarks.serving.tables import milliseconds, ratio, table
from proof.benchmarks.serving.targets import Target

ONE, TWO = "Headrace, one process", "Headrace, two processes"
CORES = (8, 16, 32)
WARM_UP_S = 3
SETTLES_S = 2.0


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patience", type=float, default=0)
    parser.add_argument("--connections", type=int, nargs="+", default=[16, 64])
    options = parser.parse_args()
    kept(lambda: measure(options))


def measure(options: argparse.Namespace) -> None:
    """Start the servers, measure, print."""
    load = generator("own")
    seen: dict[tuple[str, int], list[Measured]] = {}
    used: dict[str, list[Cost]] = {}
    lost = 0
    with ExitStack() as stack:
        targets = [stack.enter_context(PEERS["fastapi-workers"].serving())]
        made: dict[str, Headrace] = {}
        for name, processes in ((ONE, 1), (TWO, 2)):
            server = stack.enter_context(headrace(HEADRACE_PROCESSES=str(processes)))
            made[name] = server
            targets.append(replace(server.deploy("low-latency", pods=2), name=name))
        time.sleep(SETTLES_S)
        for target in targets:
            load.load(target, 16, WARM_UP_S)
        for _ in range(options.rounds):
            for connections in options.connections:
                for target in targets:
                    wait_for_quiet(options.patience)
                    measured, gone, cost = _one(
                        load, target, made.get(target.name), connections, options.seconds
                    )
                    seen.setdefault((target.name, connections), []).append(measured)
                    used.setdefault(target.name, []).append(cost)
                    lost += gone
                    print(f"{connections} conn. {target.name}: {measured.per_s:,.0f}/s", flush=True)
    print(_table(seen, options.connections))
    calls = sum(each.answers for key, all_ in seen.items() if key[0] != WORKERS for each in all_)
    print(f"\nHeadrace answered {calls:,} calls. Lost records: {lost}.\n")
    for name, costs in used.items():
        cost = Cost(*(statistics.median(part) for part in zip(*costs, strict=True)))
        print(f"{name}: processor time of a call {cost}.")
    cost = Cost(*(statistics.median(part) for part in zip(*used[TWO], strict=True)))
    for cores in CORES:
        print(f"{cores} cores, {cores // 2} processes: at most {cost.most(cores):,.0f} calls/s")


class Cost(NamedTuple):
    """Processor seconds of a call, all calls taken together.

    Attributes:
        total: Of all processes.
        main: Of the main one.
        front: Of the busiest other one that takes connections; 0 if there is none.
    """

    total: float
    main: float
    front: float

    def __str__(self) -> str:
        """Return them in microseconds."""
        return (
            f"{self.total * 1e6:.0f} us, of which the main process {self.main * 1e6:.0f} and the "
            f"other one {self.front * 1e6:.0f}"
        )

    def most(self, cores: int) -> float:
        """Return how many calls a second so many cores serve, half as many processes, at most.

        A call costs the process that answers it twice what is measured here, as each of two answers
        half of them. What the main one takes beyond that it takes to record those of the others.
        """
        answering = 2 * self.front
        recording = max(0.0, self.main - self.front)
        busiest = answering / (cores // 2) + recording
        return min(cores / self.total, 1 / busiest)


def _one(
    load: Wrk | OwnClient,
    target: Target,
    made: Headrace | None,
    connections: int,
    seconds: float,
) -> tuple[Measured, int, Cost]:
    with ids_file() as answered:
        before = _times(target.pid)
        measured = load.load(target, connections, seconds, None if made is None else answered)
        after = _times(target.pid)
        lost = 0
        if made is not None:
            made.settle()
            lost = made.lost(answered)
    each = {
        pid: (spent - before.get(pid, 0.0)) / max(1, measured.answers)
        for pid, spent in after.items()
    }
    fronts = [each[pid] for pid in each if "headrace.server.fronts.process" in _command(pid)]
    cost = Cost(sum(each.values()), each.get(target.pid, 0.0), max(fronts, default=0.0))
    return measured, lost, cost


def _command(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        return []


def _times(pid: int) -> dict[int, float]:
    """Return the processor seconds of a process and of each below it."""
    found = {}
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        found[process.pid] = times.user + times.system
    return found


def _table(seen: Mapping[tuple[str, int], list[Measured]], counts: list[int]) -> str:
    rows = []
    for name in dict.fromkeys(key[0] for key in seen):
        for count in counts:
            mine, base = seen[name, count], seen[WORKERS, count]
            rows.append(
                [
                    f"{name}, {count} conn.",
                    f"{statistics.median(each.per_s for each in mine):,.0f}",
                    ratio([a.per_s / b.per_s for a, b in zip(mine, base, strict=True)]),
                    milliseconds(statistics.median(each.p50_s for each in mine)),
                    milliseconds(statistics.median(each.p99_s for each in mine)),
                    str(sum(each.wrong + each.errors for each in mine)),
                ]
            )
    head = ("", "requests/s", "of two workers", "p50 ms", "p99 ms", "wrong")
    return f"{os.cpu_count()} cores\n\n" + table(head, rows)


if __name__ == "__main__":
    main()
