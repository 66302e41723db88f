"""Values in the words of the pages: times, durations, sizes, counts, short forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from markupsafe import Markup, escape

from headrace.console.ansi import coloured
from headrace.core.clock import now
from headrace.core.executions import Execution
from headrace.core.standby import EnvironmentStatus, Standing
from headrace.core.values import FileValue
from headrace.wire.bodies import log_time

NO_VALUE = "\u2013"
"""A dash, where there is nothing to say."""

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")

_TONES: Mapping[str, str] = {
    "Succeeded": "good",
    "ready": "good",
    "up": "good",
    "Well": "good",
    "Failed": "bad",
    "Error": "bad",
    "creation_failed": "bad",
    "Running": "busy",
    "creation_pending": "busy",
    "down_retrying": "warn",
    "Pending": "wait",
    "Paused": "warn",
    "standby": "wait",
    "pausing-step-1": "warn",
    "pausing-step-2": "warn",
    "resuming-step-1": "busy",
    "resuming-step-2": "busy",
    "disabled": "off",
}
_LABELS: Mapping[str, str] = {
    "ready": "Ready",
    "up": "Up",
    "creation_failed": "Failed",
    "creation_pending": "Building",
    "down_retrying": "Down, retrying",
    "standby": "Standby",
    "disabled": "Disabled",
    "pausing-step-1": "Pausing",
    "pausing-step-2": "Pausing",
    "resuming-step-1": "Resuming",
    "resuming-step-2": "Resuming",
}
_STANDINGS: Mapping[EnvironmentStatus, str] = {
    EnvironmentStatus.READY: "This server takes work.",
    EnvironmentStatus.PAUSE_ASKED: "This server takes no work. What runs ends by itself.",
    EnvironmentStatus.PODS_GOING: "This server takes no work. Nothing runs, and its pods go.",
    EnvironmentStatus.STANDBY: "This server is paused: it keeps everything and takes no work.",
    EnvironmentStatus.RESUME_ASKED: "This server takes no work yet.",
    EnvironmentStatus.PODS_COMING: "This server takes work again. Its pods are coming back.",
}


def pill(status: object) -> Markup:
    """Return a status as a label with a form and a colour."""
    text = getattr(status, "value", None) or str(status)
    tone, label = _TONES.get(text, "off"), _LABELS.get(text, text)
    return Markup('<span class="pill {}">{}</span>').format(tone, label)


def standing(found: Standing) -> str:
    """Return whether the server takes work, in a sentence."""
    return _STANDINGS[found.status]


def instant(moment: datetime | None, empty: str = NO_VALUE) -> Markup:
    """Return a time as an element that says how long ago it is, and when exactly."""
    if moment is None:
        return escape(empty)
    iso = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    exact = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, exact, ago(moment))


def exact(moment: datetime) -> Markup:
    """Return a time as an element that says when exactly it is."""
    iso = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time class="exact" datetime="{}">{}</time>').format(iso, shown)


def clock(at_us: int) -> str:
    """Return the time of the day of a line of a log."""
    return log_time(at_us)[11:23]


def ago(moment: datetime) -> str:
    """Return how far a time is from now."""
    seconds = (now() - moment).total_seconds()
    text = span(abs(seconds))
    if abs(seconds) < 1:
        return "now"
    return f"{text} ago" if seconds > 0 else f"in {text}"


def span(seconds: float | timedelta | None) -> str:
    """Return a duration in its two largest units."""
    if seconds is None:
        return NO_VALUE
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s".replace(".00 s", " s")
    if seconds < 60:
        return f"{seconds:.0f} s"
    for (size, unit), (lower, lesser) in pairwise(_UNITS):
        if seconds >= size:
            more, rest = divmod(int(seconds), size)
            less = rest // lower
            return f"{more} {unit} {less} {lesser}" if less and more < 10 else f"{more} {unit}"
    return f"{seconds:.0f} s"


def took(execution: Execution) -> str:
    """Return how long an execution has been at work."""
    if execution.started_at is None:
        return NO_VALUE
    return span(((execution.ended_at or now()) - execution.started_at).total_seconds())


def size(count: int | None) -> str:
    """Return a number of bytes in a unit of its own size."""
    if count is None:
        return NO_VALUE
    number = float(count)
    for unit in _SIZES:
        if number < 1023.5 or unit == _SIZES[-1]:
            digits = 0 if unit == "B" or number >= 99.5 else 1
            return f"{number:.{digits}f} {unit}"
        number /= 1024
    raise AssertionError


def count(number: int) -> str:
    """Return a number with its thousands set apart."""
    return f"{number:,}"


def of_executions(number: int) -> str:
    """Return how many executions a number says."""
    return f"{number:,} execution{'' if number == 1 else 's'}"


def share(part: float) -> str:
    """Return a share from 0 to 1 in percent: none and all of it are said only where they are."""
    if part in {0.0, 1.0}:
        return f"{part:.0%}"
    return f"{part:.0%}" if 0.1 <= part <= 0.9 else f"{min(max(part, 0.001), 0.999):.1%}"


def figure(number: float | None, unit: str = "") -> str:
    """Return a measured number with as many digits as tell something, and its unit."""
    if number is None:
        return NO_VALUE
    text = f"{number:,.0f}" if abs(number) >= 1e5 else f"{number:.4g}"
    return f"{text} {unit}".rstrip()


def short_id(execution_id: str) -> str:
    """Return the parts of an id that tell executions apart."""
    return f"{execution_id[:8]}…{execution_id[-4:]}" if len(execution_id) > 13 else execution_id


def value(found: Any, limit: int = 200) -> str:
    """Return a recorded value in one line."""
    if isinstance(found, FileValue):
        return f"{found.filename} · {size(found.size)}"
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, default=str)
    text = json.dumps(text, ensure_ascii=False) if isinstance(found, str) else text
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "pill": pill,
    "standing": standing,
    "instant": instant,
    "exact": exact,
    "clock": clock,
    "figure": figure,
    "share": share,
    "span": span,
    "took": took,
    "size": size,
    "count": count,
    "of_executions": of_executions,
    "short_id": short_id,
    "value": value,
    "coloured": coloured,
}
