"""The parent of a process that runs user code: sees it end, and leaves nothing behind.

Whatever that process or a call starts is adopted by its guard when its own parent has ended: a
daemon with a session and an environment of its own is no exception. So nothing outlives a process
that is killed, nor the engine.
"""

from __future__ import annotations

from typing import Optional

from headrace_harness import processes
from headrace_harness.frames import FrameReader, Message, encode_frame
from headrace_harness.stacks import Stacks
from headrace_harness.stdlib import contextlib, os, select, signal, socket

_RECEIVE_BYTES = 65536


class Guard:
    """Watches one process until it ends, or until the engine is gone. It is one thread.

    Args:
        control: To the engine.
        frames: Reads from it.
        pid: The process.
        stacks: Where the process writes its stacks when it hangs.
    """

    def __init__(
        self, control: socket.socket, frames: FrameReader, pid: int, stacks: Stacks
    ) -> None:
        self._control = control
        self._frames = frames
        self._pid = pid
        self._stacks = stacks
        self._poll = select.poll()
        self._status: Optional[int] = None

    def serve(self, more: list[Message]) -> None:
        """Return when the process has ended and nothing of it is left.

        Args:
            more: What the engine has said already.
        """
        wake, wake_writer = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(wake_writer, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        for source in (self._control.fileno(), wake):
            self._poll.register(source, select.POLLIN)
        self._obey(more)
        self._reap()
        while self._status is None:
            ready = {descriptor for descriptor, _ in self._poll.poll()}
            self._attend(ready)
            if wake in ready:
                os.read(wake, 4096)
                self._reap()
            if self._control.fileno() in ready and not self._hear():
                break
        if self._status is None:
            processes.kill(self._pid, signal.SIGKILL)
            _, self._status = os.waitpid(self._pid, 0)
        processes.end_descendants()
        self._send(self._end(processes.exit_of(self._status)))

    def _attend(self, ready: set[int]) -> None:
        """Read what the process has written to the descriptors that are ready."""

    def _obey(self, messages: list[Message]) -> None:
        """Do what the engine asks."""
        raise NotImplementedError

    def _end(self, status: int) -> Message:
        """Return the last message to the engine, now that nothing is left of the process."""
        raise NotImplementedError

    def _hear(self) -> bool:
        """Act on what the engine says; return False if it is gone."""
        try:
            data = self._control.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._obey(self._frames.feed(data))
        return bool(data)

    def _reap(self) -> None:
        """Note which processes have ended: the own one, and orphans that were adopted from it."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._pid:
                    self._status = status

    def _send(self, message: Message) -> None:
        with contextlib.suppress(OSError):
            self._control.sendall(encode_frame(message))


class TemplateGuard(Guard):
    """Watches one template, and says where it hangs."""

    def _obey(self, messages: list[Message]) -> None:
        for message in messages:
            if message["op"] == "stack":
                self._send({"op": "stack", "text": self._stacks.of(self._pid)})

    def _end(self, status: int) -> Message:
        return {"op": "gone", "status": status}
