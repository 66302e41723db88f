"""On which node a call runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Place(Protocol):
    """A node that takes calls."""

    @property
    def processors(self) -> float:
        """How many processors it has."""
        ...

    @property
    def calls(self) -> int:
        """How many calls it has."""
        ...

    def is_warm(self, key: str) -> bool:
        """Check whether a process on it has imported this code."""
        ...


P = TypeVar("P", bound=Place)


def choose(places: Sequence[P], key: str) -> P | None:
    """Return the node for a call, or None if there is none.

    A node with a free processor goes before one without, then one that has imported the code, then
    the one with the fewest calls for its processors.
    """

    def rank(place: P) -> tuple[bool, bool, float]:
        is_full = place.calls >= place.processors
        return is_full, not is_full and not place.is_warm(key), place.calls / place.processors

    return min(places, key=rank, default=None)
