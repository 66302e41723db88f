"""The fronts as the rest of the main process sees them: what they have, and what they are told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.core.errors import Unavailable
from headrace.core.outcomes import Failure
from headrace.core.pods import PodSetState
from headrace.core.standby import Standing
from headrace.core.usage import Measurement
from headrace.engines.port import Metering
from headrace.server.fronts.page import Page
from headrace.server.fronts.wire import Wire

RECORD_S = 2.0
"""How long to wait for a front that is asked whether it has a call."""


@dataclass(eq=False, slots=True)
class Seat:
    """The place of one front, which another takes when it is gone.

    Attributes:
        number: Its number; the main process is 0.
        page: What both see.
        wire: Where it is spoken to; None while there is none.
        is_up: Whether it answers calls.
        settled: Set when what a front left that is gone was taken up.
        states: The state of its pods, by deployment.
        noted: Ids of its calls that have a row and have not ended.
        processes: Ids of the processes of its pods that have a token.
        measured: What its pods used, until somebody takes it.
    """

    number: int
    page: Page = field(default_factory=Page.make)
    wire: Wire | None = None
    is_up: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    states: dict[str, PodSetState] = field(default_factory=dict)
    noted: set[str] = field(default_factory=set)
    processes: set[str] = field(default_factory=set)
    measured: list[Measurement] = field(default_factory=list)

    async def moved(self) -> None:
        """Return once the rows that the front has on disk are in the database, or cannot be."""
        while self.page.has_rows:
            if self.wire is not None:
                with contextlib.suppress(Unavailable):
                    await self.wire.ask("move")
                    return
            self.settled.clear()
            await self.settled.wait()


class Fronts:
    """All fronts of this server; there may be none.

    Args:
        processes: How many processes take connections, this one included.
    """

    def __init__(self, processes: int) -> None:
        self.seats = [Seat(number) for number in range(1, processes)]

    @property
    def is_idle(self) -> bool:
        """Whether none of them has a call under way."""
        return not any(seat.page.calls for seat in self.seats)

    def changed(self) -> None:
        """Have no front use an endpoint, a token or a variable that it knows, from now on."""
        for seat in self.seats:
            seat.page.changes += 1

    def hold_back(self, standing: Standing) -> None:
        """Have the fronts follow the state of the environment, and begin calls only if it allows.

        Args:
            standing: The state.
        """
        for seat in self.seats:
            seat.page.is_held = not standing.takes_work
        self.tell("standing", standing)

    def tell(self, kind: str, *arguments: Any) -> None:
        """Send a message to all of them."""
        for seat in self.seats:
            if seat.wire is not None:
                seat.wire.tell(kind, *arguments)

    def move_all(self) -> asyncio.Future[None] | None:
        """Move all rows to the database that fronts have on disk (:data:`MoveAll`)."""
        waiting = [seat.moved() for seat in self.seats if seat.page.has_rows]
        return asyncio.ensure_future(_all(waiting)) if waiting else None

    def stop(self, execution_id: str, failure: Failure) -> bool:
        """Stop a call that a front has noted; False if there is none."""
        for seat in self.seats:
            if execution_id in seat.noted and seat.wire is not None:
                seat.wire.tell("stop_call", execution_id, failure)
                return True
        return False

    async def record(self, execution_id: str) -> bool:
        """Have a call recorded that runs in a front; False if there is no such call."""
        asked = [seat.wire.ask("record", execution_id) for seat in self.seats if seat.wire]
        if not asked:
            return False
        try:
            async with asyncio.timeout(RECORD_S):
                found = await asyncio.gather(*asked, return_exceptions=True)
        except TimeoutError:
            return False
        return True in found

    def states(self, deployment_id: str) -> Sequence[PodSetState]:
        """Return the states of a deployment's pods that fronts have (:class:`.sets.Elsewhere`)."""
        return [seat.states[deployment_id] for seat in self.seats if deployment_id in seat.states]

    def are_released(self) -> bool:
        """Check whether no front has pods (:class:`.sets.Elsewhere`)."""
        return not any(seat.page.has_pods for seat in self.seats)

    def described(self) -> str:
        """Say how many of them answer."""
        up = sum(seat.is_up for seat in self.seats)
        return f"{1 + up} of {1 + len(self.seats)} processes take connections"


class AllMeters:
    """What pods and executions use in all processes (:class:`.port.Metering`)."""

    def __init__(self, own: Metering, fronts: Fronts) -> None:
        self._own = own
        self._fronts = fronts

    async def take(self) -> list[Measurement]:
        """Sample what is due here; return all measurements since the last time."""
        taken = await self._own.take()
        for seat in self._fronts.seats:
            taken += seat.measured
            seat.measured = []
        return taken


async def _all(waiting: Sequence[Any]) -> None:
    await asyncio.gather(*waiting)
