"""The loop that takes the steps of pausing and resuming."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from headrace.control.standby import Standby
from headrace.signals.loop import Loop
from headrace.signals.port import STANDBY, Signals

LOOK_AGAIN_S = 5.0
"""A signal may be lost."""

STEP_S = 0.1
"""Time between two looks while the server is on its way."""


class StandbyLoop(Loop):
    """Takes each step when it can be taken.

    Args:
        standby: Records the steps.
        signals: Tells of requests.
        is_idle: Tells whether nothing is under way in this process.
    """

    def __init__(self, standby: Standby, signals: Signals, is_idle: Callable[[], bool]) -> None:
        self._standby = standby
        self._is_idle = is_idle
        self._listening = contextlib.ExitStack()
        super().__init__(
            "standby",
            self._step,
            complaint="the server can neither be paused nor resumed",
            wait=self._listening.enter_context(signals.listen(STANDBY)).wait,
        )

    async def close(self) -> None:
        """Stop; the next start takes the steps that are left."""
        await super().close()
        self._listening.close()

    async def _step(self) -> float:
        before = self._standby.standing
        standing = await self._standby.advance(is_idle=self._is_idle())
        if not standing.is_moving:
            return LOOK_AGAIN_S
        return 0 if standing.status is not before.status else STEP_S
