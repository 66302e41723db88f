"""Schedules as callers ask for them: what was given, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

from headrace.core.cron import Cron, read_cron, read_timezone
from headrace.core.errors import InvalidSchedule
from headrace.core.numbers import is_number
from headrace.core.schedules import Missed, Overlap, Schedule

MAX_JITTER_S = 3600.0
MAX_MISSED_WINDOW_S = 31 * 86400.0

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """Policies of a schedule as a caller gave them; None where nothing was given."""

    timezone: object = None
    missed: object = None
    missed_window_s: object = None
    overlap: object = None
    jitter_s: object = None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> ScheduleOptions:
        """Take the options out of a JSON object; null means not given."""
        return cls(**{name: given.get(name) for name in OPTION_NAMES})

    @property
    def given(self) -> tuple[str, ...]:
        """The names of those that were given."""
        return tuple(name for name in OPTION_NAMES if getattr(self, name) is not None)


OPTION_NAMES = ("timezone", "missed", "missed_window_s", "overlap", "jitter_s")


@dataclass(frozen=True, slots=True)
class ScheduleRequest:
    """A schedule as a caller gave it, or what is to change of one; None leaves it as it is."""

    expression: object = None
    options: ScheduleOptions = field(default_factory=ScheduleOptions)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was given."""
        return self.expression is None and not self.options.given


def read_schedule(request: ScheduleRequest, before: Schedule | None = None) -> Schedule:
    """Return the schedule that a caller asks for, what was not given being as before.

    Args:
        request: What was given.
        before: The schedule that is to change; None for a new one, with the defaults.

    Raises:
        InvalidSchedule: With the field, what is wrong and what it takes.
    """
    options = request.options
    base = before or Schedule(cron=Cron("* * * * *"))
    return Schedule(
        cron=_cron(request, before),
        missed=_choice(Missed, "missed", options.missed, base.missed),
        missed_window_s=_seconds(
            "missed_window_s", options.missed_window_s, base.missed_window_s, MAX_MISSED_WINDOW_S
        ),
        overlap=_choice(Overlap, "overlap", options.overlap, base.overlap),
        jitter_s=_seconds("jitter_s", options.jitter_s, base.jitter_s, MAX_JITTER_S),
    )


def _cron(request: ScheduleRequest, before: Schedule | None) -> Cron:
    expression, timezone = request.expression, request.options.timezone
    if expression is None:
        if before is None:
            raise InvalidSchedule(
                "schedule is missing: give the cron expression of a periodic deployment, such as "
                "'0 3 * * *' for every day at 3:00."
            )
        # Taken once, it stays, even if it were refused today.
        return (
            before.cron
            if timezone is None
            else replace(before.cron, timezone=read_timezone(timezone))
        )
    if timezone is None:
        timezone = "UTC" if before is None else before.cron.timezone
    return read_cron(expression, timezone)


def _choice(kind: type[Choice], name: str, given: object, default: Choice) -> Choice:
    if given is None:
        return default
    try:
        return kind(str(given))
    except ValueError:
        choices = ", ".join(f"'{choice.value}'" for choice in kind)
        raise InvalidSchedule(f"{name} must be one of {choices}, not {given!r:.80}.") from None


def _seconds(name: str, given: object, default: float, most: float) -> float:
    if given is None:
        return default
    if not is_number(given) or not 0 <= given <= most:
        raise InvalidSchedule(
            f"{name} must be a number of seconds from 0 to {most:,.0f}, not {given!r:.80}."
        )
    return float(given)
