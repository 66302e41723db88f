"""Strips: a cell for each of the latest ends or fire times."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.core.health import Health


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a strip.

    Attributes:
        tone: ``good``, ``bad``, ``warn``, ``skip`` or ``next``.
        says: What it stands for, in words.
        link: Where it leads, or None.
    """

    tone: str
    says: str
    link: str | None = None


def ends_of(health: Health) -> list[Cell]:
    """Return the ends of the latest executions as cells, oldest first."""
    return [
        Cell(
            "good" if ending.failure is None else "bad",
            f"{ending.status.value}{f': {ending.failure.message}' if ending.failure else ''}"[:300],
            f"/executions/{ending.execution_id}",
        )
        for ending in reversed(health.endings)
    ]
