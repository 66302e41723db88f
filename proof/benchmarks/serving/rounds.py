"""Interleaved rounds over targets, and what they come to."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from proof.benchmarks.serving.load import Measured, OwnClient, Wrk, ids_file
from proof.benchmarks.serving.processes import cpu_s, machine_s, wait_for_quiet
from proof.benchmarks.serving.recorded import Headrace
from proof.benchmarks.serving.tables import milliseconds, ratio, table
from proof.benchmarks.serving.targets import Target

WARM_UP_S = 2
WARM_UP_CONNECTIONS = 16
HEAD = ("", "requests/s", "of FastAPI", "p50 ms", "p99 ms", "p99/p50", "wrong", "errors", "lost")


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        rounds: How often each target is measured.
        connections: How many connections ask at once, one measurement each.
        seconds: How long a measurement is.
        patience_s: How long to wait, before each, for other work on the machine to end.
    """

    rounds: int
    connections: Sequence[int]
    seconds: float
    patience_s: float


@dataclass(frozen=True)
class Cell:
    """One target at one number of connections in one round.

    Attributes:
        target: The target's name.
        connections: How many connections asked.
        round: Which round.
        measured: What was seen.
        lost: Answered calls without a complete record; None where nothing is recorded.
        others: The share of the machine's processor that other work took meanwhile.
    """

    target: str
    connections: int
    round: int
    measured: Measured
    lost: int | None
    others: float


@dataclass
class Rounds:
    """All cells of a run.

    Attributes:
        base: The name of the target that the others are shares of.
        failures: Measurements that came to nothing, each in a sentence.
    """

    base: str
    cells: list[Cell] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def run(
        self, targets: Sequence[Target], made: Headrace, generator: Wrk | OwnClient, plan: Plan
    ) -> None:
        """Measure each target in turn, for each number of connections, round after round."""
        for target in targets:
            generator.load(target, WARM_UP_CONNECTIONS, WARM_UP_S)
            made.settle()
        for number in range(plan.rounds):
            for count in plan.connections:
                for target in targets:
                    wait_for_quiet(plan.patience_s)
                    try:
                        cell = _cell(target, made, generator, number, count, plan.seconds)
                    except RuntimeError as error:
                        failure = f"{target.name}, {count} connections: {error}"
                        self.failures.append(failure)
                        print(failure, file=sys.stderr, flush=True)
                    else:
                        self.cells.append(cell)
                        _say(cell)

    def ratios(self, target: str, connections: int) -> list[float]:
        """Return the share of the base's requests per second, of the same round each."""
        base = {
            cell.round: cell.measured.per_s
            for cell in self.cells
            if cell.target == self.base and cell.connections == connections
        }
        return [
            cell.measured.per_s / base[cell.round]
            for cell in self._of(target, connections)
            if base.get(cell.round)
        ]

    def report(self) -> str:
        """Return one table for each number of connections, and one of all shares."""
        names = list(dict.fromkeys(cell.target for cell in self.cells))
        counts = sorted({cell.connections for cell in self.cells})
        parts = []
        for count in counts:
            rows = [self._row(name, count) for name in names if self._of(name, count)]
            parts += [f"{count} connection{'s' * (count > 1)}:", table(HEAD, rows)]
        head = ["of FastAPI", *(f"{count} conn." for count in counts)]
        shares = [[name, *(ratio(self.ratios(name, count)) for count in counts)] for name in names]
        parts += ["Share of FastAPI's requests per second:", table(head, shares)]
        kept = [cell for cell in self.cells if cell.lost is not None]
        if kept:
            calls = sum(cell.measured.answers for cell in kept)
            lost = sum(cell.lost or 0 for cell in kept)
            parts.append(f"Headrace answered {calls:,} calls. Lost records: {lost}.")
        parts += [f"Failed: {failure}" for failure in self.failures]
        return "\n\n".join(parts)

    def others(self) -> str:
        """Return how busy the machine was with other work, in a sentence."""
        shares = sorted(cell.others for cell in self.cells)
        return (
            f"Other work took {statistics.median(shares):.0%} of the machine's processor in the "
            f"median measurement, at most {shares[-1]:.0%}: below 5% it means little."
        )

    def _of(self, target: str, connections: int) -> list[Cell]:
        return [c for c in self.cells if c.target == target and c.connections == connections]

    def _row(self, name: str, connections: int) -> list[str]:
        cells = self._of(name, connections)
        seen = [cell.measured for cell in cells]
        p50 = statistics.median(one.p50_s for one in seen)
        p99 = statistics.median(one.p99_s for one in seen)
        lost = [cell.lost for cell in cells if cell.lost is not None]
        return [
            name,
            f"{statistics.median(one.per_s for one in seen):,.0f}",
            ratio(self.ratios(name, connections)),
            milliseconds(p50),
            milliseconds(p99),
            f"{p99 / p50:.1f}" if p50 else "",
            str(sum(one.wrong for one in seen)),
            str(sum(one.errors for one in seen)),
            str(sum(lost)) if lost else "-",
        ]


def _cell(
    target: Target,
    made: Headrace,
    generator: Wrk | OwnClient,
    number: int,
    connections: int,
    seconds: float,
) -> Cell:
    is_recorded = target.pid == made.server.process.pid
    with ids_file() as answered:
        begin, all_before, own_before = time.monotonic(), machine_s(), cpu_s([target.pid])
        measured = generator.load(target, connections, seconds, answered if is_recorded else None)
        spent = (time.monotonic() - begin) * (os.cpu_count() or 1)
        own = cpu_s([target.pid]) - own_before + measured.generator_s
        others = max(0, machine_s() - all_before - own) / spent
        lost = None
        if is_recorded:
            made.settle()
            lost = made.lost(answered)
    return Cell(target.name, connections, number, measured, lost, others)


def _say(cell: Cell) -> None:
    seen = cell.measured
    each = seen.generator_s / max(1, seen.answers) * 1e6
    p50, p99 = milliseconds(seen.p50_s), milliseconds(seen.p99_s)
    line = (
        f"round {cell.round + 1}, {cell.connections} connections, {cell.target}: "
        f"{seen.per_s:.0f}/s, p50 {p50} ms, p99 {p99} ms, "
        f"wrong {seen.wrong}, errors {seen.errors}, generator {each:.0f} us of processor each, "
        f"other work {cell.others:.0%}"
    )
    if cell.lost is not None:
        line += f", lost records: {cell.lost}"
    if seen.first_wrong:
        line += f", first wrong: {seen.first_wrong}"
    print(line, file=sys.stderr, flush=True)
