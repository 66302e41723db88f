"""Keeps the fronts: starts them, does what they ask for, and replaces those that are gone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Sequence

from headrace.control.transactions import workers as worker_records
from headrace.core.clock import now
from headrace.core.errors import Unavailable
from headrace.core.names import new_id
from headrace.server.engines import end_leftovers_of_front
from headrace.server.fronts.beginning import Beginning
from headrace.server.fronts.handing import Adopt, Receiver
from headrace.server.fronts.household import Household, handlers
from headrace.server.fronts.journals import take_up_journal
from headrace.server.fronts.seats import Fronts, Seat
from headrace.server.fronts.wire import GONE, Wire
from headrace.signals.port import DEPLOYMENTS
from headrace.store import workers as worker_rows

logger = logging.getLogger(__name__)

MODULE = "headrace.server.fronts.process"

START_S = 60.0
"""How long a front may take to begin."""

PING_S = 2.0
SILENT_S = 10.0
"""A front that does not answer for so long is killed and replaced."""

RETRY_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses before another front takes the seat of one that was gone at once, several times."""

SETTLED_S = 30.0
"""A front that was up for so long starts this anew."""


class FrontKeeper:
    """Keeps a process in each seat.

    Args:
        fronts: The seats.
        house: What they need.
        listening: A socket for each, bound to the same port; the front itself listens.
        adopt: Serves a connection that was handed over.
    """

    def __init__(
        self, fronts: Fronts, house: Household, listening: Sequence[socket.socket], adopt: Adopt
    ) -> None:
        self._fronts = fronts
        self._house = house
        self._listening = dict(zip(fronts.seats, listening, strict=True))
        self._adopt = adopt
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self._processes: dict[Seat, subprocess.Popen[bytes]] = {}
        self._receivers: dict[Seat, Receiver] = {}
        self._is_closed = False

    async def begin(self) -> None:
        """Start all fronts; return when each is up, or has failed once."""
        first = [self._loop.create_future() for _ in self._fronts.seats]
        for seat, begun in zip(self._fronts.seats, first, strict=True):
            self._tasks.append(self._loop.create_task(self._keep(seat, begun)))
        if self._tasks:
            self._tasks.append(self._loop.create_task(self._relay()))
            await asyncio.wait(first)

    def leave(self) -> None:
        """Have the fronts accept no more connections."""
        self._is_closed = True
        self._fronts.tell("leave")

    async def close(self) -> None:
        """End all fronts; their calls have the grace of the settings to end."""
        self.leave()
        grace_s = self._house.settings.stop_grace_s
        ends = [self._end(seat, grace_s) for seat in self._fronts.seats]
        await asyncio.gather(*ends)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for seat in self._fronts.seats:
            self._listening[seat].close()

    async def _end(self, seat: Seat, grace_s: float) -> None:
        process = self._processes.get(seat)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(grace_s + SILENT_S):
                if seat.wire is not None:
                    await seat.wire.ask("end", grace_s)
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.wait)
        # What keeps the seat sees that it is gone, and takes up what is left.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SILENT_S):
                await seat.settled.wait()

    async def _keep(self, seat: Seat, begun: asyncio.Future[None]) -> None:
        tries = 0
        while True:
            began = self._loop.time()
            try:
                await self._serve(seat, begun)
            except Exception:
                logger.exception("process %d of this server", seat.number)
            finally:
                if not begun.done():
                    begun.set_result(None)
            if self._is_closed:
                return
            tries = 0 if self._loop.time() - began > SETTLED_S else tries + 1
            await self._accept_for(seat, RETRY_S[min(tries, len(RETRY_S) - 1)])

    async def _serve(self, seat: Seat, begun: asyncio.Future[None]) -> None:
        """Start a front and hear it until it is gone; then take up what it left."""
        house, worker_id = self._house, new_id()
        await house.database.write(worker_rows.add_worker, worker_id, now())
        seat.settled.clear()
        try:
            hearing = await self._start(seat)
            beginning = Beginning(
                house.settings,
                house.processes.addresses,
                house.public_url,
                worker_id,
                seat.number,
                house.intake.standing,
            )
            await self._begin(seat, beginning)
            if not begun.done():
                begun.set_result(None)
            await self._watch(seat, hearing)
        finally:
            if seat.is_up and not self._is_closed:
                logger.error(
                    "process %d of this server is gone: another one takes its place", seat.number
                )
            await asyncio.shield(self._take_up(seat, worker_id))

    async def _start(self, seat: Seat) -> asyncio.Task[None]:
        wire, its_wire = socket.socketpair()
        handing, its_handing = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        given = [
            its_wire.fileno(),
            its_handing.fileno(),
            seat.page.descriptor,
            self._listening[seat].fileno(),
        ]
        command = [sys.executable, "-P", "-m", MODULE, str(os.getpid())]
        # It returns at once, and the thread that starts it must be one that lives as long.
        self._processes[seat] = subprocess.Popen(  # noqa: ASYNC220
            [*command, *map(str, given)], pass_fds=given, stdin=subprocess.DEVNULL
        )
        its_wire.close()
        its_handing.close()
        self._receivers[seat] = Receiver(handing, self._adopt)
        told = Wire(handlers(self._house, seat))
        await told.open(wire)
        seat.wire = told
        return self._loop.create_task(told.run())

    async def _begin(self, seat: Seat, told: Beginning) -> None:
        if seat.wire is None:
            raise Unavailable(GONE)
        async with asyncio.timeout(START_S):
            await seat.wire.ask("begin", told)
        # It may have changed meanwhile.
        seat.wire.tell("standing", self._house.intake.standing)
        seat.is_up = True

    async def _watch(self, seat: Seat, hearing: asyncio.Task[None]) -> None:
        """Return when a front is gone; kill one that does not answer."""
        while not hearing.done():
            await asyncio.wait({hearing}, timeout=PING_S)
            if hearing.done() or seat.wire is None:
                return
            try:
                async with asyncio.timeout(SILENT_S):
                    await seat.wire.ask("ping")
            except TimeoutError:
                logger.error("process %d of this server does not answer: it is killed", seat.number)
                return
            except Unavailable:
                return

    async def _take_up(self, seat: Seat, worker_id: str) -> None:
        """End what is left of a front, and bring all that it answered to the database."""
        house, process = self._house, self._processes.pop(seat, None)
        seat.is_up, seat.wire = False, None
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.wait)
        receiver = self._receivers.pop(seat, None)
        if receiver is not None:
            receiver.take_all()
            receiver.close()
        await asyncio.to_thread(end_leftovers_of_front, house.directory, seat.number)
        for process_id in seat.processes:
            house.processes.revoke(process_id)
        await take_up_journal(house.directory, seat.number, house.database)
        house.worker.tell_of(await house.database.write(worker_records.leave, worker_id, now()))
        seat.states, seat.processes, seat.noted = {}, set(), set()
        seat.page.clear_front()
        seat.settled.set()

    async def _accept_for(self, seat: Seat, pause_s: float) -> None:
        """Wait, and serve what comes to a seat meanwhile."""
        listening, end = self._listening[seat], self._loop.time() + pause_s
        while (left := end - self._loop.time()) > 0:
            with contextlib.suppress(OSError):
                while True:
                    accepted, _ = listening.accept()
                    accepted.setblocking(False)
                    self._adopt(accepted, b"")
            await asyncio.sleep(min(left, 0.05))

    async def _relay(self) -> None:
        """Tell the fronts that deployments have changed."""
        with self._house.signals.listen(DEPLOYMENTS) as changed:
            while True:
                if await changed.wait(60.0):
                    self._fronts.tell("deployments")
