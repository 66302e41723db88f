"""How durations, days and instants are written on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import typer

from headrace.core.clock import now

DURATION_SYNTAX = "a number of seconds, or such as 90s, 15m, 2h or 1d12h"

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,6})?")
_PART = re.compile(rf"({_NUMBER.pattern})([dhms])")


def seconds_from_text(text: str) -> float:
    """Return the seconds that ``90``, ``90s``, ``15m`` or ``1h30m`` stand for.

    Raises:
        typer.BadParameter: The text is not of that form.
    """
    text = text.strip().lower()
    if _NUMBER.fullmatch(text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise typer.BadParameter(f"{text!r} is no duration: write {DURATION_SYNTAX}.")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def instant_from_text(text: str) -> datetime:
    """Return the instant of a day or a time in ISO 8601, which is in UTC unless it says.

    Raises:
        typer.BadParameter: The text is neither.
    """
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no time: write such as 2026-03-29 or 2026-03-29T01:00:00Z."
        ) from None


def since_from_text(text: str) -> datetime:
    """Return the instant that ``2h`` ago, a day or a time stands for.

    Raises:
        typer.BadParameter: The text is none of these.
    """
    if _PART.match(text.strip().lower()):
        try:
            return now() - timedelta(seconds=seconds_from_text(text))
        except OverflowError:
            raise typer.BadParameter(f"{text!r} is too long ago.") from None
    return instant_from_text(text)


def day_from_text(text: str) -> date:
    """Return the day that ``2026-03-29`` stands for.

    Raises:
        typer.BadParameter: It is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day: write such as 2026-03-29.") from None


def duration_text(length: timedelta) -> str:
    """Return a duration in its units, such as ``1d 1h`` or ``90.5s``."""
    left = length.total_seconds()
    parts = []
    for unit, size in _UNITS.items():
        count = left / size if unit == "s" else float(left // size)
        left -= count * size
        if count:
            parts.append(f"{count:.6g}{unit}")
    return " ".join(parts) or "0s"


def short_duration(length: timedelta) -> str:
    """Return a duration in at most two of its units, such as ``0.04s``, ``12s`` or ``2h 5m``."""
    seconds = length.total_seconds()
    if seconds < 10:
        return f"{seconds:.2f}s"
    whole = timedelta(seconds=round(seconds))
    return " ".join(duration_text(whole).split()[:2])


def local_text(instant: datetime, zone: ZoneInfo) -> str:
    """Return an instant as clocks show it in a zone, with the zone's abbreviation."""
    return f"{instant.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"


def utc_text(instant: datetime) -> str:
    """Return an instant in UTC, as tables show times."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def both_times(
    instants: Iterable[datetime], zone: ZoneInfo
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and rows that show instants in a zone, and in UTC if that is another."""
    if zone.key == "UTC":
        return ("UTC",), [(local_text(at, zone),) for at in instants]
    return (zone.key, "UTC"), [(local_text(at, zone), utc_text(at)) for at in instants]
