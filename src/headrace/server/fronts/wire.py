"""Messages between the main process and a front, over a pair of sockets that nobody else has.

Both run the same program, and what they say are its own objects: they are pickled. Neither reads
anything from a place where another process could write.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import pickle
import socket
from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import Any

from headrace.core.errors import Unavailable

logger = logging.getLogger(__name__)

_LENGTH_BYTES = 4
_REPLY, _ERROR = "=", "!"
GONE = "The other process of this server has ended."

Handler = Callable[..., Any]
"""Does what a message asks for, and returns the answer, or what is to be awaited for it."""


class Wire:
    """One end: asks, tells, and does what the other end asks for.

    Args:
        handlers: What is done for each kind of message.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Future[None]] = set()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self, end: socket.socket) -> None:
        """Speak over a socket from now on."""
        self._reader, self._writer = await asyncio.open_unix_connection(sock=end)

    async def run(self) -> None:
        """Hear the other end until it is gone."""
        reader, writer = self._reader, self._writer
        if reader is None or writer is None:
            raise LookupError("it is not open")
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES))
                self._hear(*pickle.loads(await reader.readexactly(length)))  # noqa: S301 - see above
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()
            self._writer = None
            for asked in self._asked.values():
                if not asked.done():
                    asked.set_exception(Unavailable(GONE))
            self._asked.clear()

    def tell(self, kind: str, *arguments: Any) -> None:
        """Send a message that has no answer; nothing happens if the other end is gone."""
        if self._writer is not None:
            self._send(0, kind, arguments)

    async def ask(self, kind: str, *arguments: Any) -> Any:
        """Send a message and return the answer.

        Raises:
            Unavailable: The other end is gone, or goes before it has answered.
            Exception: Whatever was raised there.
        """
        if self._writer is None:
            raise Unavailable(GONE)
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._send(number, kind, arguments)
            return await answer
        finally:
            self._asked.pop(number, None)

    def _send(self, number: int, kind: str, what: Any) -> None:
        data = pickle.dumps((number, kind, what), pickle.HIGHEST_PROTOCOL)
        if self._writer is not None:
            self._writer.write(len(data).to_bytes(_LENGTH_BYTES) + data)

    def _hear(self, number: int, kind: str, what: Any) -> None:
        if kind in {_REPLY, _ERROR}:
            asked = self._asked.get(number)
            if asked is not None and not asked.done():
                (asked.set_result if kind == _REPLY else asked.set_exception)(what)
            return
        handler = self._handlers.get(kind)
        if handler is None and not number:
            # The front has not begun; it is told all of it then.
            return
        try:
            made = self._handlers[kind](*what)
        except Exception as error:  # noqa: BLE001 - whoever asked hears of it
            self._answer(number, kind, error)
            return
        if isawaitable(made):
            task = asyncio.ensure_future(self._answer_later(number, kind, made))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif number:
            self._send(number, _REPLY, made)

    async def _answer_later(self, number: int, kind: str, made: Awaitable[Any]) -> None:
        try:
            result = await made
        except Exception as error:  # noqa: BLE001 - whoever asked hears of it
            self._answer(number, kind, error)
        else:
            if number:
                self._send(number, _REPLY, result)

    def _answer(self, number: int, kind: str, error: Exception) -> None:
        if number:
            self._send(number, _ERROR, _as_sent(error))
        else:
            logger.error("a message %r came to nothing", kind, exc_info=error)


def _as_sent(error: Exception) -> Exception:
    """Return an error, or one that says the same if it cannot be sent."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever is in it
        return Unavailable(f"{type(error).__name__}: {error}")
    return error
