"""What becomes of a schedule's times on the days on which clocks are changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from headrace.core.cron import Cron, change_instants

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


class Effect(StrEnum):
    """What becomes of a time that clocks skip, or show twice."""

    SKIPPED = "skipped"
    AT_THE_CHANGE = "at_the_change"
    ONCE = "once"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class AffectedTime:
    """A time of a schedule that clocks skip, or show twice.

    Attributes:
        wall: The time that clocks would show or do show, naive.
        effect: What becomes of it.
        fire_times: The instants at which it fires, UTC.
    """

    wall: datetime
    effect: Effect
    fire_times: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A change of the clocks, and what it does to a schedule.

    Attributes:
        at: The instant, UTC.
        before: What clocks would show at that instant without the change, naive.
        after: What they show instead, naive.
        fire_times: How many fire times that local day has.
        affected: The times of the schedule that are skipped, or come twice.
    """

    at: datetime
    before: datetime
    after: datetime
    fire_times: int
    affected: tuple[AffectedTime, ...]

    @property
    def day(self) -> date:
        """The local day that is not as long as others."""
        return min(self.before, self.after).date()


def clock_changes(cron: Cron, since: datetime, until: datetime) -> Iterator[ClockChange]:
    """Yield the changes of the clocks in ``[since, until)``, with what they do to a schedule."""
    for at in change_instants(cron.timezone, since - _SECOND, until - _SECOND):
        yield _change(cron, at)


def fire_times_between(cron: Cron, since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the fire times in ``[since, until)``, which are on whole seconds."""
    return cron.fire_times(since - _SECOND, until - _SECOND)


def _change(cron: Cron, at: datetime) -> ClockChange:
    zone = ZoneInfo(cron.timezone)
    before = _wall(at - _SECOND, zone) + _SECOND
    after = _wall(at, zone)
    shift = abs(after - before)
    fired: dict[datetime, list[datetime]] = {}
    for instant in fire_times_between(cron, at - shift - _DAY, at + shift + _DAY):
        fired.setdefault(_wall(instant, zone), []).append(instant)
    # In UTC nothing is skipped or comes twice, so there the fire times are all the schedule's
    # times of the wall clock.
    low, high = sorted((before.replace(tzinfo=UTC), after.replace(tzinfo=UTC)))
    walls = [
        wall.replace(tzinfo=None) for wall in fire_times_between(Cron(cron.expression), low, high)
    ]
    day = min(before, after).date()
    return ClockChange(
        at=at,
        before=before,
        after=after,
        fire_times=sum(len(instants) for wall, instants in fired.items() if wall.date() == day),
        affected=tuple(_affected(cron, wall, fired.get(wall, []), at) for wall in walls),
    )


def _affected(cron: Cron, wall: datetime, instants: list[datetime], at: datetime) -> AffectedTime:
    if instants:
        effect = Effect.TWICE if len(instants) > 1 else Effect.ONCE
        return AffectedTime(wall, effect, tuple(instants))
    if cron.is_fixed:
        return AffectedTime(wall, Effect.AT_THE_CHANGE, (at,))
    return AffectedTime(wall, Effect.SKIPPED, ())


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
