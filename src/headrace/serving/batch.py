"""What one commit of the database says of calls that pods answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from headrace.serving.call import Flight
from headrace.store.book import rows as warm


@dataclass(slots=True)
class Batch:
    """What one commit is about.

    Attributes:
        begun: Flights that are under way.
        ended: Flights that have ended.
        known: Those of ``ended`` that had a row before.
        waiting: Ids of those of ``begun`` that wait, and whose row will say so.
    """

    begun: list[Flight]
    ended: list[Flight]
    known: list[Flight] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)

    @property
    def is_repeated(self) -> bool:
        """Whether some of it may be on disk already."""
        return any(flight.is_repeated for flight in (*self.begun, *self.ended))

    def records(self, worker_id: str) -> warm.Records:
        """Return what the commit is to say, and remember what it says."""
        self.known = [flight for flight in self.ended if flight.is_recorded]
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
        for flight in (*self.begun, *self.ended):
            flight.is_repeated = False
            flight.set_recorded()

    def set_repeated(self) -> None:
        """Take note that some of it may be on disk."""
        for flight in (*self.begun, *self.ended):
            flight.is_repeated = True
