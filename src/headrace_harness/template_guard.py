"""The parent of a template: runs no user code, sees the template end, and leaves nothing behind.

Whatever the template or a call starts is adopted by it when its own parent has ended: a daemon with
a session and an environment of its own is no exception. So nothing outlives a template that is
killed, nor the engine.
"""

from __future__ import annotations

from headrace_harness import processes
from headrace_harness.frames import FrameReader, Message, encode_frame
from headrace_harness.stacks import Stacks
from headrace_harness.stdlib import contextlib, os, select, signal, socket

_RECEIVE_BYTES = 65536


class TemplateGuard:
    """Watches one template until it ends, or until the engine is gone."""

    def __init__(
        self, control: socket.socket, frames: FrameReader, template: int, stacks: Stacks
    ) -> None:
        self._control = control
        self._frames = frames
        self._template = template
        self._stacks = stacks
        self._status: int | None = None

    def serve(self, more: list[Message]) -> None:
        """Return when the template and all its descendants are gone.

        Args:
            more: What the engine has said already.
        """
        wake, wake_writer = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(wake_writer, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        poll = select.poll()
        for descriptor in (self._control.fileno(), wake):
            poll.register(descriptor, select.POLLIN)
        self._obey(more)
        self._reap()
        while self._status is None:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if wake in ready:
                os.read(wake, 4096)
                self._reap()
            if self._control.fileno() in ready and not self._hear():
                break
        self._finish()

    def _finish(self) -> None:
        if self._status is None:
            processes.kill(self._template, signal.SIGKILL)
            _, self._status = os.waitpid(self._template, 0)
        processes.end_descendants()
        self._send({"op": "gone", "status": processes.exit_of(self._status)})

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

    def _obey(self, messages: list[Message]) -> None:
        for message in messages:
            if message["op"] == "stack":
                self._send({"op": "stack", "text": self._stacks.of(self._template)})

    def _reap(self) -> None:
        """Take note of ended processes: the template, and orphans that were adopted from it."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._template:
                    self._status = status

    def _send(self, message: Message) -> None:
        with contextlib.suppress(OSError):
            self._control.sendall(encode_frame(message))
