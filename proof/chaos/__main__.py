"""``make chaos``: kill a server and all that works for it, then prove that nothing was lost."""

from __future__ import annotations

import argparse
import random
import secrets
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

from proof.chaos.campaign import Campaign, Outcome
from proof.chaos.small_disk import SIZE_MIB, small_disk

from headrace import HeadraceError

KILLS = 200
SHOWN = 10


def main() -> int:
    """Run one campaign, print what it brought about; return the exit code."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help="how many processes are killed")
    parser.add_argument("--seed", type=int, help="repeats the chance of an earlier campaign")
    given = parser.parse_args()
    # Told to end, it still unmounts its disk and leaves no server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = secrets.randbits(32) if given.seed is None else given.seed
    print(f"Chaos with seed {seed}: {given.kills} kills.")
    with (
        tempfile.TemporaryDirectory(prefix="headrace-chaos-") as temporary,
        small_disk(Path(temporary) / "disk") as disk,
    ):
        if disk is None:
            print("The disk is not filled: only root may mount a small one.")
            home = Path(temporary) / "home"
        else:
            print(f"The data directory is on a file system of {SIZE_MIB} MiB of its own.")
            home = disk.folder / "home"
        home.mkdir()
        try:
            outcome = Campaign(home, random.Random(seed), disk).run(given.kills, _progress)
        except HeadraceError as error:
            # A client was told what it must never be told, or nothing at all for a long time.
            print(f"\nFAILED: {error.message} (seed {seed})")
            return 1
    print_outcome(outcome)
    print(f"\n{'Nothing was lost.' if outcome.judgement.is_proven else 'FAILED.'} (seed {seed})")
    return 0 if outcome.judgement.is_proven else 1


def print_outcome(outcome: Outcome) -> None:
    """Print what was done, what came of it, and what is proven."""
    records = outcome.judgement.records
    statuses = Counter(execution.status for execution in records.executions.values())
    failures = Counter(e.failure for e in records.executions.values() if e.failure)
    fates = Counter(fate for schedule in records.schedules for _, fate, _ in schedule.rows)
    acknowledged = sum(1 for item in outcome.told if item.execution_id is not None)
    print(f"\nWhat was done, in {outcome.took_s:.0f} s")
    for kind, count in sorted(outcome.counts.items()):
        print(f"  {count:>7,}  {kind}")
    print("\nWhat came of it")
    print(f"  {len(outcome.told):>7,}  requests, {acknowledged:,} of them acknowledged")
    print(f"  {len(records.executions):>7,}  executions: {_listed(statuses)}")
    print(f"  {sum(failures.values()):>7,}  failures: {_listed(failures)}")
    print(f"  {sum(fates.values()):>7,}  fire times: {_listed(fates)}")
    print(f"  {outcome.judgement.recovered_s:>7.1f}  seconds to the end of the last execution")
    print(f"  {len(outcome.said):>7,}  faults that the server logged")
    for line, count in Counter(outcome.said).most_common(SHOWN):
        print(f"           {count} x {line}")
    print("\nWhat is proven")
    for claim in outcome.judgement.claims:
        state = "ok" if claim.is_proven else f"{len(claim.faults)} FAULTS"
        print(f"  {state:>10}  {claim.text} ({claim.looked_at:,} looked at)")
        for fault in claim.faults[:SHOWN]:
            print(f"              {fault}")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())


def _progress(kills: int) -> None:
    if sys.stdout.isatty():
        print(f"\r{kills} killed", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
