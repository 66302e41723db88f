"""Random schedules: expressions from every minute to every few years, zones, policies."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import available_timezones

from proof.simulation.oracle import MONTHS, WEEKDAYS, read

MISSED = ("skip", "latest", "all")
OVERLAP = ("parallel", "skip", "queue_one", "cancel_running")
DAYS_LOOKED_AT = 4 * 365 + 1
"""An expression must fire at least once in this time, which has one 29 February."""


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """Return the names of all IANA zones of this machine."""
    return tuple(sorted(available_timezones() - {"localtime", "Factory"}))


@dataclass(frozen=True)
class Terms:
    """Everything that a user can say about a schedule."""

    expression: str
    timezone: str
    missed: str
    missed_window_s: float
    overlap: str
    jitter_s: float


def random_terms(
    chance: random.Random, *, least: float, most: float, jitter_s: float = 3600.0
) -> Terms:
    """Return a random schedule that fires between ``least`` and ``most`` times a day."""
    return Terms(
        expression=random_expression(chance, least=least, most=most),
        timezone=chance.choice(zones()),
        missed=chance.choice(MISSED),
        missed_window_s=chance.choice([0.0, 90.0, 3600.0, 86400.0, 7 * 86400.0, 31 * 86400.0]),
        overlap=chance.choice(OVERLAP),
        jitter_s=chance.choice(
            [0.0, 0.0, min(90, jitter_s) * chance.random(), jitter_s * chance.random()]
        ),
    )


def random_expression(chance: random.Random, *, least: float = 0, most: float = 1440) -> str:
    """Return a random expression that fires between ``least`` and ``most`` times a day."""
    while True:
        minute = _times(chance, 0, 59)
        hour = _times(chance, 0, 23)
        day = _rarely(chance, 1, 31, ())
        month = _rarely(chance, 1, 12, MONTHS)
        weekday = _rarely(chance, 0, 7, WEEKDAYS)
        expression = f"{minute} {hour} {day} {month} {weekday}"
        if least <= times_per_day(expression) <= most:
            return expression


def times_per_day(expression: str) -> float:
    """Return how often it fires a day on average; 0 if it does not fire in four years."""
    pattern = read(expression)
    _, _, *days = expression.upper().split()
    return len(pattern.minutes) * len(pattern.hours) * _part_of_days(*days)


@lru_cache(maxsize=4096)
def _part_of_days(day: str, month: str, weekday: str) -> float:
    pattern = read(f"* * {day} {month} {weekday}")
    first = date(2024, 1, 1)
    days = (first + timedelta(days=number) for number in range(DAYS_LOOKED_AT))
    return sum(pattern.matches_day(day) for day in days) / DAYS_LOOKED_AT


def _times(chance: random.Random, low: int, high: int) -> str:
    kind = chance.randrange(6)
    if kind == 0:
        return "*"
    if kind == 1:
        steps = [1, 2, 3, 5, 7, 10, 15, 20, 30, 45]
        return f"*/{chance.choice([step for step in steps if step <= high])}"
    if kind == 2:
        return _span(chance, low, high)
    if kind == 3:
        return ",".join(_part(chance, low, high, ()) for _ in range(chance.randint(2, 4)))
    return str(chance.randint(low, high))


def _rarely(chance: random.Random, low: int, high: int, names: tuple[str, ...]) -> str:
    if chance.random() < 0.6:
        return "*"
    if chance.random() < 0.2:
        return f"*/{chance.randint(1, high)}"
    return ",".join(_part(chance, low, high, names) for _ in range(chance.choice([1, 1, 2, 3])))


def _part(chance: random.Random, low: int, high: int, names: tuple[str, ...]) -> str:
    if chance.random() < 0.3:
        return _span(chance, low, high)
    if names and chance.random() < 0.5:
        return chance.choice([str.lower, str.title, str.upper])(chance.choice(names))
    return str(chance.randint(low, high))


def _span(chance: random.Random, low: int, high: int) -> str:
    begin = chance.randint(low, high)
    span = f"{begin}-{chance.randint(begin, high)}"
    return span + chance.choice(["", f"/{chance.randint(1, min(12, high))}"])
