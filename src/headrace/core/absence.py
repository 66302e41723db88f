"""What stands where an input has no value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Absent:
    """The place of an input that nothing was given for: the function's own default holds, or None.

    Attributes:
        why: What is wrong if the function has no default of its own; None if it then gets None.
    """

    why: str | None = None


ABSENT = Absent()
