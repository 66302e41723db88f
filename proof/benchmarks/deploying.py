"""How soon changed code answers: Headrace deploys again, others start again; medians of rounds.

Run ``python -m proof.benchmarks.deploying`` on a machine that does nothing else. Each round changes
one line of each application and waits for the first answer of the new line; all take turns.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import count
from pathlib import Path

from proof.benchmarks.deploying_applications import Measure
from proof.benchmarks.deploying_headrace import Deploying, developing
from proof.benchmarks.deploying_peers import restarting, serving_again
from proof.benchmarks.running import running_server
from proof.benchmarks.serving.peers import PEERS, NotInstalled
from proof.benchmarks.serving.tables import table

ROUNDS = 3
RESTARTED = ("fastapi", "litserve", "bentoml")


def all_measures(stack: ExitStack) -> Iterator[tuple[str, Measure]]:
    """Yield what is measured, under the name that the table has for it."""
    for name in RESTARTED:
        yield from _installed(stack, f"{PEERS[name].name}, started again", restarting(PEERS[name]))
    yield from _installed(stack, "Prefect, served again, until a run has ended", serving_again())
    server = stack.enter_context(running_server())
    for mode, low_latency in (("low latency", True), ("elastic", False)):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headrace-peer-")))
        deploying = Deploying(server, folder)
        name = mode.replace(" ", "-")
        command = deploying.by_command(name, low_latency=low_latency)
        python = deploying.from_python(name, low_latency=low_latency)
        yield f"headrace deploy, {mode}", deploying.changed(name, command)
        yield f"sdk.deploy, {mode}", deploying.changed(name, python)
        yield f"headrace deploy, {mode}, nothing changed", deploying.unchanged(command)
        yield f"sdk.deploy, {mode}, nothing changed", deploying.unchanged(python)
        yield f"rollback, {mode}", deploying.back(name, python)
        options = ["--low-latency"] * low_latency
        yield f"headrace dev, {mode}, file saved", stack.enter_context(developing(*options))


def _installed(
    stack: ExitStack, name: str, measuring: AbstractContextManager[Measure]
) -> Iterator[tuple[str, Measure]]:
    try:
        yield name, stack.enter_context(measuring)
    except NotInstalled as error:
        print(f"{name}: not installed: {error}", file=sys.stderr)


def main() -> None:
    """Measure in rounds, and print the table."""
    times: dict[str, list[float]] = {}
    with ExitStack() as stack:
        measures = dict(all_measures(stack))
        numbers = count(10, 2)
        for number in range(ROUNDS + 1):
            for name, measure in measures.items():
                taken = measure(next(numbers))
                # The first round builds environments and fills caches.
                if number:
                    times.setdefault(name, []).append(taken)
    # FastAPI, unless it is not installed.
    first = next(iter(times))
    unit = statistics.median(times[first])
    rows = [
        [
            name,
            f"{statistics.median(taken):.2f} s",
            f"{min(taken):.2f} to {max(taken):.2f}",
            f"{statistics.median(taken) / unit:.2f}",
        ]
        for name, taken in times.items()
    ]
    print(table(["from changed code to its first answer", "median", "range", f"of {first}"], rows))


if __name__ == "__main__":
    main()
