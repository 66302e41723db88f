"""A piece of work that is done again and again: the loop that no error ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from headrace.core.errors import HeadraceError

logger = logging.getLogger(__name__)

TRY_AGAIN_S = 1.0
"""How long to wait after an error, if nothing else is said."""

REPEAT_S = 60.0
"""The same error is said again only after so many seconds."""

CLOSE_S = 10.0
"""How long work that was cancelled may take to stop, before it is left behind."""

Work = Callable[[], Awaitable[float]]
"""Does what is due, and returns after how many seconds at the latest to be called again."""

Wait = Callable[[float], Awaitable[object]]
"""Returns after so many seconds, or earlier if there is a reason to look."""


class Loop:
    """Calls a piece of work, waits, and begins again, until it is closed.

    Whatever the work raises is logged, and the work called again a little later: by then it
    may be over. So is a cancellation that did not come from :meth:`close`, such as that of
    something that the work waited for.

    Args:
        name: Name of the task.
        work: What is to be done.
        complaint: Begins the log's line about an error, such as "pipelines are not built".
        wait: How to wait; by default for the whole time.
        first_after_s: How long to wait before the first time.
        try_again_s: How long to wait after an error.
    """

    def __init__(
        self,
        name: str,
        work: Work,
        *,
        complaint: str,
        wait: Wait = asyncio.sleep,
        first_after_s: float = 0.0,
        try_again_s: float = TRY_AGAIN_S,
    ) -> None:
        self._name = name
        self._work = work
        self._complaint = complaint
        self._wait = wait
        self._first_after_s = first_after_s
        self._try_again_s = try_again_s
        self._task: asyncio.Task[None] | None = None
        self._is_working = False
        self._is_finishing = False
        self._said = ""
        self._said_at = 0.0
        self._round_at: float | None = None
        self._due_at: float | None = None

    @property
    def silent_s(self) -> float:
        """Seconds since the work was last done without an error, or else since it began; or 0."""
        return 0.0 if self._round_at is None else time.monotonic() - self._round_at

    @property
    def late_s(self) -> float:
        """Seconds since the work is overdue: since it was to be done again, and failed; or 0."""
        return 0.0 if self._due_at is None else max(0.0, time.monotonic() - self._due_at)

    def come_round(self) -> None:
        """Say that the work goes on; for work that takes long."""
        self._round_at = self._due_at = time.monotonic()

    async def begin(self) -> None:
        """Work from now on."""
        self.come_round()
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def close(self) -> None:
        """Stop at once, wherever the work is; return when it has stopped, or after a while."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=CLOSE_S)
            if not done:
                logger.error("%s: %s does not stop", self._complaint, self._name)

    async def finish(self) -> None:
        """Stop without interrupting the work: return when what is under way has been done."""
        task, self._task = self._task, None
        self._is_finishing = True
        if task is not None:
            if not self._is_working:
                task.cancel()
            await asyncio.wait({task})

    async def _run(self) -> None:
        await asyncio.sleep(self._first_after_s)
        while not self._is_finishing:
            try:
                pause_s = await self._do()
                if not self._is_finishing:
                    await self._wait(pause_s)
            except asyncio.CancelledError:
                if _is_cancelled():
                    raise
                self._complain("what was waited for was cancelled", None)
            except HeadraceError as error:
                self._complain(error.message, None)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the loop
                self._complain(f"{type(error).__name__}: {error}", error)
            else:
                continue
            if not self._is_finishing:
                await asyncio.sleep(self._try_again_s)

    async def _do(self) -> float:
        self._is_working = True
        try:
            pause_s = await self._work()
        finally:
            self._is_working = False
        self._said = ""
        self.come_round()
        self._due_at = time.monotonic() + pause_s
        return pause_s

    def _complain(self, reason: str, error: Exception | None) -> None:
        now_s = asyncio.get_running_loop().time()
        if reason == self._said and now_s - self._said_at < REPEAT_S:
            return
        self._said, self._said_at = reason, now_s
        logger.error("%s: %s", self._complaint, reason, exc_info=error)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
