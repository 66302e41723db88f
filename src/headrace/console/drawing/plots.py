"""Plots: lines over time, and the table behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from headrace.core.activity import Period

_SHORT_S = 10.0
"""Durations are in milliseconds unless one of them is longer."""


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over time, and the table behind them.

    Attributes:
        title: What it shows.
        unit: Of its values.
        names: Of its lines.
        rows: Time and the value of each line; None where a line has none.
        top: The greatest value of the axis, or None to follow the values.
        tones: Colours of the lines, by their names in the styles; one after the other without.
    """

    title: str
    unit: str
    names: Sequence[str]
    rows: Sequence[tuple[datetime, Sequence[float | None]]]
    top: float | None = None
    tones: Sequence[str] = ()


def of_calls(periods: Sequence[Period], point_s: int) -> Plot:
    """Return the plot of calls per minute, and of those that failed."""
    minutes = point_s / 60
    rows = [(one.begin, (one.calls / minutes, one.failed / minutes)) for one in periods]
    return Plot("Calls per minute", "", ("all", "failed"), rows, tones=("accent", "bad"))


def of_durations(periods: Sequence[Period]) -> Plot:
    """Return the plot of how long calls took."""
    longest = max((one.p95_s or 0.0 for one in periods), default=0.0)
    unit, factor = ("ms", 1000.0) if longest < _SHORT_S else ("s", 1.0)

    def scaled(seconds: float | None) -> float | None:
        return None if seconds is None else float(f"{seconds * factor:.3g}")

    rows = [(one.begin, (scaled(one.p50_s), scaled(one.p95_s))) for one in periods]
    return Plot("Duration", unit, ("half within", "95 % within"), rows)
