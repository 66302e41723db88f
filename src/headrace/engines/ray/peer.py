"""Questions and answers with the other side, over whatever carries messages."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.core.errors import HeadraceError, Unavailable
from headrace.engines.ray.messages import Header, pack, plain, unpack

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered to a question, or told."""

    header: Header
    payload: bytes = b""


Respond = Callable[[Header, bytes], Awaitable[Answer]]
Hear = Callable[[Header], None]


class PeerGone(Unavailable):
    """The other side is not there any more."""


class Peer:
    """One side of a conversation. All of it belongs to the event loop's thread.

    Args:
        send: Carries a message to the other side, in order, or not at all if that is gone.
        respond: What answers each kind of question.
        hear: What takes what is only told.
        keeps_text: Whether large values stay JSON text (:func:`unpack`).
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        respond: Mapping[str, Respond],
        hear: Mapping[str, Hear],
        *,
        keeps_text: bool = False,
    ) -> None:
        self._send = send
        self._respond = respond
        self._hear = hear
        self._keeps_text = keeps_text
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Answer]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._gone = ""

    async def ask(self, op: str, payload: bytes = b"", **header: Any) -> Answer:
        """Ask and return what is answered.

        Raises:
            PeerGone: The other side is gone, or goes meanwhile; the message says how.
            Unavailable: It cannot answer; the message says why.
        """
        if self._gone:
            raise PeerGone(self._gone)
        number = next(self._numbers)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[number] = future
        try:
            self._send(pack({**header, "op": op, "number": number}, payload))
            return await future
        finally:
            del self._asked[number]

    def tell(self, op: str, **header: Any) -> None:
        """Tell something that is not answered."""
        if not self._gone:
            self._send(pack({**header, "op": op}))

    def take(self, data: bytes) -> None:
        """Take a message of the other side."""
        header, payload = unpack(data, keeps_text=self._keeps_text)
        op = header["op"]
        if op == "answer":
            self._settle(header, payload)
        elif op in self._hear:
            self._hear[op](header)
        else:
            task = asyncio.get_running_loop().create_task(self._answer(header, payload))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    def close(self, why: str) -> None:
        """End the conversation: what is asked fails with these words, what is answered stops."""
        self._gone = self._gone or why
        for future in self._asked.values():
            if not future.done():
                future.set_exception(PeerGone(why))
        for task in self._answering:
            task.cancel()

    def _settle(self, header: Header, payload: bytes) -> None:
        future = self._asked.get(header["number"])
        if future is None or future.done():
            return  # Whoever asked has been cancelled.
        error = plain(header.get("error"))
        if error is None:
            future.set_result(Answer(header, payload))
        else:
            future.set_exception(Unavailable(error))

    async def _answer(self, header: Header, payload: bytes) -> None:
        number = header["number"]
        try:
            answer = await self._respond[header["op"]](header, payload)
        except HeadraceError as error:
            self.tell("answer", number=number, error=error.message)
        except Exception as error:
            logger.exception("the question %r could not be answered", header["op"])
            self.tell("answer", number=number, error=f"{type(error).__name__}: {error}")
        else:
            if not self._gone:
                message = {**answer.header, "op": "answer", "number": number}
                self._send(pack(message, answer.payload))
