"""One submitted call, from the queue to its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from headrace.core.clock import now_us
from headrace.core.outcomes import Failure, Outcome
from headrace.core.pods import PodCall
from headrace.engines.local.pods.items import Items


class Place(Protocol):
    """Where a ticket is: in the queue, or in a pod."""

    def stop(self, ticket: Ticket) -> None:
        """Have its call end, or never begin."""
        ...

    def grant(self, ticket: Ticket, size: int | None) -> None:
        """Let its call send more items; None: nobody reads them any more."""
        ...


class Ticket:
    """A submitted call (:class:`headrace.engines.port.Ticket`).

    Attributes:
        call: What was submitted.
        items: What it yields, for the reader; None if it was not to be streamed.
        started_us: When user code began, in microseconds since 1970 UTC; 0 before.
        began: The same as ``time.monotonic`` counts.
        number: Its number in the pod that it was sent to.
        outcome: What became of it, once that is known.
        stopping: The outcome that it gets because it was told to end, if it was.
        place: Where it is.
    """

    items: Items | None = None
    started_us = 0
    began = 0.0
    number = 0
    outcome: Outcome | None = None
    stopping: Failure | None = None
    _ended: asyncio.Future[Outcome] | None = None
    _on_started: Callable[[], None] | None = None

    def __init__(
        self,
        call: PodCall,
        place: Place,
        on_resolved: Callable[[], None],
        on_end: Callable[[Outcome], None] | None = None,
    ) -> None:
        self.call = call
        self.place = self._home = place
        self._on_resolved = on_resolved
        self._on_end = on_end

    @property
    def ended(self) -> asyncio.Future[Outcome]:
        """Gets the outcome."""
        if self._ended is None:
            self._ended = asyncio.get_running_loop().create_future()
            if self.outcome is not None:
                self._ended.set_result(self.outcome)
        return self._ended

    @property
    def is_running(self) -> bool:
        """Whether user code has begun, and its outcome is not known."""
        return self.started_us != 0 and self.outcome is None

    @property
    def may_have_begun(self) -> bool:
        """Whether a pod has the call, or had it when it ended."""
        return self.place is not self._home

    def when_started(self, callback: Callable[[], None]) -> None:
        """Have a function called when user code begins; at once if it has."""
        if self.started_us:
            callback()
        else:
            self._on_started = callback

    def stop(self, failure: Failure) -> None:
        """Have the call end; ``failure`` becomes its outcome. Nothing happens if it has ended."""
        if self.outcome is None and self.stopping is None:
            self.stopping = failure
            self.place.stop(self)

    def start(self, now: float) -> None:
        """Take note that user code begins, at this time of ``time.monotonic``."""
        self.began = now
        self.started_us = now_us()
        if self._on_started is not None:
            callback, self._on_started = self._on_started, None
            callback()

    def resolve(self, outcome: Outcome) -> None:
        """Give the call its outcome; nothing happens if it has one."""
        if self.outcome is not None:
            return
        self.outcome = outcome if self.stopping is None else self.stopping
        if self._ended is not None:
            self._ended.set_result(self.outcome)
        if self.items is not None:
            self.items.end()
        self._on_resolved()
        if self._on_end is not None:
            self._on_end(self.outcome)
