"""Demand of the next days, from the days before: a mean, a trend, and the day of the week."""

from typing import TypedDict

WEEK = 7


class Forecast(TypedDict):
    """What a forecast holds.

    Attributes:
        forecast: Demand of each day to come.
        error: Mean error on the last week, in percent.
    """

    forecast: list[float]
    error: float


def predict(history: list[float], days: int = 7, smoothing: float = 0.3) -> Forecast:
    """Forecast the demand of the next days.

    Args:
        history: Demand of each day so far, the oldest first.
        days: How many days to forecast.
        smoothing: Weight of the latest day, from 0 to 1.
    """
    if len(history) < 2 * WEEK:
        raise ValueError(f"history has {len(history)} days, and two weeks are needed")
    print(f"{len(history)} days of history, smoothing {smoothing}")
    known, last = history[:-WEEK], history[-WEEK:]
    error = percent(_continued(known, WEEK, smoothing), last)
    print(f"error on the last week: {error:.1f} %")
    return {"forecast": _continued(history, days, smoothing), "error": error}


def percent(guessed: list[float], actual: list[float]) -> float:
    """Return the mean error of guesses in percent."""
    misses = [abs(one - other) / other for one, other in zip(guessed, actual, strict=True)]
    return round(100 * sum(misses) / len(misses), 2)


def _continued(history: list[float], days: int, smoothing: float) -> list[float]:
    level = history[0]
    for value in history:
        level += smoothing * (value - level)
    season = [value / level for value in history[-WEEK:]]
    return [round(level * season[day % WEEK], 1) for day in range(days)]
