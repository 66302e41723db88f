"""A line of numbers drawn with characters."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import pairwise

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def chart(values: Sequence[float], width: int, height: int) -> list[str]:
    """Return the lines of a column chart, from its top to its bottom.

    Neighbours share a column, which shows their mean, if there are more values than columns.

    Args:
        values: At least one number.
        width: Columns at most.
        height: Lines.
    """
    columns = _means(values, width)
    low, high = min(columns), max(columns)
    span = high - low
    # The lowest column is seen as well, and so is a line that is flat.
    filled = [
        1 + round((value - low) / span * (8 * height - 1)) if span else 4 * height
        for value in columns
    ]
    labels = {height - 1: f"{high:.6g}", 0: f"{low:.6g}"} if span else {height // 2: f"{low:.6g}"}
    margin = max(map(len, labels.values()))
    return [
        f"{labels.get(row, ''):>{margin}} "
        + "".join(_EIGHTHS[min(max(eighths - 8 * row, 0), 8)] for eighths in filled).rstrip()
        for row in reversed(range(height))
    ]


def chart_width() -> int:
    """Return the columns of a chart that the terminal has room for."""
    return max(shutil.get_terminal_size().columns - 16, 10)


def _means(values: Sequence[float], width: int) -> list[float]:
    count = len(values)
    if count <= width:
        return list(values)
    edges = [count * column // width for column in range(width + 1)]
    # Divided before they are added, because the sum may be more than a float can hold.
    return [
        sum(value / (end - begin) for value in values[begin:end]) for begin, end in pairwise(edges)
    ]
