"""Whether an execution that failed is attempted again, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from headrace.core.errors import InvalidRequest
from headrace.core.numbers import is_number, is_whole_number
from headrace.core.outcomes import FailureKind

MAX_RETRIES = 100
MAX_BACKOFF_S = 3600.0
DEFAULT_BACKOFF_S = 10.0

_FINAL = frozenset({FailureKind.CANCELLED, FailureKind.BAD_INPUT})
"""What another attempt would not change: somebody wanted it to end, or it cannot begin."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often an execution is attempted again.

    By default never: its code may have had effects, which nobody but its author can judge.

    Attributes:
        most: How many attempts there are after the first.
        backoff_s: Seconds before the second attempt; they double with each further one, up to
            :data:`MAX_BACKOFF_S`.
    """

    most: int = 0
    backoff_s: float = DEFAULT_BACKOFF_S

    def delay_after(self, attempt: int, kind: FailureKind) -> timedelta | None:
        """Return how long to wait after a failed attempt; None if it was the last one.

        Args:
            attempt: Number of the attempt that failed, from 1.
            kind: Why it failed.
        """
        if kind in _FINAL or attempt > self.most:
            return None
        # Bounded before it is computed: the power of a large number is larger than any float.
        return timedelta(seconds=min(self.backoff_s * 2.0 ** min(attempt - 1, 64), MAX_BACKOFF_S))


def read_retries(most: object, backoff_s: object) -> Retries:
    """Return the retries that a caller asks for; None takes the default.

    Raises:
        InvalidRequest: With the field, what is wrong and what it takes.
    """
    default = Retries()
    if most is None:
        most = default.most
    if not is_whole_number(most) or not 0 <= most <= MAX_RETRIES:
        raise InvalidRequest(
            f"retries must be a whole number from 0 to {MAX_RETRIES}: how many attempts follow a "
            f"failed one; not {most!r:.80}."
        )
    if backoff_s is None:
        backoff_s = default.backoff_s
    if not is_number(backoff_s) or not 0 <= backoff_s <= MAX_BACKOFF_S:
        raise InvalidRequest(
            f"retry_backoff_s must be a number of seconds from 0 to {MAX_BACKOFF_S:,.0f}, "
            f"not {backoff_s!r:.80}."
        )
    return Retries(most, float(backoff_s))
