"""Leases: until when a worker may be trusted to run what it has taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a worker may be silent before others take it for dead.

    What makes this safe is not a clock but the database: a worker that was taken for dead has no
    row any more, its executions are no longer under its id, and nothing that it writes about them
    takes effect. A clock only decides how soon.

    Attributes:
        lasts_s: Seconds from a renewal to the end of the lease.
        renewed_every_s: Seconds between renewals.
    """

    lasts_s: float = 15.0
    renewed_every_s: float = 3.0

    def end_after(self, now: datetime) -> datetime:
        """Return when a lease that is renewed now ends."""
        return now + timedelta(seconds=self.lasts_s)
