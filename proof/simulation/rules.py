"""What is to become of fire times, by the rules of the guide, written a second time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from proof.simulation.expressions import Terms

ON_TIME = timedelta(seconds=60)


class Violation(AssertionError):
    """The product did something that it must never do."""


@dataclass
class Occupancy:
    """The executions of a deployment that have not ended."""

    running: int = 0
    waiting: int = 0


def lateness_fate(terms: Terms, late: timedelta, *, is_last: bool) -> str:
    """Return what becomes of a fire time that is noticed so late, but for overlap.

    Args:
        terms: The schedule.
        late: From the time at which it was to be acted on.
        is_last: Whether no later fire time is due.
    """
    if late <= ON_TIME:
        return "ran"
    is_too_old = late > timedelta(seconds=terms.missed_window_s)
    if terms.missed == "skip" or is_too_old or (terms.missed == "latest" and not is_last):
        return "missed"
    return "caught_up"


def admission(terms: Terms, occupancy: Occupancy) -> str:
    """Return how a fire time is admitted: started, held, cancelling or refused; and note it."""
    is_free = terms.overlap == "parallel" or not (occupancy.running or occupancy.waiting)
    if is_free:
        occupancy.waiting += 1
        return "started"
    if terms.overlap == "cancel_running":
        occupancy.waiting = 1
        return "cancelling"
    if terms.overlap == "queue_one" and occupancy.waiting == 0:
        occupancy.waiting = 1
        return "held"
    return "refused"


def expected_fates(
    terms: Terms,
    due: Sequence[datetime],
    now: datetime,
    offset: timedelta,
    occupancy: Occupancy,
    *,
    is_enabled: bool = True,
) -> list[tuple[datetime, str, str]]:
    """Return each fire time that is due with its fate and, if it has an execution, its admission.

    ``occupancy`` is as it will be when all that is recorded.
    """
    fates = []
    for number, at in enumerate(due):
        fate = lateness_fate(terms, now - at - offset, is_last=number + 1 == len(due))
        fate = fate if is_enabled else "paused"
        how = ""
        if fate in {"ran", "caught_up"}:
            how = admission(terms, occupancy)
            if how == "refused":
                fate, how = "overlapped", ""
        fates.append((at, fate, how))
    return fates
