"""The loop that looks at the machine, and writes down what it uses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil

from headrace.core.clock import now_s
from headrace.core.resources import SAMPLE_S, Sample, Totals
from headrace.keeping.graphics import Graphics, look_at_graphics
from headrace.signals.loop import Loop
from headrace.store import resources as rows
from headrace.store.database import Database

THIN_EVERY = 360
"""After so many samples, an hour's, older ones are averaged."""


class Machine(Loop):
    """Samples what the machine of this server uses.

    Args:
        database: Where samples are kept.
        worker: Name of this server's machine.
        data_dir: Its disk is the one that is looked at.
    """

    def __init__(self, database: Database, worker: str, data_dir: Path) -> None:
        self._database = database
        self._worker = worker
        self._data_dir = data_dir
        self._count = 0
        self._received, self._sent = _network()
        self._graphics: Graphics | None = None
        # The first answer is about the time since the start of the process.
        psutil.cpu_percent()
        super().__init__(
            "machine",
            self._look,
            complaint="what the machine uses is not written down",
            first_after_s=SAMPLE_S,
            try_again_s=SAMPLE_S,
        )

    def totals(self) -> Totals:
        """Return what the machine has."""
        return Totals(
            psutil.virtual_memory().total,
            psutil.disk_usage(str(self._data_dir)).total,
            psutil.cpu_count() or 1,
            None if self._graphics is None else self._graphics.total,
        )

    async def _look(self) -> float:
        sample = await asyncio.to_thread(self._sample)
        # Pages that show it look again by themselves; all others have not changed.
        await self._database.write_unseen(rows.add_samples, self._worker, [sample])
        self._count += 1
        if self._count % THIN_EVERY == 1:
            await self._database.write_unseen(rows.thin_out, sample.at_ms)
        return SAMPLE_S

    def _sample(self) -> Sample:
        received, sent = _network()
        came, went = max(received - self._received, 0), max(sent - self._sent, 0)
        self._received, self._sent = received, sent
        graphics = self._graphics = look_at_graphics()
        return Sample(
            at_ms=int(now_s() * 1000),
            seconds=SAMPLE_S,
            cpu=psutil.cpu_percent(),
            ram=psutil.virtual_memory().percent,
            disk=psutil.disk_usage(str(self._data_dir)).percent,
            received=came,
            sent=went,
            gpu=None if graphics is None else graphics.used,
            vram=None if graphics is None else graphics.memory,
        )


def _network() -> tuple[int, int]:
    """Return the bytes that came and went, those between programs of this machine left out."""
    each = [one for name, one in psutil.net_io_counters(pernic=True).items() if name != "lo"]
    return sum(one.bytes_recv for one in each), sum(one.bytes_sent for one in each)
