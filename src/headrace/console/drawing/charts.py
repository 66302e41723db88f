"""Small plots that the server draws; each says in words what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH = 300


def spark(values: Sequence[float], says: str, height: int = 40) -> Markup:
    """Return a line over an area, without axes.

    Args:
        values: At equal distances, oldest first.
        says: What it shows, for those who do not see it.
        height: Its height in pixels.
    """
    top = max(values, default=0) or 1
    step = WIDTH / max(len(values) - 1, 1)
    points = [
        f"{number * step:.1f} {height - 2 - (height - 4) * value / top:.1f}"
        for number, value in enumerate(values)
    ]
    line = "M" + " L".join(points) if points else ""
    area = f"{line} L{WIDTH} {height} L0 {height} Z" if points else ""
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" height="{}" preserveAspectRatio="none" role="img" '
        'aria-label="{}"><path class="area" d="{}"/><path d="{}"/></svg>'
    ).format(WIDTH, height, height, says, area, line)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a strip.

    Attributes:
        tone: ``good``, ``bad``, ``warn``, ``skip``, ``busy`` or ``next``.
        says: What it stands for, in words.
        link: Where it leads, or None.
    """

    tone: str
    says: str
    link: str | None = None


def bar(share: float, says: str) -> Markup:
    """Return a bar that is filled to a share of 0 to 1."""
    width = round(100 * min(max(share, 0), 1), 1)
    return Markup(
        '<svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" '
        'aria-label="{}"><rect class="full" width="100" height="6" rx="1"/>'
        '<rect class="part" width="{}" height="6" rx="1"/></svg>'
    ).format(says, width)
