"""The loop that puts logs into the bucket once they have ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection

from headrace.control.bucket_logs import BucketLogs
from headrace.logs.files import LogFile
from headrace.signals.loop import Loop
from headrace.store.database import Reader
from headrace.store.ended import ended_builds, ended_executions

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 10.0

QUIET_S = 5.0
"""A log is sent when nothing was written to it for so long."""

SHRINK_S = 600.0
AT_ONCE = 8
BATCH = 200

Ended = Callable[[Connection, Collection[str]], set[str]]

_ENDED: dict[str, Ended] = {"executions": ended_executions, "builds": ended_builds}


class LogCopies(Loop):
    """Sends the logs of what ended, and drops copies that were not read for longest.

    What a server that was killed left is found by its being where logs are written.

    Args:
        reader: The records of executions and builds.
        logs: Their logs.
        limit_bytes: What the copies may take together.
    """

    def __init__(self, reader: Reader, logs: BucketLogs, limit_bytes: int) -> None:
        self._reader = reader
        self._logs = logs
        self._limit_bytes = limit_bytes
        self._until_shrink_s = 0.0
        super().__init__(
            "log copies",
            self._look,
            complaint="logs of what ended stay on this machine",
            try_again_s=LOOK_AGAIN_S,
        )

    async def send_ended(self) -> int:
        """Send the logs of what has ended by now; return how many were sent."""
        sent = 0
        for kind, ended in _ENDED.items():
            files = await asyncio.to_thread(self._logs.written, kind, QUIET_S)
            for begin in range(0, len(files), BATCH):
                sent += await self._send_some(files[begin : begin + BATCH], ended)
                self.come_round()
        return sent

    async def _send_some(self, files: Sequence[LogFile], ended: Ended) -> int:
        over = await self._reader.read(ended, [file.owner for file in files])
        todo = [file for file in files if file.owner in over]
        sent = 0
        for begin in range(0, len(todo), AT_ONCE):
            some = todo[begin : begin + AT_ONCE]
            results = await asyncio.gather(*map(self._logs.send, some), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
                sent += result
        return sent

    async def _look(self) -> float:
        sent = await self.send_ended()
        if sent:
            logger.debug("sent %d logs to the bucket", sent)
        self._until_shrink_s -= LOOK_AGAIN_S
        if self._until_shrink_s <= 0:
            self._until_shrink_s = SHRINK_S
            dropped = await self._logs.shrink(self._limit_bytes)
            if dropped:
                logger.info("dropped the copies of %d logs", dropped)
        return LOOK_AGAIN_S
