"""What callers are told of calls that have no answer."""

from __future__ import annotations

from headrace.core.errors import NotFound, Overloaded, Unavailable
from headrace.core.pods import QueueFull

UNRECORDED_S = 20.0
"""A caller whose call has ended so long ago, and could not be recorded since, is told so. No
request is held for longer."""


def no_pods() -> Unavailable:
    """Return what is said while a deployment has no pods that take calls."""
    return Unavailable("The endpoint's pods are about to start: try again.")


def too_many(queue: QueueFull) -> Overloaded:
    """Return what is said of a call for which the queue has no room."""
    return Overloaded(
        f"{queue.waiting:,} calls of this endpoint wait already: try again in "
        f"{queue.retry_after_s} s.",
        details={"retry_after_s": queue.retry_after_s},
    )


def not_recorded_yet() -> Unavailable:
    """Return what is said after :data:`UNRECORDED_S`."""
    return Unavailable(
        f"The call has ended, but could not be recorded within {UNRECORDED_S:.0f} s: the disk of "
        "the server is full, or does not answer. It is recorded once that is over."
    )


def never_recorded(*, is_closing: bool) -> Unavailable:
    """Return what is said of a call whose end is not on record, and will not be."""
    if is_closing:
        return Unavailable("The server ends, and how the call ended could not be recorded.")
    return Unavailable("The call could not be recorded.")


def was_deleted(name: str) -> NotFound:
    """Return what is said of a call whose pipeline was deleted while it ran."""
    return NotFound(f"{name!r} was deleted in the meantime.")
