"""Headrace beside other servers: requests per second and latency of one addition, interleaved.

All servers are up during the whole run, and one at a time is asked. Each answer is checked; each
answered call of Headrace is looked up among its records.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from proof.benchmarks.serving.flow_runs import Measure, Runs, elastic_runs, flow_runs
from proof.benchmarks.serving.keeping import kept
from proof.benchmarks.serving.load import generator
from proof.benchmarks.serving.peers import FASTAPI, PEERS, NotInstalled, version
from proof.benchmarks.serving.processes import DidNotStart, cpu_s, wait_for_quiet
from proof.benchmarks.serving.recorded import MODES, Headrace, Refused, headrace
from proof.benchmarks.serving.rounds import Plan, Rounds
from proof.benchmarks.serving.tables import milliseconds, ratio, table
from proof.benchmarks.serving.targets import Target

# Left out unless asked for: slower or further variants of what is there.
EXTRAS = frozenset({"fastapi-threads", "fastapi-workers", "low-latency-parallel"})
AT_ONCE = (1, 16)
IDLE_S = 3


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print the tables; no process is left behind, however it ends."""
    options = _options(arguments)
    kept(lambda: measure(options))


def measure(options: argparse.Namespace) -> None:
    """Start all servers, measure, print."""
    chosen = options.only or [name for name in (*PEERS, *MODES) if name not in EXTRAS]
    load = generator(options.generator)
    with ExitStack() as stack:
        made = stack.enter_context(headrace())
        skipped: list[str] = []
        targets = start(chosen, made, stack, skipped)
        idle = _idle(targets)
        rounds = Rounds(FASTAPI)
        plan = Plan(options.rounds, options.connections, options.seconds, options.patience)
        try:
            rounds.run(targets, made, load, plan)
        finally:
            # Of an interrupted run too: what was measured was measured.
            print(f"\n{rounds.report()}\n", flush=True)
        runs = {} if options.without_runs else compare_runs(made, options, stack, skipped)
        if runs:
            print(_runs_report(runs) + "\n")
    print("\n".join(f"Skipped: {line}" for line in skipped) or "Nothing was skipped.")
    versions = [version(folder) for folder in sorted({p.folder for p in PEERS.values()})]
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, load by {load.name}, "
        f"{options.rounds} rounds of {options.seconds:g} s; "
        f"{', '.join(filter(None, [*versions, version('prefect')]))}."
    )
    print(f"The idle servers together took {idle:.1%} of one core. {rounds.others()}")
    if options.json:
        cells = [asdict(cell) for cell in rounds.cells]
        kinds = {name: [[asdict(r) for r in each] for each in seen] for name, seen in runs.items()}
        Path(options.json).write_text(json.dumps({"cells": cells, "runs": kinds}, indent=1))


def start(
    chosen: Sequence[str], made: Headrace, stack: ExitStack, skipped: list[str]
) -> list[Target]:
    """Start what was chosen; what cannot be is noted in ``skipped``."""
    targets = []
    for name in chosen:
        _say(f"starting {name}")
        try:
            if name in MODES:
                targets.append(made.deploy(name))
            else:
                targets.append(stack.enter_context(PEERS[name].serving()))
        except (NotInstalled, DidNotStart, Refused) as error:
            skipped.append(f"{name}: {error}")
            _say(f"skipped {skipped[-1]}")
    return targets


def compare_runs(
    made: Headrace, options: argparse.Namespace, stack: ExitStack, skipped: list[str]
) -> dict[str, list[list[Runs]]]:
    """Measure runs in turn; for each kind, a list for each of ``AT_ONCE``."""
    kinds: dict[str, Measure] = {"Headrace, recorded run": elastic_runs(made)}
    try:
        _say("starting prefect")
        kinds["Prefect, flow run"] = stack.enter_context(flow_runs())
    except (NotInstalled, DidNotStart) as error:
        skipped.append(f"prefect: {error}")
        _say(f"skipped {skipped[-1]}")
    seen: dict[str, list[list[Runs]]] = {name: [[] for _ in AT_ONCE] for name in kinds}
    for number in range(options.rounds):
        for place, at_once in enumerate(AT_ONCE):
            for name, kind in kinds.items():
                wait_for_quiet(options.patience)
                runs = kind(at_once, options.seconds)
                seen[name][place].append(runs)
                _say(f"round {number + 1}, {at_once} at once, {name}: {runs}")
    return seen


def _runs_report(seen: dict[str, list[list[Runs]]]) -> str:
    parts = []
    for place, at_once in enumerate(AT_ONCE):
        base = seen.get("Prefect, flow run")
        rows = []
        for name, kinds in seen.items():
            runs = kinds[place]
            pairs = zip(runs, base[place], strict=True) if base else ()
            rows.append(
                [
                    name,
                    f"{statistics.median(one.per_s for one in runs):,.1f}",
                    ratio([one.per_s / other.per_s for one, other in pairs if other.per_s]),
                    milliseconds(statistics.median(one.p50_s for one in runs)),
                    str(sum(one.wrong for one in runs)),
                    str(sum(one.lost for one in runs)),
                ]
            )
        head = (f"{at_once} at once", "runs/s", "of Prefect", "p50 ms", "wrong", "lost")
        parts.append(table(head, rows))
    return "\n\n".join(parts)


def _idle(targets: Sequence[Target]) -> float:
    pids = sorted({target.pid for target in targets})
    before = cpu_s(pids)
    time.sleep(IDLE_S)
    return (cpu_s(pids) - before) / IDLE_S


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.benchmarks.serving", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--patience", type=float, default=0, help="seconds to wait for a quiet machine, each time"
    )
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 512])
    parser.add_argument("--only", nargs="+", choices=[*PEERS, *MODES], help="what to measure")
    parser.add_argument("--generator", choices=["own", "wrk"], default="own")
    parser.add_argument("--without-runs", action="store_true", help="leave Prefect out")
    parser.add_argument("--json", help="a file for all figures")
    return parser.parse_args(arguments)
