"""The record of the calls that pods answer: whatever waits is written in one commit.

The recorder's process commits what is plain. Whatever it refuses, or cannot do now, is written by
the database itself, which also knows what to do about calls of things that were deleted. A call
that is alone is written to the journal, and moved from there in a commit with others.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from headrace.core.errors import Unavailable
from headrace.runtime.flights import Flight
from headrace.runtime.recording import PAUSES_S
from headrace.runtime.warm_batch import Batch
from headrace.signals.port import Signals, execution_topic
from headrace.store import warm
from headrace.store.database import Database
from headrace.store.journal import Journal
from headrace.store.recorder import Recorder, RecorderLost

logger = logging.getLogger(__name__)

NONE_LOST: frozenset[str] = frozenset()

MOVE_AFTER_S = 0.1
"""How long a row may be in the journal alone. Whoever reads the database has it moved at once."""

MOVE_ROWS = 256
"""With so many rows the journal is not left to fill up further."""

OnRecord = Callable[[Flight, bool], None]
"""Told a flight that has ended and is on disk, and whether nothing could be recorded of it."""


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
        journal: Journal | None,
        signals: Signals,
        worker_id: Callable[[], str],
        on_record: OnRecord,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._journal = journal
        self._signals = signals
        self._worker_id = worker_id
        self._on_record = on_record
        self._loop = asyncio.get_running_loop()
        self._begun: list[Flight] = []
        self._ended: list[Flight] = []
        self._is_writing = False
        self._writing_since = 0.0
        self._is_moving = False  # whether what is being written are rows of the journal alone
        self._is_move_due = False
        self._is_refused = False  # whether the database did not take the last batch
        self._is_closing = False
        self._mover: asyncio.TimerHandle | None = None
        self._readers: asyncio.Future[None] | None = None
        self._slow: asyncio.Task[None] | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()
        database.catch_up = self.catch_up

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
        """Write a call that has no row yet to the journal and tell of it, if that can be done."""
        journal = self._journal
        if journal is None or flight.is_recorded or (self._is_writing and not self._is_moving):
            return False
        try:
            if not journal.append(flight.row(self._worker_id())):
                return False
        except Exception:
            # The other way finds it again, and sees to it.
            logger.exception("call %s could not be recorded at once", flight.id)
            return False
        flight.set_recorded()
        self._on_record(flight, False)
        if self._mover is None:
            self._mover = self._loop.call_later(MOVE_AFTER_S, self._move)
        if journal.count >= MOVE_ROWS:
            self._begin_to_move()
        return True

    def catch_up(self) -> asyncio.Future[None] | None:
        """Have the journal's rows moved; return what is then done, or None if there are none.

        While the database takes nothing, whoever reads is not kept waiting for it.
        """
        if self._journal is None or self._journal.is_empty or self._is_refused:
            return None
        if self._readers is None:
            self._readers = self._loop.create_future()
        readers = self._readers
        self._begin_to_move()
        return readers

    def _move(self) -> None:
        self._mover = None
        self._begin_to_move()

    def _begin_to_move(self) -> None:
        self._is_move_due = True
        self._write()

    def describe_unmoved(self) -> str:
        """Say how many answered calls are not in the database yet, and where they are."""
        journal = self._journal
        if journal is None or journal.is_empty:
            return "all calls that were answered are in the database."
        return f"calls that were answered wait for the database in {journal.path}."

    async def close(self) -> None:
        """Return once nothing is left to be written, and what is in the journal was moved."""
        self._is_closing = True
        if self._mover is not None:
            self._mover.cancel()
            self._mover = None
        self._begin_to_move()
        await self._quiet.wait()

    def _write(self) -> None:
        if not self._is_writing:
            self._is_writing = True
            self._writing_since = self._loop.time()
            self._quiet.clear()
            # Not at once: what comes in the same turn of the loop goes into the same commit.
            self._loop.call_soon(self._write_next)

    @property
    def waits_s(self) -> float:
        """How long the calls that are being recorded now have waited for it."""
        return self._loop.time() - self._writing_since if self._is_writing else 0.0

    def _write_next(self) -> None:
        self._writing_since = self._loop.time()
        batch = self._take()
        self._is_moving = batch is not None and not batch.begun and not batch.ended
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

    def _begin_slowly(self, batch: Batch, *, is_repeated: bool = False) -> None:
        self._is_moving = False
        self._slow = self._loop.create_task(
            self._write_slowly(batch, is_repeated=is_repeated), name="warm record"
        )

    def _take(self, unmoved: Sequence[warm.Row] = ()) -> Batch | None:
        """Return what waits to be written, or None if nothing does.

        Args:
            unmoved: Rows of the journal that were taken before, and not written.
        """
        begun, self._begun = self._begun, []
        ended, self._ended = self._ended, []
        if begun:
            # Each once, although it was seen several times while the last commit took long.
            begun = [flight for flight in dict.fromkeys(begun) if flight.is_ahead_of_record]
        moved = unmoved
        if self._journal is not None and not unmoved and (begun or ended or self._is_move_due):
            moved = self._journal.turn()
            self._is_move_due = False
        readers, self._readers = self._readers, None
        batch = Batch(begun, ended, moved, readers)
        if begun or ended or moved:
            return batch
        batch.let_read()
        return None

    def _hear(self, batch: Batch, error: Exception | None) -> None:
        """Take what the recorder says of a batch."""
        if error is None:
            self._set_recorded(batch)
            # First, so that the next commit is under way while callers are answered.
            self._write_next()
            self._conclude(batch, NONE_LOST)
        else:
            logger.info("calls are recorded without the recorder: %s", error)
            self._begin_slowly(batch, is_repeated=isinstance(error, RecorderLost))

    async def _write_slowly(self, batch: Batch, *, is_repeated: bool = False) -> None:
        """Have the database write a batch, however long that takes."""
        pauses = itertools.chain(PAUSES_S, itertools.repeat(PAUSES_S[-1]))
        while True:
            try:
                lost = await self._record(batch, is_repeated=is_repeated)
            except Unavailable as error:
                logger.error("calls not recorded yet: %s", error.message)  # noqa: TRY400 - its message says all
                self._is_refused = True
                batch.let_read()
                if self._is_closing and not batch.begun and not batch.ended:
                    # The journal has the rest, for the next start.
                    break
                await asyncio.sleep(next(pauses))
                # What has come meanwhile goes along.
                self._begun[:0] = batch.begun
                self._ended[:0] = batch.ended
                batch = self._take(batch.moved) or Batch([], [])
            except Exception:
                logger.exception("%d calls could not be recorded together", len(batch.ended))
                batch.let_read()
                await self._record_singly(batch, is_repeated=is_repeated)
                break
            else:
                self._set_recorded(batch)
                self._conclude(batch, lost)
                break
        self._write_next()

    def _set_recorded(self, batch: Batch) -> None:
        """Take note that all of a batch is in the database."""
        self._is_refused = False
        if batch.moved and self._journal is not None:
            self._journal.clear()
        batch.set_recorded()
        batch.let_read()

    async def _record(self, batch: Batch, *, is_repeated: bool) -> set[str]:
        records = batch.records(self._worker_id())
        return await self._database.write(warm.record, records, is_repeated=is_repeated)

    async def _record_singly(self, batch: Batch, *, is_repeated: bool) -> None:
        """Record calls one by one, because one of them cannot be.

        What cannot be recorded even so is told to its caller, who was promised nothing yet.
        """
        await self._move_singly(batch.moved)
        for flight in (*batch.begun, *batch.ended):
            is_over = bool(flight.ended_us)
            single = Batch([] if is_over else [flight], [flight] if is_over else [])
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

    async def _move_singly(self, rows: Sequence[warm.Row]) -> None:
        """Move rows of the journal one by one; one that cannot be stays out of the database."""
        pauses = itertools.chain(PAUSES_S, itertools.repeat(PAUSES_S[-1]))
        for row in rows:
            is_open = True
            while is_open:
                try:
                    await self._database.write(warm.record, warm.Records([row]), is_repeated=True)
                except Unavailable as error:
                    logger.error("a call is not moved yet: %s", error.message)  # noqa: TRY400
                    await asyncio.sleep(next(pauses))
                except Exception:
                    logger.exception("call %s could not be recorded", row[0])
                    is_open = False
                else:
                    is_open = False
        if rows and self._journal is not None:
            self._journal.clear()

    def _conclude(self, batch: Batch, lost: AbstractSet[str]) -> None:
        for flight in batch.ended:
            self._on_record(flight, flight.id in lost)
        for flight in batch.known:
            # Somebody else may know its id, and wait.
            self._signals.notify(execution_topic(flight.id))
