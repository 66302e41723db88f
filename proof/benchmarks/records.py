"""The same server with its records in PostgreSQL and in a file, in turns, in one run.

PostgreSQL is that of the wheel, on this machine, waits for its disk, and is reached by a Unix
socket; what a network between the two would add is not in the figures.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from proof.benchmarks.runs import Caller
from proof.benchmarks.serving.load import OwnClient
from proof.benchmarks.serving.recorded import Headrace, headrace
from proof.benchmarks.serving.tables import table
from proof.benchmarks.serving.targets import Target
from tests.postgres import Postgres

ROUNDS = 5
SECONDS = 4.0
CONNECTIONS = (1, 16, 64)
RUNS = 40
CLIENTS = 8
NAMES = ("a file", "PostgreSQL")


def main(arguments: Sequence[str] = ()) -> None:
    """Print requests per second of both, and their ratio."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    with ExitStack() as stack:
        postgres = Postgres(is_durable=True)
        stack.callback(postgres.close)
        made = [
            stack.enter_context(headrace()),
            stack.enter_context(headrace(HEADRACE_DATABASE=postgres.new_database().url)),
        ]
        targets = [each.deploy("low-latency") for each in made]
        rows = [
            _row(
                f"low latency, {count} connection{'s' * (count > 1)}",
                rounds,
                _calls(targets, count),
            )
            for count in CONNECTIONS
        ]
        callers = [Caller(each.server) for each in made]
        rows.append(_row("recorded runs, one after the other", rounds, _one_by_one(callers)))
        rows.append(_row(f"recorded runs, {CLIENTS} clients", rounds, _at_once(made)))
        print(table(("", *(f"{name}, per s" for name in NAMES), "ratio"), rows))


def _row(name: str, rounds: int, measured: Sequence[Callable[[], float]]) -> list[str]:
    """Measure both in turns; return the medians, and that of the ratios of each round."""
    found: list[list[float]] = [[], []]
    for number in range(rounds + 1):
        for which in (0, 1) if number % 2 else (1, 0):
            per_s = measured[which]()
            if number:
                # The first round is a warm-up.
                found[which].append(per_s)
    ratios = [after / before for before, after in zip(*found, strict=True)]
    medians = (f"{statistics.median(each):,.0f}" for each in found)
    return [name, *medians, f"{statistics.median(ratios):.2f}"]


def _calls(targets: Sequence[Target], connections: int) -> list[Callable[[], float]]:
    client = OwnClient()

    def measure(target: Target) -> float:
        return client.load(target, connections, SECONDS).per_s

    return [lambda target=target: measure(target) for target in targets]  # type: ignore[misc]


def _one_by_one(callers: Sequence[Caller]) -> list[Callable[[], float]]:
    def measure(caller: Caller) -> float:
        begin = time.perf_counter()
        for _ in range(RUNS):
            caller.outputs(_begun(caller))
        return RUNS / (time.perf_counter() - begin)

    return [lambda caller=caller: measure(caller) for caller in callers]  # type: ignore[misc]


def _at_once(made: Sequence[Headrace]) -> list[Callable[[], float]]:
    def measure(callers: Sequence[Caller]) -> float:
        def work(caller: Caller) -> None:
            for _ in range(RUNS // 2):
                caller.outputs(_begun(caller))

        threads = [threading.Thread(target=work, args=(caller,)) for caller in callers]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(callers) * (RUNS // 2) / (time.perf_counter() - begin)

    sets = [[Caller(each.server) for _ in range(CLIENTS)] for each in made]
    return [lambda callers=callers: measure(callers) for callers in sets]  # type: ignore[misc]


def _begun(caller: Caller) -> str:
    path = "/api/v1/pipelines/add/run"
    inputs = "json_inputs=%7B%22number1%22%3A9%2C%22number2%22%3A6%7D"
    return str(caller.ask("POST", path, inputs)["execution_id"])


if __name__ == "__main__":
    main()
