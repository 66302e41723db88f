"""What a server keeps, and for how long. What has not ended is always kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

FRESH = timedelta(hours=1)
"""Files of what ended so recently stay in any case: somebody may be about to fetch them."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is kept; None means all of it.

    Attributes:
        executions_s: Seconds that an execution is kept after its end.
        executions: How many executions are kept; the newest stay.
        ledger_s: Seconds that a row of the ledger is kept after its fire time.
        files_bytes: Size of the logs and files of executions together; the newest stay.
        versions: How many versions of each pipeline keep their folder and environment; the newest
            stay, and whatever is used.
    """

    executions_s: float | None = None
    executions: int | None = None
    ledger_s: float | None = None
    files_bytes: int | None = None
    versions: int | None = None

    def executions_since(self, now: datetime) -> datetime | None:
        """Return the time before which an execution must have ended to be too old, or None."""
        return _before(now, self.executions_s)

    def ledger_since(self, now: datetime) -> datetime | None:
        """Return the first instant whose rows of the ledger are kept, or None."""
        return _before(now, self.ledger_s)


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """The files of one execution."""

    execution_id: str
    ended_at: datetime | None
    size: int


def files_to_drop(oldest_first: Iterable[KeptFiles], excess: int, now: datetime) -> list[str]:
    """Return the executions whose files free ``excess`` bytes, the oldest first.

    Fewer are freed if the others are of executions that have not ended, or only just have.
    """
    dropped = []
    for files in oldest_first:
        if excess <= 0:
            break
        if files.ended_at is None or files.ended_at > now - FRESH or files.size == 0:
            continue
        dropped.append(files.execution_id)
        excess -= files.size
    return dropped


def _before(now: datetime, seconds: float | None) -> datetime | None:
    if seconds is None:
        return None
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:
        # Longer ago than there are dates: nothing is as old as that.
        return None
