"""Half of what an endpoint can do, for half an hour: do memory and descriptors stay where they are?

Begin and end are medians of a tenth of the time each, the begin after the first tenth.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psutil
from proof.benchmarks.serving.keeping import kept
from proof.benchmarks.serving.load import Measured, OwnClient, ids_file
from proof.benchmarks.serving.recorded import MODES, Headrace, Refused, headrace
from proof.benchmarks.serving.tables import milliseconds, table
from proof.benchmarks.serving.targets import Target

CONNECTIONS = 16
CAPACITY_S = 10
SAMPLES = 200
REST_S = 5
MIB = 2**20
ALLOWED_GROWTH = 0.02


@dataclass
class Watched:
    """One process, sampled.

    Attributes:
        name: What the table calls it.
        memory: Resident bytes, one of each sample.
        descriptors: Open descriptors, one of each sample.
    """

    name: str
    memory: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def begin_and_end(self, values: Sequence[int]) -> tuple[float, float]:
        """Return the medians of the second tenth and of the last tenth of ``values``."""
        tenth = max(1, len(values) // 10)
        return statistics.median(values[tenth : 2 * tenth] or values), statistics.median(
            values[-tenth:]
        )

    @property
    def most_at_begin(self) -> int:
        """The most descriptors that it had open in the first fifth."""
        return max(self.descriptors[: max(1, len(self.descriptors) // 5)])

    @property
    def growth(self) -> float:
        """By what share its memory grew."""
        begin, end = self.begin_and_end(self.memory)
        return end / begin - 1


class Watch:
    """The server and the processes below it that live on; calls of elastic executions do not."""

    def __init__(self, pid: int) -> None:
        self._server = psutil.Process(pid)
        self._seen: dict[int, Watched] = {}
        self._samples = 0

    def sample(self) -> None:
        """Look at all processes once."""
        self._samples += 1
        for process in (self._server, *self._server.children(recursive=True)):
            try:
                memory, descriptors = process.memory_info().rss, process.num_fds()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            name = "server" if process == self._server else f"worker {process.pid}"
            watched = self._seen.setdefault(process.pid, Watched(name))
            watched.memory.append(memory)
            watched.descriptors.append(descriptors)

    def stayed(self) -> list[Watched]:
        """Return the processes that were there nine times of ten."""
        return [w for w in self._seen.values() if len(w.memory) >= 0.9 * self._samples]

    def now(self) -> str:
        """Return the last sample of what has stayed until now, in one line."""
        return ", ".join(
            f"{w.name} {w.memory[-1] / MIB:.1f} MiB, {w.descriptors[-1]} descriptors"
            for w in self.stayed()
        )


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print; no process is left behind, however it ends."""
    parser = argparse.ArgumentParser(
        prog="python -m proof.benchmarks.serving.soak", description=__doc__
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--mode", choices=[*MODES], default="low-latency")
    parser.add_argument("--share", type=float, default=0.5, help="of the measured capacity")
    options = parser.parse_args(arguments)
    kept(lambda: soak(options.mode, options.minutes * 60, options.share))


def soak(mode: str, seconds: float, share: float) -> None:
    """Load one endpoint and watch its server.

    Raises:
        SystemExit: The server refuses the deployment.
    """
    with headrace() as made:
        try:
            target = made.deploy(mode)
        except Refused as error:
            raise SystemExit(f"Skipped: {error}") from error
        capacity = OwnClient().load(target, CONNECTIONS, CAPACITY_S).per_s
        made.settle()
        rate = capacity * share
        _say(f"capacity {capacity:.0f}/s, so {rate:.0f}/s for {seconds / 60:g} minutes")
        watch = Watch(made.server.process.pid)
        seen, lost = _loaded(made, target, seconds, rate, watch)
        print(_report(target, seen, lost, rate, watch))


def _loaded(
    made: Headrace, target: Target, seconds: float, rate: float, watch: Watch
) -> tuple[Measured, int]:
    with ids_file() as answered:
        done: list[Measured] = []

        def work() -> None:
            done.append(OwnClient().load(target, CONNECTIONS, seconds, answered, rate))

        load = threading.Thread(target=work)
        load.start()
        _each(seconds / SAMPLES, load.is_alive, watch)
        load.join()
        if not done:
            raise SystemExit("The load generator failed.")
        made.settle()
        time.sleep(REST_S)
        rested = Watch(made.server.process.pid)
        rested.sample()
        _say(f"{REST_S} s after the end: {rested.now()}")
        return done[0], made.lost(answered)


def _each(interval_s: float, is_going_on: Callable[[], bool], watch: Watch) -> None:
    begin = time.monotonic()
    number = 0
    while is_going_on():
        watch.sample()
        number += 1
        if number % 10 == 0:
            _say(f"{(time.monotonic() - begin) / 60:5.1f} min: {watch.now()}")
        time.sleep(max(0, begin + number * interval_s - time.monotonic()))


def _report(target: Target, seen: Measured, lost: int, rate: float, watch: Watch) -> str:
    stayed = watch.stayed()
    rows = []
    for one in stayed:
        begin, end = one.begin_and_end(one.memory)
        before, after = one.begin_and_end(one.descriptors)
        rows.append(
            [
                one.name,
                f"{begin / MIB:.1f}",
                f"{end / MIB:.1f}",
                f"{one.growth:+.1%}",
                f"{max(one.memory) / MIB:.1f}",
                f"{before:.0f}",
                f"{after:.0f}",
            ]
        )
    head = ("", "MiB, begin", "MiB, end", "growth", "most", "descriptors, begin", "end")
    is_flat = all(one.growth <= ALLOWED_GROWTH for one in stayed)
    told = (
        f"{target.name}: {rate:.0f}/s asked for, {seen.per_s:.0f}/s answered for "
        f"{seen.seconds / 60:g} minutes, p50 {milliseconds(seen.p50_s)} ms, p99 "
        f"{milliseconds(seen.p99_s)} ms, wrong {seen.wrong}, errors {seen.errors}, "
        f"lost records: {lost}."
    )
    is_tight = all(one.begin_and_end(one.descriptors)[1] <= one.most_at_begin for one in stayed)
    verdict = (
        f"Memory within {ALLOWED_GROWTH:.0%}: {'yes' if is_flat else 'no'}. "
        f"No more descriptors at the end than in the first fifth: {'yes' if is_tight else 'no'}."
    )
    return f"\n{told}\n\n{table(head, rows)}\n\n{verdict}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
