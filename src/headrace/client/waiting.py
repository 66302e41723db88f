"""Waiting for the server: ask, be held, ask again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from headrace.core.errors import Unavailable, WaitTimeout
from headrace.core.rendering import rendered

T = TypeVar("T")

PATIENCE_S = 30.0
"""Seconds for which a wait outlives a server that stopped answering, such as one restarting."""

SHORTEST_HOLD_S = 0.25
"""A question that is answered "not yet" sooner than this is followed by a pause."""


class WaitInterrupted(KeyboardInterrupt):
    """Whoever waited was interrupted; what was waited for goes on, and the message says so."""

    def _render_traceback_(self) -> list[str]:
        """Return the lines that a notebook shows."""
        return rendered(self, f"{type(self).__name__}: {self}")


def wait_for(
    ask: Callable[[float | None], T | None],
    *,
    what: str,
    then: str = "",
    is_known: Callable[[], bool],
    timeout_s: float | None = None,
) -> T:
    """Ask until there is an answer, and return it.

    Args:
        ask: Asks once; the server holds the question. Receives the seconds that are left, or None
            for no limit. Returns None for "not yet".
        what: What is waited for, as the start of the message of a timeout.
        then: What can be done about it when the wait is interrupted, as a sentence.
        is_known: Tells whether the server has ever answered; one that has not is not waited for.
        timeout_s: Seconds after which the wait ends; None waits for ever.

    Raises:
        WaitTimeout: The time is over.
        Unavailable: The server never answered, or not for :data:`PATIENCE_S`.
        WaitInterrupted: By the user; what is waited for goes on.
    """
    try:
        return _asked_until(ask, what, is_known, timeout_s)
    except KeyboardInterrupt:
        raise WaitInterrupted(f"{what} goes on. {then}".strip()) from None


def _asked_until(
    ask: Callable[[float | None], T | None],
    what: str,
    is_known: Callable[[], bool],
    timeout_s: float | None,
) -> T:
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    silent_since: float | None = None
    while True:
        asked_at = time.monotonic()
        left = None if deadline is None else deadline - asked_at
        if left is not None and left <= 0:
            raise WaitTimeout(f"{what} is not done after {timeout_s:g} s; it goes on.")
        try:
            answer = ask(left)
        except Unavailable:
            now = time.monotonic()
            silent_since = now if silent_since is None else silent_since
            is_over = deadline is not None and now >= deadline
            if not is_over and (not is_known() or now - silent_since > PATIENCE_S):
                raise
        else:
            if answer is not None:
                return answer
            silent_since = None
        pause = SHORTEST_HOLD_S - (time.monotonic() - asked_at)
        if pause > 0:
            time.sleep(pause)
