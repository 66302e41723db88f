"""Work on several executions that goes on while its page is looked at, loaded again, or left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.console.bulk_progress import KeptProgress, Progress
from headrace.core.errors import HeadraceError, Unavailable
from headrace.core.execution_filters import Count

logger = logging.getLogger(__name__)

PARALLEL = 8
AT_ONCE = 4
"""So many of them go on at a time."""

WORK_S = 600.0
"""Nothing further is begun after that."""

QUICK_S = 1.5
"""Whoever sent the form waits so long for the end, before the page of the progress is shown."""

_SAVE_S = 0.5

DEFECT = "Something went wrong; the server's log says what."


@dataclass(frozen=True, slots=True)
class Round:
    """Some of the executions that are meant.

    Attributes:
        todo: Ids of those that are to be dealt with, in their order.
        total: How many are meant, with those that were found before.
        ended: Of how many nothing has to be done any more.
        refused: Id of each that cannot be dealt with, with the reason.
        left_out: Id of each that was ticked and is not meant, with the reason.
        has_more: Whether there may be others.
    """

    todo: Sequence[str]
    total: Count
    ended: int = 0
    refused: Sequence[tuple[str, str]] = ()
    left_out: Sequence[tuple[str, str]] = ()
    has_more: bool = False


Work = Callable[[str], Awaitable[bool]]
"""Deals with an execution, and says whether anything had to be done."""

Find = Callable[[], Awaitable[Round]]


class BulkWork:
    """The work that goes on in this process, and the progress of all."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(
        self, place: Path, progress: Progress, first: Round, find: Find, work: Work
    ) -> Progress:
        """Begin work, and return its progress after a moment: perhaps it is over by then.

        Args:
            place: The folder in which progress is kept.
            progress: What is known of it.
            first: The executions that are dealt with first.
            find: Finds the next ones, once those are dealt with.
            work: Deals with one.

        Raises:
            Unavailable: Too much goes on already, or there is no room.
        """
        if len(self._tasks) >= AT_ONCE:
            raise Unavailable(
                f"{AT_ONCE} such jobs are under way on this server: wait until one has ended."
            )
        file = KeptProgress(place)
        try:
            await asyncio.to_thread(file.tidy)
            await asyncio.to_thread(file.save, progress)
        except OSError as error:
            raise Unavailable(f"The progress cannot be kept: {error.strerror}.") from error
        task = asyncio.create_task(_run(file, progress, first, find, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=QUICK_S)
        return progress


async def _run(
    file: KeptProgress, progress: Progress, first: Round, find: Find, work: Work
) -> None:
    over = asyncio.Event()
    keeping = asyncio.create_task(_keep(file, progress, over))
    try:
        await _all(progress, first, find, work)
    except HeadraceError as error:
        progress.why_over = error.message
    except Exception:
        logger.exception("work on several executions")
        progress.why_over = DEFECT
    finally:
        over.set()
        await keeping
        progress.is_over = True
        with contextlib.suppress(OSError):
            file.save(progress)


async def _keep(file: KeptProgress, progress: Progress, over: asyncio.Event) -> None:
    """Keep the progress again and again, and look whether it is to stop."""
    end = asyncio.get_running_loop().time() + WORK_S
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _SAVE_S)
        # A disk that is full has no progress to show, and hinders no work.
        with contextlib.suppress(OSError):
            await asyncio.to_thread(file.save, progress)
        if asyncio.get_running_loop().time() > end:
            progress.why_over = f"{WORK_S / 60:.0f} minutes have passed."
        elif await asyncio.to_thread(file.is_to_stop, progress):
            progress.why_over = "It was stopped."


async def _all(progress: Progress, first: Round, find: Find, work: Work) -> None:
    progress.total, progress.is_exact = first.total.number, first.total.is_exact
    known: set[str] = set()
    some = first
    while True:
        before = progress.done + progress.ended
        todo = [one for one in some.todo if one not in known]
        refused = [(one, why) for one, why in some.refused if one not in known]
        known.update(todo, (one for one, _ in refused))
        progress.ended += some.ended
        progress.left_out += some.left_out
        for one, why in refused:
            progress.refuse(one, why)
        await _some(progress, todo, work)
        # What is refused would be found for ever.
        is_stuck = progress.done + progress.ended == before
        if progress.why_over or not some.has_more or is_stuck:
            break
        some = await find()
        progress.total = max(progress.total, progress.seen + len(some.todo))
    if not (progress.why_over or some.has_more):
        progress.total, progress.is_exact = progress.seen, True


async def _some(progress: Progress, ids: Sequence[str], work: Work) -> None:
    todo = iter(ids)

    async def worker() -> None:
        while not progress.why_over and (one := next(todo, None)):
            try:
                if await work(one):
                    progress.done += 1
                else:
                    progress.ended += 1
            except HeadraceError as error:
                progress.refuse(one, error.message)
                if isinstance(error, Unavailable):
                    # It would meet the next one as well.
                    progress.why_over = error.message
            except Exception:
                logger.exception("work on execution %s", one)
                progress.refuse(one, DEFECT)
                progress.why_over = DEFECT

    await asyncio.gather(*(worker() for _ in range(PARALLEL)))
