"""Coroutine functions on one event loop: one at a time, or several at once."""

from __future__ import annotations

import asyncio
from typing import Any

from headrace_harness import calling, tracebacks
from headrace_harness.board import Board
from headrace_harness.frames import Message
from headrace_harness.lanes import RECEIVE_BYTES, Lane, answer, read, set_variables
from headrace_harness.pod_calls import Function, OpenCall
from headrace_harness.scope import ProcessVariables
from headrace_harness.sinks import NativeOutput
from headrace_harness.stdlib import _thread, collections, os, socket, warnings


class LoopLane(Lane):
    """Calls as tasks of the main thread's event loop, which lives as long as the pod."""

    def __init__(
        self,
        line: socket.socket,
        function: Function,
        board: Board,
        native: NativeOutput,
        *,
        is_parallel: bool,
    ) -> None:
        super().__init__(line, function, board, native)
        self._is_parallel = is_parallel
        if not is_parallel:
            ProcessVariables().show(function.constants)
        self._variables = ProcessVariables()
        self._waiting: collections.deque[Message] = collections.deque()
        self._answers: list[bytes] = []
        self._unsent = bytearray()
        self._loop = _event_loop()
        self._thread = _thread.get_ident()
        self._is_writing = False
        self._is_ended = False

    def serve(self) -> None:
        """Answer calls until there will be no more; see the base."""
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket.fileno(), self._receive)
        while not self._is_ended:
            try:
                self._loop.run_forever()
            except BaseException as error:  # noqa: BLE001 - sys.exit in a task of user code
                calling.print_error(tracebacks.full_text(error))
            else:
                if not self._is_ended:
                    calling.print_error("The event loop was stopped by user code; it goes on.\n")
        self._loop.remove_reader(self._socket.fileno())
        self._socket.setblocking(True)

    def send(self, data: bytes) -> None:
        """Send frames with the others of this turn of the loop; from any thread."""
        with self._sending:
            is_first = not self._answers
            self._answers.append(data)
        if not is_first:
            return
        if _thread.get_ident() == self._thread:
            self._loop.call_soon(self._flush)
        else:
            self._loop.call_soon_threadsafe(self._flush)

    def _receive(self) -> None:
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._is_ended = True
            self._loop.stop()
            return
        for body in self._reader.bodies(data):
            message = read(body)
            if self._is_parallel:
                self._take(message)
            else:
                self._waiting.append(message)
        self._take_waiting()

    def _take_waiting(self) -> None:
        while self._waiting and not self._open:
            self._take(self._waiting.popleft())

    def _take(self, message: Message) -> None:
        if message["op"] != "call":
            set_variables(message)
            return
        call = self.function.open(message)
        if not self._is_parallel:
            if not self._begin(call, os.fsencode(call.log)):
                return
            self.function.scope.alone = call
            self._variables.show(call.identity)
        # The task runs in a copy of the context it is made in.
        call.task = self._context.copy().run(self._loop.create_task, self._run(call))

    async def _run(self, call: OpenCall) -> None:
        # Only now: a task that was made may have to wait for one that blocks the loop.
        if self._is_parallel and not self._begin(call, b""):
            return
        report = await self.function.run_async(call)
        if not self._is_parallel:
            self._native.settle()
        call.finish()
        with self._state:
            del self._open[call.number]
        self.send(answer(call.number, report))
        if not self._is_parallel:
            self.function.scope.alone = None
            self._board.end()
            self._take_waiting()

    def _flush(self) -> None:
        with self._sending:
            self._unsent += b"".join(self._answers)
            self._answers.clear()
        try:
            del self._unsent[: self._socket.send(self._unsent)]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._unsent.clear()  # the engine is gone
        if self._unsent and not self._is_writing:
            self._is_writing = True
            self._loop.add_writer(self._socket.fileno(), self._flush)
        elif self._is_writing and not self._unsent:
            self._is_writing = False
            self._loop.remove_writer(self._socket.fileno())

    def _stop_running(self, call: OpenCall) -> None:
        self._loop.call_soon_threadsafe(_cancel, call)


def _cancel(call: OpenCall) -> None:
    if call.task is not None and not call.is_over:
        call.task.cancel()


def _event_loop() -> Any:
    """Return the loop that the module may have made use of while it was imported, or a new one."""
    with warnings.catch_warnings():
        # Versions of Python differ in whether they make one, and in what they say.
        warnings.simplefilter("ignore")
        try:
            loop = asyncio.get_event_loop_policy().get_event_loop()
        except RuntimeError:
            loop = None
        if loop is None or loop.is_closed():
            loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop
