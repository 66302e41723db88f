"""The record of the calls that pods answer: whatever waits is written in one commit.

The recorder's process commits what is plain. Whatever it refuses, or cannot do now, is written by
the database itself, which also knows what to do about calls of things that were deleted.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from headrace.core.errors import Unavailable
from headrace.runtime.flights import Flight
from headrace.runtime.recording import PAUSES_S
from headrace.signals.port import Signals, execution_topic
from headrace.store import warm
from headrace.store.database import Database
from headrace.store.recorder import Recorder, RecorderLost

logger = logging.getLogger(__name__)

NONE_LOST: frozenset[str] = frozenset()

OnRecord = Callable[[Flight, bool], None]
"""Told a flight that has ended and is on disk, and whether nothing could be recorded of it."""


@dataclass(slots=True)
class _Batch:
    """What one commit is about.

    Attributes:
        begun: Flights that are under way.
        ended: Flights that have ended.
        known: Those of the latter that had a row before.
        waiting: Ids of those that wait, and whose row will say so.
    """

    begun: list[Flight]
    ended: list[Flight]
    known: list[Flight] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)

    def records(self, worker_id: str) -> warm.Records:
        """Return what the commit is to say, and remember what it says."""
        self.known = [flight for flight in self.ended if flight.is_recorded]
        if not self.begun and not self.known:
            # Most are like this: calls that were too fast to be recorded before their end.
            return warm.Records([flight.row(worker_id) for flight in self.ended])
        self.waiting = {flight.id for flight in self.begun if flight.started_us is None}
        new = [flight for flight in (*self.begun, *self.ended) if not flight.is_recorded]
        return warm.Records(
            rows=[flight.row(worker_id) for flight in new],
            starts=[
                warm.start_of(flight.id, worker_id, flight.started_us)
                for flight in self.begun
                if flight.is_recorded
            ],
            ends=[flight.end_row(worker_id) for flight in self.known],
        )

    def set_recorded(self) -> None:
        """Take note that all of it is on disk."""
        for flight in self.begun:
            flight.waits_on_record = flight.id in self.waiting
            flight.set_recorded()
        for flight in self.ended:
            flight.set_recorded()


class WarmRecord:
    """Writes flights down.

    Args:
        worker_id: Who has them made.
        on_record: Called for each that has ended, once that is on disk.
    """

    def __init__(
        self,
        database: Database,
        recorder: Recorder | None,
        signals: Signals,
        worker_id: Callable[[], str],
        on_record: OnRecord,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._signals = signals
        self._worker_id = worker_id
        self._on_record = on_record
        self._loop = asyncio.get_running_loop()
        self._begun: list[Flight] = []
        self._ended: list[Flight] = []
        self._is_writing = False
        self._slow: asyncio.Task[None] | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()

    def add_begun(self, flights: Iterable[Flight]) -> None:
        """Record calls as they are now."""
        self._begun.extend(flights)
        self._write()

    def add_ended(self, flight: Flight, *, is_alone: bool = False) -> None:
        """Record how a call ended.

        Args:
            flight: The call.
            is_alone: Whether no other call is under way, so that nobody else has to wait if it is
                recorded now, in this thread.
        """
        if is_alone and self._is_written_now(flight):
            return
        self._ended.append(flight)
        self._write()

    def _is_written_now(self, flight: Flight) -> bool:
        """Write a call that has no row yet in this thread and tell of it, if that can be done."""
        recorder = self._recorder
        if self._is_writing or flight.is_recorded or recorder is None or not recorder.is_ready:
            return False
        try:
            is_done = recorder.commit_here(warm.insertion([flight.row(self._worker_id())]))
        except Exception:
            # The other way finds it again, and sees to it.
            logger.exception("call %s could not be recorded at once", flight.id)
            return False
        if is_done:
            flight.set_recorded()
            self._on_record(flight, False)
        return is_done

    async def wait_until_quiet(self) -> None:
        """Return once nothing is left to be written."""
        await self._quiet.wait()

    def _write(self) -> None:
        if not self._is_writing:
            self._is_writing = True
            self._quiet.clear()
            # Not at once: what comes in the same turn of the loop goes into the same commit.
            self._loop.call_soon(self._write_next)

    def _write_next(self) -> None:
        batch = self._take()
        if batch is None:
            self._is_writing = False
            self._quiet.set()
        elif self._recorder is None or not self._recorder.is_ready:
            self._begin_slowly(batch)
        else:
            try:
                records = batch.records(self._worker_id())
                self._recorder.commit(records.statements(), partial(self._hear, batch))
            except Exception:
                # Whatever it was, the next commit depends on this one's end.
                logger.exception("%d calls could not be handed over", len(batch.ended))
                self._begin_slowly(batch)

    def _begin_slowly(self, batch: _Batch, *, is_repeated: bool = False) -> None:
        self._slow = self._loop.create_task(
            self._write_slowly(batch, is_repeated=is_repeated), name="warm record"
        )

    def _take(self) -> _Batch | None:
        """Return what waits to be written, or None if nothing does."""
        begun, self._begun = self._begun, []
        ended, self._ended = self._ended, []
        if begun:
            # Each once, although it was seen several times while the last commit took long.
            begun = [flight for flight in dict.fromkeys(begun) if flight.is_ahead_of_record]
        return _Batch(begun, ended) if begun or ended else None

    def _hear(self, batch: _Batch, error: Exception | None) -> None:
        """Take what the recorder says of a batch."""
        if error is None:
            batch.set_recorded()
            # First, so that the next commit is under way while callers are answered.
            self._write_next()
            self._conclude(batch, NONE_LOST)
        else:
            logger.info("calls are recorded without the recorder: %s", error)
            self._begin_slowly(batch, is_repeated=isinstance(error, RecorderLost))

    async def _write_slowly(self, batch: _Batch, *, is_repeated: bool = False) -> None:
        """Have the database write a batch, however long that takes."""
        pauses = itertools.chain(PAUSES_S, itertools.repeat(PAUSES_S[-1]))
        while True:
            try:
                lost = await self._record(batch, is_repeated=is_repeated)
            except Unavailable as error:
                logger.error("calls not recorded yet: %s", error.message)  # noqa: TRY400 - its message says all
                await asyncio.sleep(next(pauses))
                # What has come meanwhile goes along.
                self._begun[:0] = batch.begun
                self._ended[:0] = batch.ended
                batch = self._take() or _Batch([], [])
            except Exception:
                logger.exception("%d calls could not be recorded together", len(batch.ended))
                await self._record_singly(batch, is_repeated=is_repeated)
                break
            else:
                batch.set_recorded()
                self._conclude(batch, lost)
                break
        self._write_next()

    async def _record(self, batch: _Batch, *, is_repeated: bool) -> set[str]:
        records = batch.records(self._worker_id())
        return await self._database.write(warm.record, records, is_repeated=is_repeated)

    async def _record_singly(self, batch: _Batch, *, is_repeated: bool) -> None:
        """Record calls one by one, because one of them cannot be.

        What cannot be recorded even so is told to its caller, who was promised nothing yet.
        """
        for flight in (*batch.begun, *batch.ended):
            is_over = bool(flight.ended_us)
            single = _Batch([] if is_over else [flight], [flight] if is_over else [])
            try:
                lost = await self._record(single, is_repeated=is_repeated)
            except Unavailable:
                (self._ended if is_over else self._begun).append(flight)
            except Exception:
                logger.exception("call %s could not be recorded", flight.id)
                flight.set_recorded()
                flight.tell(Unavailable("The call could not be recorded."))
                if is_over:
                    self._on_record(flight, False)
            else:
                single.set_recorded()
                self._conclude(single, lost)

    def _conclude(self, batch: _Batch, lost: AbstractSet[str]) -> None:
        for flight in batch.ended:
            self._on_record(flight, flight.id in lost)
        for flight in batch.known:
            # Somebody else may know its id, and wait.
            self._signals.notify(execution_topic(flight.id))
