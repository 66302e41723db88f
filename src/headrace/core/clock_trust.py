"""Whether the machine's clock can be believed, before anything is deleted because it is old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

AWAY = timedelta(days=7)
"""How long a server may have been off before the clock at its start needs a confirmation."""

DRIFT = timedelta(hours=1)
"""How far the clock may move against the time that really passed while a server runs."""


class ClockTrust(StrEnum):
    """What is thought of the clock."""

    TRUSTED = "trusted"
    AHEAD = "ahead"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Mark:
    """A time of the clock that was believed.

    Attributes:
        at: The time, UTC.
        is_remembered: Whether it was found in the database at a start, so that the server may have
            been off since; otherwise the server has run ever since.
    """

    at: datetime
    is_remembered: bool = False


def judge(now: datetime, mark: Mark | None, passed: timedelta) -> ClockTrust:
    """Judge the clock by the last time that was believed.

    Args:
        now: What the clock shows, UTC.
        mark: The last time that was believed; None if there never was one.
        passed: How long ago the mark was set, or read from the database, by a clock that nobody
            sets.
    """
    if mark is None:
        return ClockTrust.TRUSTED
    slack = AWAY if mark.is_remembered else DRIFT
    beyond = (now - mark.at) - passed
    if beyond > slack:
        return ClockTrust.AHEAD
    if beyond < -DRIFT:
        return ClockTrust.BEHIND
    return ClockTrust.TRUSTED
