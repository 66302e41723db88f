"""Tries that are counted in several places at once, before anything is compared."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from headrace.core.errors import TooManyTries
from headrace.core.tries import Tries

Counted = Sequence[tuple[Tries, str]]
"""Where a try counts, each with its key."""


def count_try(counted: Counted) -> None:
    """Count a try.

    Raises:
        TooManyTries: There were too many in one of the places; it is counted in none.
    """
    at = time.monotonic()
    wait_s = math.ceil(max(tries.wait_s(key, at) for tries, key in counted))
    if wait_s > 0:
        raise TooManyTries(
            f"There were too many tries with wrong passwords or tokens: wait {wait_s} seconds, "
            "then try again. A valid SDK token signs you in at once.",
            details={"retry_after_s": wait_s},
        )
    for tries, key in counted:
        tries.count(key, at)


def give_back(counted: Counted) -> None:
    """Forget a try that was no failure."""
    for tries, key in counted:
        tries.give_back(key)
