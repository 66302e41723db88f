"""The pure part, fast: :func:`headrace.core.schedules.plan` through years, clocks and absences."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product

from proof.simulation.clocks import aimed
from proof.simulation.expressions import MISSED, OVERLAP, Terms, random_terms, times_per_day
from proof.simulation.oracle import clock_changes, fire_times
from proof.simulation.rules import Occupancy, Violation, expected_fates

from headrace.core.cron import read_cron
from headrace.core.schedules import Fire, Missed, Overlap, Schedule, ScheduleState, plan

FIRST_YEAR = 2025
YEARS = 4
TICKS = 300
"""About how many fire times each policy has in a round."""

POLICIES = tuple(product(MISSED, OVERLAP))

_START = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_END = datetime(FIRST_YEAR + YEARS, 1, 1, tzinfo=UTC)
_ADMISSIONS = {(False, False): "started", (True, False): "held", (True, True): "cancelling"}


@dataclass(frozen=True)
class Span:
    """A time through which a schedule is driven."""

    start: datetime
    end: datetime


def drive_zone(seed: int, zone: str, number: int = 0, policies: int = len(POLICIES)) -> int:
    """Drive every policy through a time in a zone; return how many fire times were checked.

    Args:
        seed: What all chance comes from, together with the zone and the round.
        zone: Name of the zone.
        number: Which round it is.
        policies: How many policies it has.

    Raises:
        Violation: With what was wrong.
    """
    chance = random.Random(f"{seed} {zone} {number}")
    changes = clock_changes(zone, FIRST_YEAR, FIRST_YEAR + YEARS - 1)
    done = 0
    for missed, overlap in chance.sample(POLICIES, policies):
        drawn = random_terms(chance, least=1 / 1500, most=1440)
        terms = replace(drawn, timezone=zone, missed=missed, overlap=overlap)
        centre = _START + chance.random() * (_END - _START)
        if changes and chance.random() < 0.8:
            centre = chance.choice(changes)
            if chance.random() < 0.5:
                terms = replace(terms, expression=aimed(chance, zone, centre))
        span = _span(chance, terms, centre)
        try:
            done += _Drive(chance, terms, span).run()
        except Violation as found:
            raise Violation(f"round {number} of {zone}: {found}\n{terms}\n{span}") from None
    return done


def _span(chance: random.Random, terms: Terms, centre: datetime) -> Span:
    """Return all the years if few fire times are in them, else days around a time."""
    days = TICKS / times_per_day(terms.expression)
    if days > (_END - _START).days:
        return Span(_START, _END)
    length = timedelta(days=max(days, 1.5))
    begin = (centre - length * chance.random()).replace(microsecond=chance.choice([0, 1]))
    return Span(begin, begin + length)


class _Drive:
    """One schedule on its way through a span, with a clock that strolls, jumps and stands."""

    def __init__(self, chance: random.Random, terms: Terms, span: Span) -> None:
        self._chance = chance
        self._terms = terms
        self._span = span
        self._schedule = Schedule(
            cron=read_cron(terms.expression, terms.timezone),
            missed=Missed(terms.missed),
            missed_window_s=terms.missed_window_s,
            overlap=Overlap(terms.overlap),
            jitter_s=terms.jitter_s,
        )
        self._id = f"deployment-{chance.getrandbits(64)}"
        self._offset = self._schedule.offset_for(self._id)
        self._expected = fire_times(terms.expression, terms.timezone, span.start, span.end)
        self._next = self._schedule.cron.next_after(span.start)
        self._now = span.start
        self._occupancy = Occupancy()
        self._is_enabled = True

    def run(self) -> int:
        """Take every fire time of the span from the plan; return how many there were."""
        if not timedelta() <= self._offset <= timedelta(seconds=self._terms.jitter_s):
            raise Violation(f"jitter of {self._offset}")
        position = 0
        while self._now < self._span.end:
            self._move_clock()
            if self._chance.random() < 0.02:
                self._is_enabled = not self._is_enabled
            position += self._look(position)
        return position

    def _look(self, position: int) -> int:
        chance = self._chance
        limit = chance.choice([1, 2, 7, 60, 500])
        settles = chance.random() < 0.1
        if self._schedule.offset_for(self._id) != self._offset:
            raise Violation("the offset of a deployment has changed")
        state = ScheduleState(
            next_fire_at=self._next,
            offset=self._offset,
            is_enabled=self._is_enabled,
            running=self._occupancy.running,
            pending=self._occupancy.waiting,
        )
        planned = plan(self._schedule, state, self._now, limit=limit, settles=settles)
        horizon = self._now if settles else self._now - self._offset
        due = self._expected[position : bisect_right(self._expected, horizon)]
        wanted = expected_fates(
            self._terms, due, self._now, self._offset, self._occupancy, is_enabled=self._is_enabled
        )
        got = [_told(fire) for fire in planned.fires]
        if got != wanted[:limit]:
            wrong = [pair for pair in zip(got, wanted, strict=False) if pair[0] != pair[1]]
            raise Violation(f"at {self._now}: got and wanted differ: {wrong[:3] or (got, wanted)}")
        self._next = planned.next_fire_at
        if len(due) > limit:
            # What was left over has to get the same fates from what the first part left.
            self._finish_chunks(state, wanted, limit, settles=settles)
        following = position + len(due)
        self._expect_next(following)
        self._live()
        return len(due)

    def _finish_chunks(
        self,
        state: ScheduleState,
        wanted: list[tuple[datetime, str, str]],
        limit: int,
        *,
        settles: bool,
    ) -> None:
        done = limit
        while done < len(wanted):
            occupancy = _after(state, wanted[:done])
            part = replace(
                state,
                next_fire_at=self._next,
                running=occupancy.running,
                pending=occupancy.waiting,
            )
            planned = plan(self._schedule, part, self._now, limit=limit, settles=settles)
            got = [_told(fire) for fire in planned.fires]
            if not got or got != wanted[done : done + limit]:
                raise Violation(f"at {self._now}, after {done}: {got[:3]} of {wanted[done:][:3]}")
            done += len(got)
            self._next = planned.next_fire_at

    def _expect_next(self, following: int) -> None:
        rest = self._expected[following : following + 1]
        if (self._next != rest[0]) if rest else (self._next <= self._span.end):
            raise Violation(f"next is {self._next}, not {rest or 'later'}")

    def _move_clock(self) -> None:
        """Mostly to just after the next fire time; sometimes far ahead, or back."""
        chance = self._chance
        due = self._next + self._offset
        kind = chance.random()
        if kind < 0.6:
            self._now = max(self._now, due) + timedelta(seconds=chance.choice([0, 0.2, 5, 60, 61]))
        elif kind < 0.7:
            self._now -= timedelta(seconds=chance.choice([0.001, 1, 3600, 86400, 30 * 86400]))
        elif kind < 0.85:
            self._now += timedelta(seconds=chance.uniform(0, 600))
        else:
            self._now = max(self._now, due) + timedelta(hours=chance.expovariate(1 / 20))
        self._now = min(self._now, self._span.end)

    def _live(self) -> None:
        """Have executions begin and end."""
        chance, occupancy = self._chance, self._occupancy
        if occupancy.running and chance.random() < 0.5:
            occupancy.running = 0
        if occupancy.waiting and not occupancy.running and chance.random() < 0.7:
            occupancy.waiting -= 1
            occupancy.running += 1
        if self._terms.overlap == "parallel":
            occupancy.running = occupancy.waiting = 0


def _told(fire: Fire) -> tuple[datetime, str, str]:
    how = _ADMISSIONS[fire.waits, fire.cancels] if fire.fate.has_execution else ""
    return fire.fire_at, fire.fate.value, how


def _after(state: ScheduleState, taken: list[tuple[datetime, str, str]]) -> Occupancy:
    """Return what waits once these are recorded."""
    occupancy = Occupancy(state.running, state.pending)
    for _, _, how in taken:
        if how == "cancelling":
            occupancy.waiting = 1
        elif how:
            occupancy.waiting += 1
    return occupancy
