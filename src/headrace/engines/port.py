"""The contract of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from headrace.core.calls import Call, Code
from headrace.core.outcomes import Outcome


class Engine(Protocol):
    """Runs calls of user code. Records nothing, and never raises for what user code does."""

    async def run(self, call: Call) -> Outcome:
        """Run one call to its end and return what became of it.

        Log lines are complete in ``call.log`` when this returns, and no process of the call is
        left. Cancelling the await stops the call in the same way, then raises ``CancelledError``.
        """
        ...

    async def warm(self, code: Code, variables: Mapping[str, str]) -> None:
        """Make the next call of this code start sooner, if there is room; never raises."""
        ...

    async def close(self) -> None:
        """Stop everything that this engine started."""
        ...
