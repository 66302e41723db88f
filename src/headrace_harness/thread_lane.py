"""Several plain functions at once, each in a thread."""

from __future__ import annotations

import sys

from headrace_harness.board import Board
from headrace_harness.frames import Message, frame
from headrace_harness.lanes import Lane, answer, set_variables
from headrace_harness.pod_calls import Function, OpenCall
from headrace_harness.sinks import NativeOutput
from headrace_harness.stdlib import _thread, contextlib, queue, socket


class ThreadLane(Lane):
    """Calls in threads, which are kept for later calls; the engine bounds how many run at once."""

    def __init__(
        self, line: socket.socket, function: Function, board: Board, native: NativeOutput
    ) -> None:
        super().__init__(line, function, board, native)
        self._waiting: queue.SimpleQueue[OpenCall] = queue.SimpleQueue()
        self._idle = 0

    def _take(self, message: Message) -> None:
        if message["op"] != "call":
            set_variables(message)
            return
        call = self.function.open(message)
        if not self._begin(call, b""):
            return
        with self._state:
            is_thread_needed = self._idle == 0
            if not is_thread_needed:
                self._idle -= 1
        if is_thread_needed:
            # One of the system's, whatever user code has put in the place of threads; and nobody
            # waits for it: a call without end must not keep the pod from ending.
            _thread.start_new_thread(self._work, ())
        self._waiting.put(call)

    def _work(self) -> None:
        with contextlib.suppress(Exception):
            # What user code sees of this thread in its logs and thread dumps.
            sys.modules["threading"].current_thread().name = "headrace call"
        while True:
            call = self._waiting.get()
            report = self._context.copy().run(self.function.run, call)
            with self._state:
                is_told = call.is_over
                call.finish()
                del self._open[call.number]
                self._idle += 1
            if is_told:
                self.send(frame(b'{"op":"freed","number":%d}' % call.number))
            else:
                self.send(answer(call.number, report))

    def _stop_running(self, call: OpenCall) -> None:
        if not call.is_over:
            call.finish()
            self.send(answer(call.number, '{"kind":"cancelled","message":""}', is_held=True))
