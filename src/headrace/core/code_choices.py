"""Which version of a pipeline a rerun runs."""

from __future__ import annotations

from typing import Literal

from headrace.core.errors import InvalidRequest

CodeChoice = Literal["current", "original"] | int
"""The version that a rerun runs: that which a new execution would have, that of the execution
which is repeated, or one by its number."""

CURRENT: Literal["current"] = "current"
ORIGINAL: Literal["original"] = "original"


def read_code(choice: object) -> CodeChoice:
    """Return the choice that a caller named, as a word, a number or the text of one.

    Raises:
        InvalidRequest: It is none.
    """
    if choice == CURRENT:
        return CURRENT
    if choice == ORIGINAL:
        return ORIGINAL
    is_number = isinstance(choice, int) and not isinstance(choice, bool)
    if is_number or (isinstance(choice, str) and choice.isascii() and choice.isdecimal()):
        number = int(choice) if len(str(choice)) <= 9 else 0  # type: ignore[call-overload]
        if number >= 1:
            return int(number)
    raise InvalidRequest(
        f"code must be 'current', 'original' or the number of a version, not {choice!r:.80}."
    )
