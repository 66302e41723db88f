"""The items of a streaming call on their way to its reader."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from headrace.core.values import Json
from headrace_harness.streams import WINDOW_BYTES


class Items:
    """What a function yields, while it runs; one reader may iterate.

    The pod sends at most a window's worth more than the reader has taken. A reader who takes
    nothing for ``stall_s`` seconds while items wait is given up, so that it cannot hold a pod.

    Args:
        grant: Lets the pod send so many bytes more; None: nobody reads any more.
        stall_s: Patience with the reader.
    """

    def __init__(self, grant: Callable[[int | None], None], stall_s: float) -> None:
        self._grant = grant
        self._stall_s = stall_s
        self._waiting: deque[tuple[int, Json]] = deque()
        self._taken_bytes = 0
        self._wakeup: asyncio.Future[None] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._is_ended = False
        self._is_left = False

    def __aiter__(self) -> Items:
        return self

    async def __anext__(self) -> Json:
        while not self._waiting:
            if self._is_ended or self._is_left:
                raise StopAsyncIteration
            self._wakeup = asyncio.get_running_loop().create_future()
            await self._wakeup
        size, item = self._waiting.popleft()
        self._stop_patience()
        if self._waiting:
            self._start_patience()
        self._taken_bytes += size
        if self._taken_bytes >= WINDOW_BYTES // 2 and not self._is_ended:
            self._grant(self._taken_bytes)
            self._taken_bytes = 0
        return item

    @property
    def is_cut(self) -> bool:
        """Whether the reader was given up, or has left, before all items were taken."""
        return self._is_left

    def leave(self) -> None:
        """Say that nobody reads any more; the function goes on, and its items are recorded."""
        self._stop_patience()
        self._waiting.clear()
        if not (self._is_left or self._is_ended):
            self._grant(None)
        self._is_left = True
        self._wake()

    def add(self, size: int, item: Json) -> None:
        """Take an item from the pod, which had so many bytes."""
        if not self._is_left:
            self._waiting.append((size, item))
            self._wake()
            if self._patience is None:
                self._start_patience()

    def end(self) -> None:
        """Take note that there will be no more."""
        self._is_ended = True
        self._wake()

    def _wake(self) -> None:
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)

    def _start_patience(self) -> None:
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(self._stall_s, self.leave)

    def _stop_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
