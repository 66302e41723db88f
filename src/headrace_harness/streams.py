"""What a function yields: sent item by item as far as the reader keeps up, and kept as a list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Optional

from headrace_harness.converting import to_json
from headrace_harness.failing import BAD_OUTPUT, Failed
from headrace_harness.frames import frame
from headrace_harness.scalars import Misfit
from headrace_harness.stdlib import _thread

WINDOW_BYTES = 1 << 18
"""Bytes of items that may be under way to a reader who has not taken them."""


class Stream:
    """The items of one call.

    Args:
        number: The call's number.
        function: The function's name, for messages.
        output: The output that becomes the list.
        is_wanted: Whether the items are to be sent.
        max_bytes: What all items together may have as JSON.
        send: Sends a frame to the engine.
    """

    def __init__(
        self,
        number: int,
        function: str,
        output: str,
        *,
        is_wanted: bool,
        max_bytes: int,
        send: Callable[[bytes], None],
    ) -> None:
        self.output = output
        self._prefix = f'{{"op":"item","number":{number},"value":'.encode()
        self._function = function
        self._is_wanted = is_wanted
        self._max_bytes = max_bytes
        self._send = send
        self._texts: list[str] = []
        self._size = 0
        self._room = WINDOW_BYTES
        self._state = _thread.allocate_lock()
        self._turn: Any = None
        self._waiter: Optional[asyncio.Future[None]] = None

    @property
    def text(self) -> str:
        """The JSON text of all items as a list."""
        return f"[{','.join(self._texts)}]"

    def push(self, item: Any) -> None:
        """Take an item; wait as long as the reader is behind.

        Raises:
            Failed: JSON cannot hold it, or the list becomes too large.
        """
        body = self._take(item)
        while True:
            with self._state:
                if not self._is_wanted or self._room > 0:
                    break
                # A lock that the next grant opens.
                turn = self._turn = _thread.allocate_lock()
                turn.acquire()
            turn.acquire()
        self._pass_on(body)

    async def push_async(self, item: Any) -> None:
        """Do as :meth:`push` without blocking the event loop."""
        body = self._take(item)
        while True:
            with self._state:
                if not self._is_wanted or self._room > 0:
                    break
                self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._pass_on(body)

    def grant(self, size: Optional[int]) -> None:
        """Allow so many more bytes; None: there is no reader any more. From any thread."""
        with self._state:
            if size is None:
                self._is_wanted = False
            else:
                self._room += size
            waiter, self._waiter = self._waiter, None
            turn, self._turn = self._turn, None
        if turn is not None:
            turn.release()
        if waiter is not None:
            waiter.get_loop().call_soon_threadsafe(_wake, waiter)

    def _take(self, item: Any) -> bytes:
        try:
            text = to_json(item, "json")
        except Misfit as misfit:
            where = f"{self._function}(): item {len(self._texts) + 1} of output '{self.output}'"
            raise Failed(BAD_OUTPUT, f"{where} {misfit}.") from None
        body = text.encode()
        self._size += len(body) + 1
        if self._size > self._max_bytes:
            raise Failed(
                BAD_OUTPUT,
                f"{self._function}() yielded more than {self._max_bytes:,} bytes of JSON, the most "
                f"that output '{self.output}' can be recorded with (HEADRACE_MAX_OUTPUT_BYTES); "
                'write large results to a file and return {"path": ...} as an output of type file.',
            )
        self._texts.append(text)
        return body

    def _pass_on(self, body: bytes) -> None:
        if self._is_wanted:
            with self._state:
                self._room -= len(body)
            self._send(frame(self._prefix + body + b"}"))


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
