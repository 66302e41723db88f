"""A front: plain calls of low-latency endpoints, by pods of its own; the rest is handed over."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import cast

from headrace.control.endpoint_cache import Endpoint
from headrace.control.intake import Intake
from headrace.control.variables import Variables
from headrace.core.errors import HeadraceError
from headrace.core.names import MAX_NAME_LENGTH
from headrace.core.standby import Standing
from headrace.endpoints.express import Express
from headrace.engines.local.metering import Meter
from headrace.engines.local.pods import LocalPodEngine
from headrace.pods.sets import PodSets
from headrace.server.fronts.calls import FrontCalls, FrontEndpoints, MarkedBook
from headrace.server.fronts.connection import FrontConnection
from headrace.server.fronts.handing import Sender
from headrace.server.fronts.page import Page
from headrace.server.fronts.wire import Wire

logger = logging.getLogger(__name__)

SWEEP_S = 0.1
TELL_S = 1.0
ACCEPTED_AT_ONCE = 8
BACKLOG = 2048
NO_ROOM_S = 1.0
"""How long to wait for a descriptor before the next connection is accepted."""

MAX_ABSENT = 10_000
_PREFIX = b"/endpoints/"
_LONGEST = len(_PREFIX) + MAX_NAME_LENGTH


class Front:
    """Answers plain calls in this process (:class:`.connection.Home`).

    Attributes:
        express: Makes plain calls.
        calls: Those that are under way.
        sets: The pods of this process.
    """

    def __init__(
        self,
        express: Express,
        calls: FrontCalls,
        sets: PodSets,
        engine: LocalPodEngine,
        book: MarkedBook,
        endpoints: FrontEndpoints,
        variables: Variables,
        intake: Intake,
        meter: Meter,
        page: Page,
        wire: Wire,
        sender: Sender,
        listening: socket.socket,
        most: int,
        idle_s: float,
        unread_s: float,
    ) -> None:
        self.express = express
        self.calls = calls
        self.sets = sets
        self._engine = engine
        self._book = book
        self._endpoints = endpoints
        self._variables = variables
        self._intake = intake
        self._meter = meter
        self._page = page
        self._wire = wire
        self._sender = sender
        self._listening = listening
        self._most = most
        self._idle_s = idle_s
        self._unread_s = unread_s
        self._loop = asyncio.get_running_loop()
        self._connections: set[FrontConnection] = set()
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._accepting: set[asyncio.Task[None]] = set()
        self._keeping: list[asyncio.Task[None]] = []
        self._is_leaving = False

    async def begin(self) -> None:
        """Accept connections, and keep pods."""
        await self.sets.begin()
        self._listening.setblocking(False)
        self._listening.listen(BACKLOG)
        self._hear_connections()
        self._keeping = [
            self._loop.create_task(self._sweep()),
            self._loop.create_task(self._tell()),
        ]

    def follow(self, standing: Standing) -> None:
        """Follow the state of the environment."""
        self._intake.follow(standing)
        self.sets.changed()

    async def move(self) -> None:
        """Move the rows that are on disk to the database."""
        behind = self._book.move_all()
        if behind is not None:
            await behind

    def leave(self) -> None:
        """Accept no more connections, and close those that are idle."""
        if not self._is_leaving:
            self._is_leaving = True
            self._loop.remove_reader(self._listening.fileno())
            self._listening.close()
        for connection in [one for one in self._connections if one.is_idle]:
            connection.close()

    async def close(self, grace_s: float) -> None:
        """End the calls that there are, and the pods; all rows are in the database or on disk."""
        self.leave()
        for task in self._keeping:
            task.cancel()
        await self.calls.close(grace_s)
        await self.sets.close()
        await self._engine.close()

    def is_coming(self, target: bytes) -> bool:
        """Check whether the endpoint at a target is being asked for; see the protocol."""
        if not target.startswith(_PREFIX) or len(target) > _LONGEST or self._page.is_held:
            return False
        path = target[len(_PREFIX) :].decode("latin-1")
        if self._endpoints.find(path) is not None or path in self._endpoints.absent:
            return False
        if path not in self._loading:
            self._loading[path] = self._loop.create_task(self._load(path))
        return True

    def hand(self, descriptor: int, data: bytes) -> None:
        """Hand over a connection; see the protocol."""
        self._sender.send(descriptor, data)

    def forget(self, connection: FrontConnection) -> None:
        """Forget a connection; see the protocol."""
        self._connections.discard(connection)

    async def _load(self, path: str) -> None:
        """Ask for an endpoint, and go on with the connections that wait for it."""
        endpoints, seen = self._endpoints, self._endpoints.seen
        changes, found = endpoints.changes, None
        try:
            found = cast("Endpoint | None", await self._wire.ask("endpoint", path))
            await self._variables.current()
        except HeadraceError as error:
            logger.warning("endpoint %r is left to the main process: %s", path, error.message)
        finally:
            del self._loading[path]
        if endpoints.seen == seen:
            if found is not None:
                endpoints.keep(path, found, changes)
            elif len(endpoints.absent) < MAX_ABSENT:
                endpoints.absent.add(path)
        for connection in [one for one in self._connections if one.is_asking]:
            connection.proceed()

    def _hear_connections(self) -> None:
        if not self._is_leaving:
            self._loop.add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                accepted, _ = self._listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                # There is no descriptor, or the network took it back: those that are open go on.
                logger.warning("no connection is accepted for %g s: %s", NO_ROOM_S, error)
                self._loop.remove_reader(self._listening.fileno())
                self._loop.call_later(NO_ROOM_S, self._hear_connections)
                return
            accepted.setblocking(False)
            if len(self._connections) >= self._most:
                self._sender.send(accepted.detach(), b"")
                continue
            task = self._loop.create_task(self._connect(accepted))
            self._accepting.add(task)
            task.add_done_callback(self._accepting.discard)

    async def _connect(self, accepted: socket.socket) -> None:
        connection = FrontConnection(self, self._loop)
        self._connections.add(connection)
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(lambda: connection, accepted)
        except (OSError, ValueError):
            accepted.close()
            self.forget(connection)

    async def _sweep(self) -> None:
        """See to connections that wait, and to what the page says of this process."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self._page.calls = self.calls.under_way
            self._page.has_pods = not self.sets.are_released()
            if self._page.has_rows and self.calls.is_idle and self._book.is_empty:
                self._page.has_rows = False
            at = self._loop.time()
            for connection in list(self._connections):
                connection.sweep(at, self._idle_s, self._unread_s)

    async def _tell(self) -> None:
        """Tell the main process what is to be seen of the pods, and what they use."""
        while True:
            await asyncio.sleep(TELL_S)
            self._wire.tell("states", {each: self.sets.state(each) for each in self.sets.lanes})
            measured = await self._meter.take()
            if measured:
                self._wire.tell("measured", measured)
