"""Strips: what became of the latest of many, a cell for each."""

from __future__ import annotations

from dataclasses import dataclass


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
