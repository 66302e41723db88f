"""How long a connection may take: for a request, for reading an answer, and between the two."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Protocol

from headrace.server.error_answers import Refusal
from headrace.server.limits import MIN_BYTES_PER_S, HttpLimits

logger = logging.getLogger(__name__)

LONGEST_PAUSE_S = 10.0
"""How long after a limit of time a connection is ended at the latest."""

LEAVING_S = 2.0
"""How long a client that was refused gets to read why."""

UNREAD_FACTOR = 3
"""How many times as long as for a request an answer may be read in no part at all: systems let the
sender go on only when a good part of what they keep for a slow reader was read."""

BETWEEN, HEAD, BODY, ENDING, LEAVING = range(5)
"""What a connection is waiting for: a request, the rest of its head, the rest of its body, the
answers to earlier requests after which it is closed, or the client to close it."""


class Watched(Protocol):
    """What is looked at of a connection, and what may be done to it.

    Attributes:
        limits: What may be asked of it.
        address: Where the client is.
        phase: What it is waiting for.
        since: When that began, in the event loop's time.
        received: Bytes that have come.
        transport: What its bytes are written to.
        flow: Whether the server reads.
    """

    limits: HttpLimits
    address: str
    phase: int
    since: float
    received: int
    transport: Any
    flow: Any

    def is_idle(self, now: float, idle_s: float | None = None) -> bool:
        """Check whether nothing is asked here, and nothing was for as long as that is allowed."""
        ...

    def refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal, and read no more."""
        ...

    def taken(self) -> int:
        """Return how many bytes of answers the client's system has acknowledged."""
        ...


@dataclass(slots=True)
class _Unread:
    """Bytes of answers that a client had taken.

    Attributes:
        first: At the first look at which there were more to take.
        last: At the last look that found some progress.
    """

    first: int
    first_at: float
    last: int
    last_at: float


class Patience:
    """Looks at a connection from time to time, and ends it when its time is up.

    The state of a connection changes with every request, its timer does not: there is one, which
    looks at the state when it is up.
    """

    __slots__ = ("_connection", "_looked", "_loop", "_request_s", "_timer", "_unread", "_waits")

    def __init__(self, connection: Watched, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._looked: tuple[float, int, float] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unread: _Unread | None = None
        limits = connection.limits
        self._request_s = limits.request_s
        self._waits = pause_s(limits)

    def begin(self, seconds: float | None = None) -> None:
        """Look after so many seconds, or after the usual pause; forget any other time."""
        self.stop()
        self._timer = self._loop.call_later(seconds or self._waits, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        connection, now = self._connection, self._loop.time()
        if self._is_unread(now) or (
            connection.phase == LEAVING and now - connection.since >= LEAVING_S / 2
        ):
            connection.transport.abort()
            return
        self.begin()
        if connection.transport.is_closing():
            return
        if connection.phase == HEAD:
            self._judge_head(now)
        elif connection.phase == BODY:
            self._judge_body(now)
        elif connection.phase == BETWEEN and connection.is_idle(now):
            connection.transport.close()

    def _judge_head(self, now: float) -> None:
        if now - self._connection.since >= self._request_s:
            self._connection.refuse(
                Refusal(
                    408,
                    "RequestTimeout",
                    f"The head of the request was not complete after {self._request_s:g} seconds.",
                )
            )

    def _judge_body(self, now: float) -> None:
        """Refuse a body that comes too slowly, unless it is this server that does not read it."""
        connection = self._connection
        looked = self._looked
        if looked is None or looked[0] != connection.since or connection.flow.read_paused:
            self._looked = (connection.since, connection.received, now)
            return
        _, received, at = looked
        if now - at < self._request_s:
            return
        if connection.received - received >= MIN_BYTES_PER_S * (now - at):
            self._looked = (connection.since, connection.received, now)
            return
        connection.refuse(
            Refusal(
                408,
                "RequestTimeout",
                f"The body of the request came at less than {MIN_BYTES_PER_S} bytes a second over "
                f"{self._request_s:g} seconds.",
            )
        )

    def _is_unread(self, now: float) -> bool:
        """Check whether the client reads what it was sent too slowly, or not at all."""
        connection = self._connection
        if not connection.transport.get_write_buffer_size():
            self._unread = None
            return False
        taken = connection.taken()
        if self._unread is None:
            self._unread = _Unread(taken, now, taken, now)
            return False
        unread, patience_s = self._unread, UNREAD_FACTOR * self._request_s
        if taken > unread.last:
            unread.last, unread.last_at = taken, now
        elif now - unread.last_at >= patience_s:
            logger.info("%s does not read its answer: closed", connection.address)
            return True
        owed = MIN_BYTES_PER_S * (now - unread.first_at - patience_s)
        if taken - unread.first < owed:
            logger.info("%s reads its answer too slowly: closed", connection.address)
            return True
        return False


def pause_s(limits: HttpLimits) -> float:
    """Return how long a connection is left alone between two looks."""
    return min(LONGEST_PAUSE_S, limits.request_s / 2, limits.idle_s / 2)
