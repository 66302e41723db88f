"""A rehearsal: what a schedule will do in a year, before anything is deployed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from headrace.core.clock_changes import ClockChange, clock_changes, fire_times_between
from headrace.core.cron import Cron
from headrace.core.errors import InvalidRequest
from headrace.core.schedules import Overlap

SHOWN_FIRE_TIMES = 5

FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(2999, 12, 31)
MAX_DURATION = timedelta(days=366)

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """The time from one fire time to the next."""

    since: datetime
    length: timedelta


@dataclass(frozen=True, slots=True)
class PolicyOutcome:
    """What an overlap policy makes of the fire times, if every execution takes equally long.

    Attributes:
        policy: The policy.
        started: How many executions start.
        waited: How many of these wait for an earlier one to end.
        longest_wait: How long one waits at most.
        skipped: How many fire times have no execution.
        cancelled: How many executions are cancelled by the next one.
        most_at_once: How many run at the same time.
    """

    policy: Overlap
    started: int
    waited: int
    longest_wait: timedelta
    skipped: int
    cancelled: int
    most_at_once: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a schedule does in a year.

    Attributes:
        cron: Expression and zone.
        since: Beginning of the year, UTC; fire times at this instant count.
        until: Its end, UTC; fire times before this instant count.
        count: How many fire times there are.
        months: How many there are in each local month, such as ``("2026-03", 31)``.
        upcoming: The first fire times from ``since`` on, UTC, even if they are later than the year.
        changes: The changes of the clocks.
        shortest: The shortest gap between two fire times; None if there is at most one.
        longest: The longest one.
        duration: How long an execution is taken to run; None if that was not asked.
        overlapping: How many fire times come sooner than that after the one before.
        outcomes: What each overlap policy makes of that.
    """

    cron: Cron
    since: datetime
    until: datetime
    count: int
    months: tuple[tuple[str, int], ...]
    upcoming: tuple[datetime, ...]
    changes: tuple[ClockChange, ...]
    shortest: Gap | None
    longest: Gap | None
    duration: timedelta | None = None
    overlapping: int = 0
    outcomes: tuple[PolicyOutcome, ...] = ()


def rehearse(cron: Cron, first_day: date, duration: timedelta | None = None) -> Rehearsal:
    """Return the rehearsal of a schedule in the year that begins with a local day.

    Args:
        cron: Expression and zone.
        first_day: The day, in the schedule's zone.
        duration: How long an execution runs; None to leave overlaps out.

    Raises:
        InvalidRequest: The day is before :data:`FIRST_DAY` or after :data:`LAST_DAY`, or the
            duration is negative or longer than :data:`MAX_DURATION`.
    """
    if not FIRST_DAY <= first_day <= LAST_DAY:
        raise InvalidRequest(
            f"The first day must be from {FIRST_DAY} to {LAST_DAY}, not {first_day}."
        )
    if duration is not None and not timedelta() <= duration <= MAX_DURATION:
        raise InvalidRequest(f"The duration must be from 0 seconds to {MAX_DURATION.days} days.")
    since, until = _midnight(first_day, cron), _midnight(_year_after(first_day), cron)
    observed = _Observed(cron, duration)
    for at in fire_times_between(cron, since, until):
        observed.add(at)
    return Rehearsal(
        cron=cron,
        since=since,
        until=until,
        count=observed.count,
        months=_months(first_day, observed.months),
        upcoming=_upcoming(cron, since),
        changes=tuple(clock_changes(cron, since, until)),
        shortest=observed.shortest,
        longest=observed.longest,
        duration=duration,
        overlapping=observed.overlapping,
        outcomes=tuple(trial.outcome for trial in observed.trials),
    )


class _Observed:
    """What is seen while the fire times of the year go by."""

    def __init__(self, cron: Cron, duration: timedelta | None) -> None:
        self.count = 0
        self.months: dict[tuple[int, int], int] = {}
        self.shortest: Gap | None = None
        self.longest: Gap | None = None
        self.overlapping = 0
        self.trials = [] if duration is None else [_Trial(policy, duration) for policy in Overlap]
        self._zone = ZoneInfo(cron.timezone)
        self._duration = duration
        self._last: datetime | None = None

    def add(self, at: datetime) -> None:
        local = at.astimezone(self._zone)
        month = (local.year, local.month)
        self.months[month] = self.months.get(month, 0) + 1
        self.count += 1
        for trial in self.trials:
            trial.fire(at)
        if self._last is not None:
            self._add_gap(self._last, at - self._last)
        self._last = at

    def _add_gap(self, since: datetime, length: timedelta) -> None:
        if self.shortest is None or length < self.shortest.length:
            self.shortest = Gap(since, length)
        if self.longest is None or length > self.longest.length:
            self.longest = Gap(since, length)
        if self._duration is not None and length < self._duration:
            self.overlapping += 1


class _Trial:
    """One overlap policy, driven through the fire times with executions of one length.

    It decides as :func:`headrace.core.schedules.plan` does.
    """

    def __init__(self, policy: Overlap, duration: timedelta) -> None:
        self._policy = policy
        self._duration = duration
        # When those end that run or wait, in order.
        self._ends: deque[datetime] = deque()
        self._fired = self._waited = self._skipped = self._cancelled = self._most = 0
        self._longest_wait = timedelta()

    def fire(self, at: datetime) -> None:
        self._fired += 1
        ends = self._ends
        while ends and ends[0] <= at:
            ends.popleft()
        if not ends or self._policy is Overlap.PARALLEL:
            ends.append(at + self._duration)
            self._most = max(self._most, len(ends))
        elif self._policy is Overlap.CANCEL_RUNNING:
            self._cancelled += 1
            ends[0] = at + self._duration
        elif self._policy is Overlap.QUEUE_ONE and len(ends) == 1:
            self._waited += 1
            self._longest_wait = max(self._longest_wait, ends[0] - at)
            ends.append(ends[0] + self._duration)
        else:
            self._skipped += 1

    @property
    def outcome(self) -> PolicyOutcome:
        return PolicyOutcome(
            policy=self._policy,
            started=self._fired - self._skipped,
            waited=self._waited,
            longest_wait=self._longest_wait,
            skipped=self._skipped,
            cancelled=self._cancelled,
            most_at_once=self._most,
        )


def _upcoming(cron: Cron, since: datetime) -> tuple[datetime, ...]:
    found = [cron.next_after(since - _SECOND)]
    while len(found) < SHOWN_FIRE_TIMES:
        found.append(cron.next_after(found[-1]))
    return tuple(found)


def _months(first_day: date, counts: dict[tuple[int, int], int]) -> tuple[tuple[str, int], ...]:
    """Return the count of every month of the year, also of those in which nothing fires."""
    last_day = _year_after(first_day) - _DAY
    months = []
    for index in range(
        first_day.year * 12 + first_day.month - 1, last_day.year * 12 + last_day.month
    ):
        year, month = index // 12, index % 12 + 1
        months.append((f"{year}-{month:02}", counts.get((year, month), 0)))
    return tuple(months)


def _midnight(day: date, cron: Cron) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(cron.timezone)).astimezone(UTC)


def _year_after(day: date) -> date:
    # The year that begins with a 29 February ends with a 28 February.
    is_leap_day = (day.month, day.day) == (2, 29)
    return date(day.year + 1, 3, 1) if is_leap_day else day.replace(year=day.year + 1)
