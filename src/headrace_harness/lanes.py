"""How the calls of a pod share its interpreter: what all ways have in common, and one at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from headrace_harness.board import Board
from headrace_harness.frames import FrameReader, Message, encode_frame, frame
from headrace_harness.pod_calls import Function, OpenCall
from headrace_harness.scope import ProcessVariables
from headrace_harness.sinks import NativeOutput
from headrace_harness.stdlib import _thread, contextvars, json, os, signal, socket

RECEIVE_BYTES = 65536
"""For more at once the allocator would get memory from the kernel, and give it back, each time."""

_decode = json.JSONDecoder().raw_decode


class Lane:
    """Receives calls and answers them, until the engine closes the socket.

    The methods that the engine's side messages lead to come from another thread, which runs while
    user code keeps the main one busy.
    """

    def __init__(
        self, line: socket.socket, function: Function, board: Board, native: NativeOutput
    ) -> None:
        self.function = function
        self._socket = line
        self._board = board
        self._native = native
        self._reader = FrameReader()
        # What the module left in its context at import, each call finds.
        self._context = contextvars.copy_context()
        self._state = _thread.allocate_lock()
        self._sending = _thread.allocate_lock()
        self._open: dict[int, OpenCall] = {}
        self._skipped: set[int] = set()
        self._unread: set[int] = set()

    def serve(self) -> None:
        """Answer calls until there will be no more."""
        while True:
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except OSError:
                return
            if not data:
                return
            for body in self._reader.bodies(data):
                self._take(read(body))

    def send(self, data: bytes) -> None:
        """Send whole frames to the engine; if it is gone, :meth:`serve` notices."""
        with self._sending:
            try:
                self._socket.sendall(data)
            except OSError:
                return

    def stop(self, number: int) -> None:
        """End a call, or keep it from beginning."""
        with self._state:
            call = self._open.get(number)
            if call is None:
                if number > self._board.started:
                    self._skipped.add(number)
                    self.send(answer(number, '{"kind":"cancelled","message":""}'))
                return
            call.is_stopped = True
            if call.stream is not None:
                call.stream.grant(None)
            self._stop_running(call)

    def withdraw(self, numbers: Iterable[int]) -> None:
        """Give back to the engine those of these calls that have not begun."""
        with self._state:
            unbegun = [number for number in numbers if number > self._board.started]
            self._skipped.update(unbegun)
        self.send(encode_frame({"op": "withdrawn", "numbers": unbegun}))

    def grant(self, number: int, size: Optional[int]) -> None:
        """Allow a call to send more items; None: nobody reads them any more."""
        with self._state:
            call = self._open.get(number)
            if size is None and call is None and number > self._board.started:
                self._unread.add(number)
        if call is not None:
            call.is_unread = call.is_unread or size is None
            if call.stream is not None:
                call.stream.grant(size)

    def _take(self, message: Message) -> None:
        """Do what a message from the engine says: begin a call, or set variables."""
        raise NotImplementedError

    def _stop_running(self, call: OpenCall) -> None:
        """End a call that runs; the state is locked."""
        raise NotImplementedError

    def _begin(self, call: OpenCall, log: bytes) -> bool:
        """Note that a call begins; return False if it must not."""
        with self._state:
            self._board.begin(call.number, log)
            if call.number in self._skipped:
                self._skipped.discard(call.number)
                self._board.end()
                return False
            call.is_unread = call.number in self._unread
            self._unread.discard(call.number)
            self._open[call.number] = call
            return True


class SequentialLane(Lane):
    """One plain function at a time, on the main thread, with as little around it as can be."""

    def __init__(
        self, line: socket.socket, function: Function, board: Board, native: NativeOutput
    ) -> None:
        super().__init__(line, function, board, native)
        ProcessVariables().show(function.constants)
        self._variables = ProcessVariables()

    def _take(self, message: Message) -> None:
        if message["op"] != "call":
            set_variables(message)
            return
        function = self.function
        call = function.open(message)
        if not self._begin(call, os.fsencode(call.log)):
            return
        function.scope.alone = call
        self._variables.show(call.identity)
        report = self._context.copy().run(function.run, call)
        self._native.settle()
        call.finish()
        function.scope.alone = None
        with self._state:
            del self._open[call.number]
            self._board.end()
        self.send(answer(call.number, report))

    def _stop_running(self, call: OpenCall) -> None:
        # Nothing else can end it. Nothing else runs here either.
        if not call.is_over:
            os.kill(os.getpid(), signal.SIGKILL)


def read(body: bytes) -> Message:
    """Return a message of the engine; it costs less than ``json.loads``."""
    message: Message = _decode(body.decode())[0]
    return message


def answer(number: int, report: str, *, is_held: bool = False) -> bytes:
    """Return the frame that says how a call ended.

    Args:
        number: The call's number.
        report: Its report, a JSON object.
        is_held: Whether the call's thread goes on all the same.
    """
    held = ',"held":true' if is_held else ""
    return frame(f'{{"op":"ended","number":{number}{held},{report[1:]}'.encode())


def set_variables(message: Message) -> None:
    """Change the environment variables that have changed since the last call."""
    for name in message["unset"]:
        os.environ.pop(name, None)
    # Names and values have been in an environment before, so that none can be refused.
    os.environ.update(message["set"])
