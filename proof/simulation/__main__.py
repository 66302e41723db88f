"""Everything at once, on all processors: ``make simulate``."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

from proof.simulation.checking import Told
from proof.simulation.clocks import compare_changes
from proof.simulation.expressions import zones
from proof.simulation.planning import FIRST_YEAR, YEARS, drive_zone
from proof.simulation.rules import Violation
from proof.simulation.story import sweep, tell, tell_short


def main() -> int:
    """Run what was asked for, and say what it came to."""
    asked = _arguments()
    print(f"seed {asked.seed}", flush=True)
    names = [asked.zone] if asked.zone else zones()
    rounds = [(name, number) for number in range(asked.rounds) for name in names]
    seeds = range(asked.seed, asked.seed + max(5 * asked.stories, asked.sweeps))
    with ProcessPoolExecutor(asked.jobs) as pool:
        run = partial(_run, pool)
        try:
            run("zones, each clock change", partial(_compare, asked.seed), names)
            run("rounds of a zone through the plan", partial(_drive, asked.seed), rounds)
            run("stories", tell, seeds[: asked.stories])
            run("short stories", tell_short, seeds[: 5 * asked.stories])
            run("stories with a fault at each transaction", sweep, seeds[: asked.sweeps])
        except Violation as found:
            pool.shutdown(cancel_futures=True)
            print(f"\n{found}\n\nAgain: make simulate SEED={asked.seed}", file=sys.stderr)
            return 1
    return 0


def _compare(seed: int, zone: str) -> Told:
    return Told(ticks=compare_changes(seed, zone, FIRST_YEAR, FIRST_YEAR + YEARS - 1))


def _drive(seed: int, which: tuple[str, int]) -> Told:
    return Told(ticks=drive_zone(seed, *which))


def _run(
    pool: ProcessPoolExecutor,
    what: str,
    work: Callable[[Any], Told],
    over: Sequence[Any],
) -> None:
    if not over:
        return
    begun = time.monotonic()
    total = sum(pool.map(work, over), Told())
    took = time.monotonic() - begun
    print(f"{len(over):,} {what}: {total.ticks:,} fire times", end="")
    if total.transactions:
        print(f", {total.executions:,} executions, {total.transactions:,} transactions", end="")
    print(f" in {took:.0f} s, {total.ticks / took:,.0f} a second; no fault", flush=True)
    if total.fates:
        print("    " + ", ".join(f"{fate} {n:,}" for fate, n in total.fates.most_common()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    parser.add_argument("--rounds", type=int, default=2, help="of all zones, through the plan")
    parser.add_argument("--zone", help="only this zone")
    parser.add_argument("--stories", type=int, default=40)
    parser.add_argument("--sweeps", type=int, default=4, help="stories told once for each fault")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
