"""Signals inside one process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class LocalSubscription:
    """One listener: see :class:`headrace.signals.port.Subscription`."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def wait(self, timeout_s: float) -> bool:
        """Return True once the topic was signalled since the last wait, False after the time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    def wake(self) -> None:
        """Signal this listener."""
        self._event.set()


class LocalSignals:
    """Signals between the tasks of one event loop."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[LocalSubscription]] = {}

    def notify(self, topic: str) -> None:
        """Wake the listeners of a topic."""
        for subscription in self._listeners.get(topic, ()):
            subscription.wake()

    @contextmanager
    def listen(self, topic: str) -> Iterator[LocalSubscription]:
        """Listen to a topic for as long as the context lasts."""
        subscription = LocalSubscription()
        self._listeners.setdefault(topic, set()).add(subscription)
        try:
            yield subscription
        finally:
            listeners = self._listeners[topic]
            listeners.discard(subscription)
            if not listeners:
                del self._listeners[topic]
