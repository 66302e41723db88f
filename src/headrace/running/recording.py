"""How an attempt ended, written down however long the database takes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from headrace.control.attempts import Attempts
from headrace.core.claims import Claim
from headrace.core.errors import Unavailable
from headrace.core.executions import OutputRecord
from headrace.core.outcomes import Failure, FailureKind
from headrace.logs.files import LogFiles, append_line
from headrace.store.patience import pauses

logger = logging.getLogger(__name__)

LOST = Failure(
    FailureKind.WORKER_LOST,
    "The server failed while it ran this execution; the reason is in the server's log.",
)


@dataclass(frozen=True, slots=True)
class Recording:
    """Records what became of the attempts of this worker."""

    attempts: Attempts
    logs: LogFiles

    async def end(
        self,
        claim: Claim,
        outputs: tuple[OutputRecord, ...] | None,
        failure: Failure | None,
        *,
        patience_s: float = math.inf,
    ) -> None:
        """Record how an attempt ended, trying again while the database cannot take it.

        After ``patience_s`` it is left as it is: the next start finds it, and says it was lost.
        """
        execution_id = claim.execution.id
        for pause in _pauses(patience_s):
            try:
                until_next = await self.attempts.finish(claim, outputs=outputs, failure=failure)
            except Unavailable as error:
                logger.error("end of %s not recorded yet: %s", execution_id, error.message)
            except Exception:
                # Outputs that cannot be stored must not leave the execution running for ever.
                logger.exception("outputs of %s could not be recorded", execution_id)
                outputs, failure = None, LOST
            else:
                if until_next is not None and failure is not None:
                    self.say_again(execution_id, claim.attempt, failure, until_next)
                return
            await asyncio.sleep(pause)

    async def hand_back(self, claim: Claim, *, patience_s: float) -> None:
        """Give an execution whose code has not begun back to be started by the next server.

        After ``patience_s`` it is left as it is, as by :meth:`end`.
        """
        for pause in _pauses(patience_s):
            try:
                await self.attempts.hand_back(claim)
            except Unavailable as error:
                logger.error("%s not handed back yet: %s", claim.execution.id, error.message)
                await asyncio.sleep(pause)
            else:
                return

    def say_again(
        self, execution_id: str, attempt: int, failure: Failure, delay: timedelta
    ) -> None:
        """Write in an execution's log that an attempt failed and another one follows."""
        line = (
            f"Attempt {attempt} failed: {failure.message} "
            f"The next one starts in {delay.total_seconds():g} s."
        )
        # The log is for people, and nothing depends on it.
        with contextlib.suppress(OSError):
            append_line(self.logs.of_execution(execution_id), line)


def _pauses(patience_s: float) -> Iterator[float]:
    """Yield how long to wait after each failure, until the pauses add up to ``patience_s``."""
    waited = 0.0
    for pause in pauses():
        yield pause
        waited += pause
        if waited >= patience_s:
            return
