"""The record of the calls that pods answer.

A call that has ended and has no row yet is written to the journal, together with all others that
ended meanwhile; its answer leaves once that is on disk. The mover brings the journal's rows to the
database in bulk. Whatever else there is to say of calls is written by the database: those that take
long and get a row while they run, and those that the journal cannot take.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from headrace.core.errors import Unavailable
from headrace.serving.batch import Batch
from headrace.serving.call import Flight
from headrace.signals.port import Signals, execution_topic
from headrace.store.book import rows as warm
from headrace.store.book.journal_file import ENTRY_BYTES, Journal, Piece
from headrace.store.book.journal_thread import JournalThread
from headrace.store.book.mover import Mover
from headrace.store.database import Database
from headrace.store.patience import pauses

logger = logging.getLogger(__name__)

NONE_LOST: frozenset[str] = frozenset()

LARGE = ENTRY_BYTES // 4
"""Calls with more characters than that in their values are recorded by the database: few of them
would fill the journal. As JSON within JSON a character may take several bytes."""

CLOSING_S = 5.0
"""How long a server that ends goes on trying to record calls that nobody was answered."""

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
        journal: Journal | None,
        signals: Signals,
        worker_id: Callable[[], str],
        on_record: OnRecord,
    ) -> None:
        self._database = database
        self._journal = journal
        self._signals = signals
        self._worker_id = worker_id
        self._on_record = on_record
        self._loop = asyncio.get_running_loop()
        self._mover = None if journal is None else Mover(database, journal)
        self._thread = None if journal is None else JournalThread(journal, self._hear)
        self._ended: list[Flight] = []  # for the journal
        self._writing: list[Flight] = []  # those that are being written to it
        self._is_due = False
        self._begun: list[Flight] = []  # for the database
        self._others: list[Flight] = []  # ended ones for the database
        self._slow: asyncio.Task[None] | None = None
        self._closed_at: float | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._went_on_at = 0.0  # when something was recorded, or began to be
        if self._mover is not None:
            database.catch_up = self._mover.catch_up

    def add_begun(self, flights: Iterable[Flight]) -> None:
        """Record calls as they are now."""
        for flight in flights:
            # From now on its row is the database's: the journal must not have a second one.
            flight.is_of_database = True
            self._begun.append(flight)
        self._write_slowly()

    def add_ended(self, flight: Flight, *, is_alone: bool = False) -> None:
        """Record how a call ended.

        Args:
            flight: The call.
            is_alone: Whether no other call is under way, so that nobody else has to wait if it is
                recorded now, in this thread.
        """
        if flight.is_of_database or flight.size > LARGE or self._journal is None:
            self._others.append(flight)
            self._write_slowly()
        elif not (is_alone and self._is_written_now(flight)):
            self._ended.append(flight)
            if not self._is_due and not self._writing:
                self._is_due = True
                self._note_busy()
                # Not at once: what comes in the same turn of the loop is written together.
                self._loop.call_soon(self._write_together)

    @property
    def waits_s(self) -> float:
        """How long nothing has been recorded although calls wait for it."""
        return 0.0 if self._quiet.is_set() else self._loop.time() - self._went_on_at

    def describe_unmoved(self) -> str:
        """Say how many answered calls are not in the database yet, and where they are."""
        journal = self._journal
        if journal is None or journal.is_empty:
            return "all calls that were answered are in the database."
        return f"calls that were answered wait for the database in {journal.path}."

    async def close(self) -> None:
        """Return once nothing is left to be written, or what is left was given up."""
        self._closed_at = self._loop.time()
        try:
            await asyncio.wait_for(self._quiet.wait(), 2 * CLOSING_S)
        except TimeoutError:
            self._give_up([*self._writing, *self._ended, *self._others])
        if self._mover is not None:
            await self._mover.close()
        if self._thread is not None:
            self._thread.close()

    def _is_written_now(self, flight: Flight) -> bool:
        """Write a call to the journal and tell of it, if nobody else is writing there."""
        journal, mover = self._journal, self._mover
        if journal is None or mover is None or self._writing or self._is_due:
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
        mover.note_rows()
        return True

    def _write_together(self) -> None:
        """Have all that ended since the last time be written to the journal."""
        self._is_due = False
        journal, thread, mover = self._journal, self._thread, self._mover
        flights, self._ended = self._ended, []
        if not flights or journal is None or thread is None or mover is None:
            self._note_quiet()
            return
        try:
            piece = self._piece(journal, flights)
            if piece is None and mover.make_room():
                piece = self._piece(journal, flights)
        except Exception:
            logger.exception("%d calls are not for the journal", len(flights))
            piece = None
        if piece is None:
            self._others += flights
            self._write_slowly()
            return
        self._writing = flights[: len(piece.rows)]
        self._ended = flights[len(piece.rows) :]
        thread.write(piece)

    def _piece(self, journal: Journal, flights: list[Flight]) -> Piece | None:
        worker_id = self._worker_id()
        return journal.prepare([flight.row(worker_id) for flight in flights])

    def _hear(self, piece: Piece, error: OSError | None) -> None:
        """Take what the thread says of a piece."""
        journal, mover = self._journal, self._mover
        flights, self._writing = self._writing, []
        if error is not None or journal is None or mover is None:
            if journal is not None:
                journal.drop()
            # It may be there or not, so whoever writes it now looks first.
            for flight in flights:
                flight.is_repeated = True
            self._others += flights
            self._write_slowly()
            self._write_together()
            return
        self._went_on_at = self._loop.time()
        journal.keep(piece)
        mover.note_rows()
        # First, so that the next piece is under way while callers are answered.
        self._write_together()
        for flight in flights:
            flight.set_recorded()
            self._on_record(flight, False)
        self._note_quiet()

    def _write_slowly(self) -> None:
        if self._slow is None:
            self._note_busy()
            self._slow = self._loop.create_task(self._write_to_database(), name="warm record")

    async def _write_to_database(self) -> None:
        """Have the database write what is for it, however long that takes."""
        waits = pauses()
        try:
            while batch := self._take():
                try:
                    lost = await self._record(batch)
                except Unavailable as error:
                    logger.error("calls not recorded yet: %s", error.message)  # noqa: TRY400 - its message says all
                    batch.set_repeated()
                    self._begun[:0], self._others[:0] = batch.begun, batch.ended
                    if self._is_over():
                        self._give_up(self._others)
                        return
                    await asyncio.sleep(next(waits))
                except Exception:
                    logger.exception("%d calls could not be recorded together", len(batch.ended))
                    await self._record_singly(batch)
                else:
                    self._went_on_at = self._loop.time()
                    batch.set_recorded()
                    self._conclude(batch, lost)
                    waits = pauses()
        finally:
            self._slow = None
            self._note_quiet()

    def _take(self) -> Batch | None:
        """Return what is for the database, or None if nothing is."""
        begun, self._begun = self._begun, []
        ended, self._others = self._others, []
        # Each once, although it was seen several times while the last commit took long.
        begun = [flight for flight in dict.fromkeys(begun) if flight.is_ahead_of_record]
        return Batch(begun, ended) if begun or ended else None

    async def _record(self, batch: Batch) -> set[str]:
        records = batch.records(self._worker_id())
        return await self._database.write(warm.record, records, is_repeated=batch.is_repeated)

    async def _record_singly(self, batch: Batch) -> None:
        """Record calls one by one, because one of them cannot be.

        What cannot be recorded even so is told to its caller, who was promised nothing yet.
        """
        for flight in (*batch.begun, *batch.ended):
            is_over = bool(flight.ended_us)
            single = Batch([] if is_over else [flight], [flight] if is_over else [])
            single.set_repeated()
            try:
                lost = await self._record(single)
            except Unavailable:
                (self._others if is_over else self._begun).append(flight)
            except Exception:
                logger.exception("call %s could not be recorded", flight.id)
                flight.set_recorded()
                flight.tell(Unavailable("The call could not be recorded."))
                if is_over:
                    self._on_record(flight, False)
            else:
                single.set_recorded()
                self._conclude(single, lost)

    def _conclude(self, batch: Batch, lost: AbstractSet[str]) -> None:
        for flight in batch.ended:
            self._on_record(flight, flight.id in lost)
        for flight in batch.known:
            # Somebody else may know its id, and wait.
            self._signals.notify(execution_topic(flight.id))

    def _is_over(self) -> bool:
        """Tell whether the server ends, and has tried long enough."""
        return self._closed_at is not None and self._loop.time() - self._closed_at > CLOSING_S

    def _give_up(self, flights: list[Flight]) -> None:
        """Tell callers that their calls are not on record, and say so in the log."""
        if flights:
            logger.error(
                "the end of %d calls is not on record, and their callers are told so: %s",
                len(flights),
                ", ".join(flight.id for flight in flights[:20]),
            )
        for flight in list(flights):
            flight.tell(
                Unavailable("The server ends, and how the call ended could not be recorded.")
            )
        self._begun, self._others, self._ended = [], [], []

    def _note_busy(self) -> None:
        if self._quiet.is_set():
            self._quiet.clear()
            self._went_on_at = self._loop.time()

    def _note_quiet(self) -> None:
        if not (self._ended or self._writing or self._slow or self._is_due):
            self._quiet.set()
