"""A process of its own that commits rows, so that the event loop need not share its interpreter.

SQLite gives up the interpreter's lock for each call of its library, and a thread that wants it back
makes the event loop's thread give it up. What is committed thousands of times a second goes to
this process instead, as statements with their parameters; everything else is written by
:class:`headrace.store.database.Database`. The guarantees are the same: all or nothing, and on disk.
"""

from __future__ import annotations

import asyncio
import logging
import marshal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from headrace.store import recorder_process
from headrace.store.dialects import BUSY_TIMEOUT_MS, PRAGMAS
from headrace.store.recorder_process import LENGTH, YES, Statement

logger = logging.getLogger(__name__)

PATIENCE_S = 2 * BUSY_TIMEOUT_MS / 1000
"""A process that has not answered by then is killed: it was stopped, or its disk hangs."""

PAUSE_S = 1.0
"""How long no other process is started after one was lost."""


class Held(Protocol):
    """Something with a descriptor, whose lock lasts as long as any process has it open."""

    def fileno(self) -> int:
        """Return the descriptor."""
        ...


class NotCommitted(Exception):
    """The statements are not in the database; the message says why."""


class RecorderLost(Exception):
    """The process is gone, and whether the statements are in the database is not known."""


OnDone = Callable[[Exception | None], None]
"""Told None once the statements are on disk, or one of the exceptions above."""


class Recorder:
    """Starts the process when it is first wanted, and again when it was lost.

    All of it belongs to the thread of the event loop.

    Args:
        path: The SQLite file, whose schema is up to date.
        lock: A file that the process keeps open, so that a lock on it lasts as long as it does.
    """

    def __init__(self, path: Path, lock: Held | None = None) -> None:
        self._path = path
        self._lock = lock
        self._loop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._is_up = False
        self._is_closed = False
        self._on_done: OnDone | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._asked_at = 0.0
        self._start_at = 0.0
        self._connecting: asyncio.Task[None] | None = None
        self._burial: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._ended.set()

    @property
    def is_ready(self) -> bool:
        """Whether statements can be committed now; if not, a process is on its way."""
        if self._is_up:
            return self._on_done is None
        if self._process is None and not self._is_closed and self._loop.time() >= self._start_at:
            self._start()
        return False

    def commit(self, statements: Sequence[Statement], on_done: OnDone) -> None:
        """Commit statements, all or none; to be called when :attr:`is_ready` only.

        Args:
            statements: Texts with their parameters; a list of parameters stands for one execution
                with each of them.
            on_done: Called once, later.

        Raises:
            ValueError: There is something among the parameters that SQL has no type for.
        """
        self._send(statements)
        self._on_done = on_done

    async def close(self) -> None:
        """Have the process end, once it has answered."""
        self._is_closed = True
        if self._on_done is None:
            self._hang_up()
        await self._ended.wait()

    def _start(self) -> None:
        near, far = socket.socketpair()
        kept = [far.fileno(), *([] if self._lock is None else [self._lock.fileno()])]
        script = str(Path(recorder_process.__file__))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", script, str(far.fileno()), str(self._path)],
                pass_fds=kept,
                stdin=subprocess.DEVNULL,
                # What it says is a traceback, for the server's log.
                stdout=subprocess.DEVNULL,
            )
        except OSError as error:
            near.close()
            logger.error("the recorder cannot be started: %s", error)  # noqa: TRY400 - its message says all
            self._start_at = self._loop.time() + PAUSE_S
            return
        finally:
            far.close()
        self._ended.clear()
        self._begin_patience()
        self._connecting = self._loop.create_task(self._connect(near))

    async def _connect(self, near: socket.socket) -> None:
        transport, _ = await self._loop.create_unix_connection(lambda: _Line(self), sock=near)
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send((BUSY_TIMEOUT_MS / 1000, PRAGMAS))

    def _send(self, value: Any) -> None:
        transport = self._transport
        if transport is not None:
            body = marshal.dumps(value)
            transport.write(LENGTH.pack(len(body)) + body)
        self._begin_patience()

    def _begin_patience(self) -> None:
        self._asked_at = self._loop.time()
        if self._patience is None:
            self._patience = self._loop.call_later(PATIENCE_S, self._lose_patience)

    def hear(self, refusal: str | None) -> None:
        """Take what the process says: None, or why it did not commit."""
        if not self._is_up:
            self._is_up = True
            return
        on_done, self._on_done = self._on_done, None
        if self._is_closed:
            self._hang_up()
        if on_done is not None:
            on_done(None if refusal is None else NotCommitted(refusal))

    def note_end(self) -> None:
        """Take note that the process is gone."""
        was_wanted = not self._is_closed
        self._is_up = False
        self._transport = None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        process, self._process = self._process, None
        self._start_at = self._loop.time() + PAUSE_S
        on_done, self._on_done = self._on_done, None
        if process is not None:
            process.kill()
            self._burial = self._loop.create_task(self._bury(process, is_told=was_wanted))
        if on_done is not None:
            on_done(RecorderLost("The recorder was lost."))

    async def _bury(self, process: subprocess.Popen[bytes], *, is_told: bool) -> None:
        status = await asyncio.to_thread(process.wait)
        if is_told:
            logger.error("the recorder was lost (exit status %d); another one is started", status)
        self._ended.set()

    def _lose_patience(self) -> None:
        """Kill the process if it owes an answer for too long; look again otherwise."""
        self._patience = None
        if self._is_up and self._on_done is None:
            return
        left = self._asked_at + PATIENCE_S - self._loop.time()
        if left > 0:
            self._patience = self._loop.call_later(left, self._lose_patience)
        elif self._process is not None:
            self._process.kill()

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()
        elif self._process is not None:
            self._process.kill()


class _Line(asyncio.Protocol):
    """The server's end of the socket."""

    def __init__(self, owner: Recorder) -> None:
        self._owner = owner
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Hand on answers that are complete."""
        if data == YES:
            # Nearly always.
            self._owner.hear(None)
            return
        data = self._data + data
        while len(data) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(data)[0]
            if len(data) < end:
                break
            answer = marshal.loads(data[LENGTH.size : end])  # noqa: S302 - from our own process
            data = data[end:]
            self._owner.hear(answer)
        self._data = data

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on that the process is gone."""
        del exc
        self._owner.note_end()
