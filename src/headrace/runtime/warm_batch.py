"""What one commit says of calls that pods answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from headrace.runtime.flights import Flight
from headrace.store import warm


@dataclass(slots=True)
class Batch:
    """What one commit is about.

    Attributes:
        begun: Flights that are under way.
        ended: Flights that have ended.
        moved: Rows of the journal, whose callers were answered.
        readers: Done when the database has them, or does not take them for now.
        known: Those of ``ended`` that had a row before.
        waiting: Ids of those of ``begun`` that wait, and whose row will say so.
    """

    begun: list[Flight]
    ended: list[Flight]
    moved: Sequence[warm.Row] = ()
    readers: asyncio.Future[None] | None = None
    known: list[Flight] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)

    def records(self, worker_id: str) -> warm.Records:
        """Return what the commit is to say, and remember what it says."""
        self.known = [flight for flight in self.ended if flight.is_recorded]
        if not self.begun and not self.known:
            # Most are like this: calls that were too fast to be recorded before their end.
            return warm.Records([*self.moved, *[flight.row(worker_id) for flight in self.ended]])
        self.waiting = {flight.id for flight in self.begun if flight.started_us is None}
        new = [flight for flight in (*self.begun, *self.ended) if not flight.is_recorded]
        return warm.Records(
            rows=[*self.moved, *[flight.row(worker_id) for flight in new]],
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

    def let_read(self) -> None:
        """Let those go on who wait to read."""
        readers, self.readers = self.readers, None
        if readers is not None and not readers.done():
            readers.set_result(None)
