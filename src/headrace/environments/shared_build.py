"""One build that any number of callers wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from headrace.core.environments import Environment
from headrace.core.errors import Unavailable
from headrace.environments.port import Say

WAITING = "waiting for another build of the same environment"


class SharedBuild:
    """A build under way: it goes on while anybody waits for it, and is given up when nobody does.

    Who comes later is first told what has been said so far.
    """

    def __init__(self, work: Callable[[Say], Coroutine[Any, Any, Environment]]) -> None:
        """Start the work; it is given what passes its words on to all who wait."""
        self._said: list[str] = []
        self._listeners: list[Say] = []
        self._task = asyncio.create_task(work(self._say))

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for it, so that others can join."""
        return bool(self._listeners)

    async def result(self, say: Say) -> Environment:
        """Wait for the environment.

        Raises:
            InvalidEnvironment: It cannot be built.
            Unavailable: The build was cancelled.
        """
        if self._listeners:
            say(WAITING)
        for line in self._said:
            say(line)
        self._listeners.append(say)
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self._task.cancelled() and current is not None and not current.cancelling():
                raise Unavailable("The build was given up because the server stops.") from None
            raise
        finally:
            self._listeners.remove(say)
            if not self._listeners:
                await self.cancel()

    async def cancel(self) -> None:
        """Give the build up, if it has not ended, and wait until nothing of it is left."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # has been told to those who waited; asyncio need not log it

    def _say(self, line: str) -> None:
        self._said.append(line)
        for listener in self._listeners:
            listener(line)
