"""The main thread of a server: it hears signals, and ends a process that does not end by itself.

The event loop runs in a thread of its own, so that a disk that hangs under it, or a defect, cannot
keep the process from hearing that it is to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

logger = logging.getLogger(__name__)

EXIT_HUNG = 1
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Supervision:
    """Runs one coroutine to its end; a signal asks it to end, and after a bound it is ended.

    Args:
        bound_s: How long the end may take after a signal, in seconds.
    """

    def __init__(self, bound_s: float) -> None:
        self._bound_s = bound_s
        self._is_asked = threading.Event()
        self._is_done = False
        self._bell, self._bell_rope = socket.socketpair()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: Callable[[], None] | None = None
        self._describe: Callable[[], str] = str
        self._error: BaseException | None = None

    def ready(self, stop: Callable[[], None], describe: Callable[[], str]) -> None:
        """Hear signals from now on; called by the coroutine.

        Args:
            stop: Asks it to end; called in its loop.
            describe: Says what is not written yet, and where it is; called if it does not end.
        """
        self._stop, self._describe = stop, describe
        self._loop = asyncio.get_running_loop()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine until its end, while the main thread waits for signals."""
        thread = threading.Thread(target=self._run, args=[work], name="server", daemon=True)
        before = [(number, signal.signal(number, self._hear)) for number in _SIGNALS]
        self._bell_rope.setblocking(False)
        # The kernel may tell any thread of a signal, and only this one can act on it. A lock would
        # not wake it up then; what the interpreter writes at each signal does.
        rope_before = signal.set_wakeup_fd(self._bell_rope.fileno(), warn_on_full_buffer=False)
        try:
            thread.start()
            while not self._is_done:
                self._bell.recv(4096)
            thread.join()
        finally:
            signal.set_wakeup_fd(rope_before)
            for number, handler in before:
                signal.signal(number, handler)
            self._bell.close()
            self._bell_rope.close()
        if self._error is not None:
            raise self._error

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(work)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the main thread
            self._error = error
        finally:
            self._is_done = True
            with contextlib.suppress(OSError):
                self._bell_rope.send(b"\0")

    def _hear(self, number: int, _frame: object) -> None:
        if self._loop is None or self._stop is None:
            # It has not begun to serve, so there is nothing to be ended in order.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if not self._is_asked.is_set():
            self._is_asked.set()
            threading.Thread(target=self._watch, name="end", daemon=True).start()
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._stop)

    def _watch(self) -> None:
        """End the process if it has not ended in time, threads that still wait included."""
        time.sleep(self._bound_s)
        logger.critical(
            "the server did not end within %g s and is ended now. %s The next start takes up what "
            "is on disk. Where it was:",
            self._bound_s,
            self._described(),
        )
        faulthandler.dump_traceback(file=sys.stderr)
        os._exit(EXIT_HUNG)

    def _described(self) -> str:
        try:
            return self._describe()
        except Exception as error:  # noqa: BLE001 - whatever it was, the process has to end
            return f"What is not written is not known ({error!r})."
