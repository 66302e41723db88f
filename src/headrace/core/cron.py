"""Cron expressions: what they mean, in words and as instants, in any time zone.

Five fields as in the specification: minute, hour, day of the month, month, day of the week. The
library ``cronsim`` reads them and enumerates the matching wall-clock times; how these become
instants where clocks are changed is this module's own rule (:class:`Cron`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from headrace.core.cron_fields import EXAMPLE, FIELDS, check_fields, readable
from headrace.core.cron_words import describe
from headrace.core.errors import InvalidSchedule

MAX_LENGTH = 200
"""Characters of an expression."""

_NOT_IANA = re.compile(r"posix/.*|right/.*|posixrules|localtime|Factory")
"""Files beside those of the zones: copies, times with leap seconds, and whatever this machine is
set to."""
_SECOND = timedelta(seconds=1)
_STRIDE = timedelta(days=1)
"""No zone changes its offset and changes it back within a day."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression in a time zone.

    The rule for days on which clocks are changed is that of Debian's cron:

    - If the minute and the hour are both given (neither begins with ``*``), each wall-clock time
      is one instant. A time that is skipped happens at the instant of the change (times that
      would then coincide happen once); a time that comes twice happens the first time.
    - Otherwise every instant counts whose wall-clock time matches: none in the hour that is
      skipped, all in both of the hours that come twice.

    If both days are restricted (neither begins with ``*``) one of them has to match, otherwise
    both have to.

    Attributes:
        expression: The five fields, single spaces between them.
        timezone: IANA name of the zone.
    """

    expression: str
    timezone: str = "UTC"

    @property
    def is_fixed(self) -> bool:
        """Whether it names times of the day, and not a rhythm that runs through the day."""
        minute, hour = self.expression.split()[:2]
        return not minute.startswith("*") and not hour.startswith("*")

    @property
    def description(self) -> str:
        """The expression in English, without the zone; see :mod:`headrace.core.cron_words`."""
        return describe(_parsed(self.expression))

    def next_after(self, instant: datetime) -> datetime:
        """Return the first fire time after an instant, both aware; the answer is in UTC.

        Raises:
            InvalidSchedule: There is none in 50 years.
        """
        try:
            if self.is_fixed:
                return self._next_fixed(instant.astimezone(UTC))
            return self._next_rhythm(instant.astimezone(UTC))
        except (StopIteration, OverflowError):
            raise _never(self.expression) from None

    def fire_times(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the fire times in ``(after, until]``, in UTC."""
        at = after
        while (at := self.next_after(at)) <= until:
            yield at

    def _next_fixed(self, after: datetime) -> datetime:
        zone = _zone(self.timezone)
        for wall in _walls(self.expression, after.astimezone(zone).replace(tzinfo=None)):
            instant = _first_instant(wall, zone)
            # Where clocks are set back, times come up again that have had their instant.
            if instant > after:
                return instant
        raise StopIteration

    def _next_rhythm(self, after: datetime) -> datetime:
        """Walk from one change of the clock to the next: in between, wall time is UTC and a sum."""
        zone = _zone(self.timezone)
        start = after
        while True:
            offset = _offset(start, zone)
            wall = next(_walls(self.expression, start.replace(tzinfo=None) + offset))
            found = (wall - offset).replace(tzinfo=UTC)
            change = _first_change(start, found, zone)
            if change is None:
                return found
            # A second before, so that the instant of the change itself counts.
            start = change - _SECOND
            offset = _offset(change, zone)
            wall = next(_walls(self.expression, start.replace(tzinfo=None) + offset))
            found = (wall - offset).replace(tzinfo=UTC)
            if found == change or _first_change(change, found, zone) is None:
                return found
            start = change


def read_cron(expression: object, timezone: object = "UTC") -> Cron:
    """Return the cron expression that a caller gave, with single spaces between its fields.

    Raises:
        InvalidSchedule: With the field, what is wrong, and an example; also for an expression
            that never fires.
    """
    if not isinstance(expression, str) or len(expression) > MAX_LENGTH:
        raise InvalidSchedule(
            f"schedule must be a text of five cron fields, at most {MAX_LENGTH} characters, such "
            f"as '* * * * *' (every minute); {EXAMPLE}."
        )
    fields = expression.split()
    if len(fields) != len(FIELDS):
        raise InvalidSchedule(
            f"schedule {expression!r} has {len(fields)} field{'s' * (len(fields) != 1)}, but a "
            "cron expression has five: minute, hour, day of the month, month, day of the week; "
            f"{EXAMPLE}."
        )
    check_fields(fields)
    cron = Cron(" ".join(fields), read_timezone(timezone))
    cron.next_after(datetime(2000, 1, 1, tzinfo=UTC))
    return cron


def read_timezone(name: object) -> str:
    """Return the IANA name of a time zone that this machine knows.

    Raises:
        InvalidSchedule: There is no such zone.
    """
    is_name = isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_+/-]{1,64}", name)
    if isinstance(name, str) and is_name and not _NOT_IANA.fullmatch(name):
        try:
            _zone(name)
        except (KeyError, ValueError, OSError):
            pass
        else:
            return name
    raise InvalidSchedule(
        f"timezone must be the IANA name of a time zone, such as 'Europe/Paris' or 'UTC', "
        f"not {name!r:.80}."
    )


def change_instants(timezone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the instants in ``(after, until]`` at which clocks are changed in a zone, in UTC."""
    zone = _zone(timezone)
    while (change := _first_change(after.astimezone(UTC), until, zone)) is not None:
        yield change
        after = change


def _never(expression: str) -> InvalidSchedule:
    return InvalidSchedule(
        f"schedule {expression!r} never fires: no month has such a day. Check the fields day of "
        f"the month and month; {EXAMPLE}."
    )


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


@lru_cache(maxsize=4096)
def _parsed(expression: str) -> CronSim:
    try:
        # A naive time makes it enumerate wall-clock times, which know no zone.
        return CronSim(readable(expression), datetime(2000, 1, 1))  # noqa: DTZ001 - wall time on purpose
    except CronSimError:
        raise _never(expression) from None


def _walls(expression: str, after: datetime) -> Iterator[datetime]:
    """Yield the naive times that match, in order, all later than ``after``."""
    walls = _parsed(expression)
    fresh = object.__new__(CronSim)
    # Reading the expression anew costs more than enumerating; what is read is never changed.
    fresh.__dict__.update(walls.__dict__)
    fresh.dt = after.replace(microsecond=0)
    return fresh


def _offset(instant: datetime, zone: tzinfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _first_instant(wall: datetime, zone: tzinfo) -> datetime:
    """Return the first instant at which clocks show ``wall``; if none, that of the change."""
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    # In the gap, the offset before the change leads to an instant after it.
    change = _first_change(instant - _STRIDE, instant, zone)
    return instant if change is None else change


def _first_change(start: datetime, end: datetime, zone: tzinfo) -> datetime | None:
    """Return the first instant in ``(start, end]`` that has another offset than ``start``."""
    if zone is UTC:
        return None
    offset = _offset(start, zone)
    low = start
    while low < end:
        high = min(low + _STRIDE, end)
        if _offset(high, zone) != offset:
            break
        low = high
    else:
        return None
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle <= low:
            break
        if _offset(middle, zone) == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
