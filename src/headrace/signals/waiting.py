"""Wait for a state to be over, with signals to shorten the wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from headrace.signals.port import Signals

T = TypeVar("T")

LOOK_AGAIN_S = 5.0
"""A signal may be lost, so the state is looked at now and then all the same."""


async def wait_until_over(
    signals: Signals,
    topic: str,
    look: Callable[[], Awaitable[T]],
    is_over: Callable[[T], bool],
    timeout_s: float,
) -> T:
    """Return a state as soon as it is over, or as it is after ``timeout_s``.

    Args:
        signals: Where changes are told.
        topic: The topic of this one.
        look: Returns the state as it is now; what it raises ends the wait.
        is_over: Whether a state will not change any more.
        timeout_s: Longest wait, in seconds.
    """
    deadline = asyncio.get_running_loop().time() + timeout_s
    with signals.listen(topic) as signal:
        while True:
            state = await look()
            left = deadline - asyncio.get_running_loop().time()
            if is_over(state) or left <= 0:
                return state
            await signal.wait(min(left, LOOK_AGAIN_S))
