"""The agent as an actor of a cluster: messages in, messages out, and its end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections import deque
from typing import Any

from headrace.agent.assembly import Assembled, assemble
from headrace.version import __version__

logger = logging.getLogger(__name__)

SILENCE_S = 10.0
"""An agent that nobody asks for its messages for so long ends, with all that it runs."""

_STATE_EVERY_S = 1.0
_PATIENCE_S = 2.0
"""How long a request for messages is held while there are none."""

_CLOSE_S = 3.0
"""How long calls get to end politely then: all is over before the server begins them elsewhere."""

_BATCH_BYTES = 4 << 20


class Agent:
    """Holds the engine of its node for one server, which has started it.

    It is constructed and called by the cluster's worker, all methods in one event loop. It lives no
    longer than its server: the cluster ends it with the server's connection, and it ends itself if
    nobody listens any more.

    Args:
        settings: What the server decides (:mod:`headrace.engines.ray.settings`).
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._outbox: deque[bytes] = deque()
        self._has_some = asyncio.Event()
        self._asked_at = time.monotonic()
        self._parts: Assembled | None = None
        self._watch: asyncio.Task[None] | None = None

    async def begin(self) -> dict[str, Any]:
        """Open the folder and the engine; return what this agent is."""
        if self._parts is None and self._settings["version"] == __version__:
            self._parts = assemble(self._settings, self._put)
            self._watch = asyncio.get_running_loop().create_task(self._keep_watch(self._parts))
        return {"version": __version__, "host": socket.gethostname(), "pid": os.getpid()}

    async def send(self, *messages: bytes) -> None:
        """Take messages of the server, in order."""
        if self._parts is not None:
            for message in messages:
                self._parts.peer.take(message)

    async def receive(self) -> list[bytes]:
        """Return the messages for the server, having waited a moment for some if there are none."""
        self._asked_at = time.monotonic()
        if not self._outbox:
            self._has_some.clear()
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._has_some.wait()
            except TimeoutError:
                return []
        return self._taken()

    async def close(self) -> None:
        """Stop all calls and end all processes; return when nothing is left."""
        if self._watch is not None:
            self._watch.cancel()
        if self._parts is not None:
            await self._parts.close()

    def _put(self, message: bytes) -> None:
        self._outbox.append(message)
        self._has_some.set()

    def _taken(self) -> list[bytes]:
        found, size = list[bytes](), 0
        while self._outbox and (not found or size + len(self._outbox[0]) <= _BATCH_BYTES):
            found.append(self._outbox.popleft())
            size += len(found[-1])
        return found

    async def _keep_watch(self, parts: Assembled) -> None:
        """Tell the server how the node is, until the server is gone."""
        while time.monotonic() - self._asked_at < SILENCE_S:
            try:
                await parts.tell_state()
            except Exception:
                logger.exception("the state of this node could not be told")
            await asyncio.sleep(_STATE_EVERY_S)
        logger.error("the server has not asked for %g s: this agent ends", SILENCE_S)
        try:
            async with asyncio.timeout(_CLOSE_S):
                await parts.close()
        finally:
            # What is left dies with this process: guards see their sockets close.
            os._exit(1)
