"""The parent of a pod: runs no user code, sees the pod end or hang, and leaves nothing behind."""

from __future__ import annotations

from typing import Optional, Union

from headrace_harness import processes
from headrace_harness.board import Board
from headrace_harness.capture import Pipe
from headrace_harness.frames import FrameReader, Message, encode_frame
from headrace_harness.guards import Guard
from headrace_harness.last_words import LastWords
from headrace_harness.shared_logs import PodLog, SharedLog
from headrace_harness.stacks import Stacks
from headrace_harness.stdlib import contextlib, os, select, signal, socket, time

_RECEIVE_BYTES = 65536


class GuardianEnds:
    """What joins a guardian to its pod: the guardian's ends.

    Attributes:
        line: Messages to and from the pod's attendant.
        settling: On which the pod asks for its native output to be put into its log.
        out: Where the pod's native stdout is read.
        err: Where its native stderr is read.
        board: What the pod shows.
        words: Lines that it has not ended.
    """

    def __init__(
        self,
        line: socket.socket,
        settling: socket.socket,
        out: int,
        err: int,
        board: Board,
        words: LastWords,
    ) -> None:
        self.line = line
        self.settling = settling
        self.out = out
        self.err = err
        self.board = board
        self.words = words


class Guardian(Guard):
    """Watches one pod until it ends, or until the engine is gone.

    It passes on messages between the engine and the pod; asked how the pod is, it asks the pod in
    turn.
    """

    def __init__(
        self,
        control: socket.socket,
        frames: FrameReader,
        pod: int,
        ends: GuardianEnds,
        setup: Message,
        stacks: Stacks,
    ) -> None:
        super().__init__(control, frames, pod, stacks)
        self._ends = ends
        self._memory_bytes: Optional[int] = setup["memory_bytes"]
        self._from_pod = FrameReader()
        self._asked_at: Optional[float] = None
        self._log = log = _NativeLog(
            ends.board,
            PodLog(setup["pod_log"], setup["pod_id"], setup["pod_log_bytes"]),
            setup["log_bytes"],
        )
        self._pipes = {ends.out: Pipe(ends.out, b"o", log), ends.err: Pipe(ends.err, b"e", log)}

    def serve(self, more: list[Message]) -> None:
        """Return when the pod has ended and nothing of it is left; see the base."""
        ends = self._ends
        ends.line.setblocking(False)
        for source in (ends.line.fileno(), ends.settling.fileno(), *self._pipes):
            self._poll.register(source, select.POLLIN)
        super().serve(more)

    def _attend(self, ready: set[int]) -> None:
        self._read_output(ready)
        if self._ends.settling.fileno() in ready:
            self._settle()
        if self._ends.line.fileno() in ready:
            self._hear_pod()

    def _end(self, status: int) -> Message:
        self._keep_last_words()
        # Its last words may have come after the last look, such as why its import failed.
        while self._hear_pod():
            pass
        return {"op": "ended", "status": status, "started": self._ends.board.started}

    def _keep_last_words(self) -> None:
        """Put lines that have no end into the logs of their calls, and into the pod's own."""
        words = list(self._ends.words.read())
        for pipe in self._pipes.values():
            pipe.take_rest()
            if pipe.partial and self._ends.board.log:
                words.append((b"", pipe.letter, pipe.partial))
            pipe.drain()
        for path, letter, text in words:
            self._log.outside.write(letter, [text])
            if path:
                with contextlib.suppress(OSError):
                    log = SharedLog(os.fsdecode(path), self._log.max_bytes)
                    log.write(letter, [text])
                    log.close()

    def _read_output(self, ready: set[int]) -> None:
        # stdout first: of what is ready at once, nobody knows what came first.
        for descriptor in [found for found in self._pipes if found in ready]:
            self._ends.board.is_reading = True
            is_open = self._pipes[descriptor].read()
            self._ends.board.is_reading = any(pipe.is_midline for pipe in self._pipes.values())
            if not is_open:
                self._poll.unregister(descriptor)

    def _settle(self) -> None:
        with contextlib.suppress(OSError):
            if not self._ends.settling.recv(64):
                self._poll.unregister(self._ends.settling)
                return
            for pipe in self._pipes.values():
                pipe.drain()
            self._ends.board.is_reading = False
            self._ends.settling.send(b"s")

    def _hear_pod(self) -> bool:
        """Pass on what the pod says; return False if there is nothing more at the moment."""
        try:
            data = self._ends.line.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._ends.line)
            return False
        for message in self._from_pod.feed(data):
            if message["op"] == "well":
                self._asked_at = None
                continue
            if message["op"] == "ready":
                message["memory_bytes"] = self._memory()
            self._send(message)
        return True

    def _obey(self, messages: list[Message]) -> None:
        for message in messages:
            if message["op"] == "look":
                self._memory_bytes = message["memory_bytes"]
                self._look()
            elif message["op"] == "kill":
                if message["is_hanging"]:
                    text = self._stacks.of(self._pid)
                    self._log.write(b"h", text.encode("utf-8", "replace").split(b"\n"))
                processes.kill(self._pid, signal.SIGKILL)
            else:
                self._tell_pod(message)

    def _look(self) -> None:
        """Say how the pod is, as far as that is known, and ask it."""
        now = time.monotonic()
        silent_s = 0.0 if self._asked_at is None else now - self._asked_at
        self._send(
            {
                "op": "seen",
                "memory_bytes": self._memory(),
                "silent_s": silent_s,
                "processor_s": processes.processor_time(self._pid),
            }
        )
        if self._asked_at is None:
            self._asked_at = now
            self._tell_pod({"op": "look"})

    def _memory(self) -> int:
        own = os.getpid()
        return processes.memory_of(processes.tree_of(own) - {own}, self._memory_bytes)

    def _tell_pod(self, message: Message) -> None:
        # A pod that does not read is about to be found hanging.
        with contextlib.suppress(OSError):
            self._ends.line.send(encode_frame(message))


class _NativeLog:
    """The log that native output belongs to at this moment, in the shape that a pipe wants.

    Attributes:
        outside: The pod's own log.
        max_bytes: What the log of one call may hold.
    """

    def __init__(self, board: Board, outside: PodLog, max_bytes: int) -> None:
        self._board = board
        self.outside = outside
        self.max_bytes = max_bytes

        self._path = b""
        self._log: Optional[SharedLog] = None

    def write(self, letter: bytes, lines: list[bytes]) -> None:
        """Append lines of one stream."""
        self._current().write(letter, lines)

    def write_block(self, letter: bytes, block: bytes) -> None:
        """Append whole lines of one stream, without the last line end."""
        self._current().write_block(letter, block)

    def _current(self) -> Union[SharedLog, PodLog]:
        path = self._board.log
        if path != self._path:
            if self._log is not None:
                self._log.close()
                self._log = None
            self._path = path
            if path:
                with contextlib.suppress(OSError):
                    self._log = SharedLog(os.fsdecode(path), self.max_bytes)
        return self.outside if self._log is None else self._log
