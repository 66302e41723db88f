"""Where a process that hangs was: all its stacks, written on a signal, whatever holds its threads.

The signal's handler is C: it needs neither the interpreter's lock nor the main thread. A process
that is stopped, or in the kernel's hands, writes nothing; of that the kernel's word is all we have.
"""

from __future__ import annotations

from headrace_harness import processes
from headrace_harness.stdlib import faulthandler, io, os, signal, time

STACK_FILE = "stack"
_SIGNAL = int(signal.SIGRTMAX) - 3  # one that no program is known to use
_PATIENCE_S = 1.0
_PAUSE_S = 0.01
_SHOWN_BYTES = 1 << 16
_OWN_FRAMES = f'File "{os.path.dirname(os.path.abspath(__file__))}{os.sep}'
_STATES = {"T": "stopped by a signal", "t": "stopped by a debugger", "D": "waiting in the kernel"}


class Stacks:
    """A file to which this process, and its forks, write their stacks when they are asked to.

    To be made before user code is imported, in the process's own folder.
    """

    def __init__(self) -> None:
        self._path = os.path.abspath(STACK_FILE)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        self._descriptor = os.open(self._path, flags, 0o600)
        self._end = 0

    def register(self) -> None:
        """Make this process answer the signal, and those that it forks."""
        faulthandler.register(_SIGNAL, file=self._descriptor, all_threads=True)

    def ask(self, pid: int) -> float:
        """Ask a process for its stacks; return the time until which to wait for them."""
        self._end = os.fstat(self._descriptor).st_size
        processes.kill(pid, _SIGNAL)
        return time.monotonic() + _PATIENCE_S

    def answer(self) -> str:
        """Return the stacks written since the last question, without the frames of the harness."""
        text = os.pread(self._descriptor, _SHOWN_BYTES, self._end).decode("utf-8", "replace")
        return "\n".join(line for line in text.splitlines() if _OWN_FRAMES not in line)

    def of(self, pid: int) -> str:
        """Return the stacks of a process, and what the kernel says of it; wait at most a second."""
        state = state_of(pid)
        if state in _STATES:
            return f"The process {pid} was {_STATES[state]}."
        deadline = self.ask(pid)
        size, settled = 0, 0
        # Written in pieces: it is complete when nothing more comes.
        while time.monotonic() < deadline and settled < 5:
            time.sleep(_PAUSE_S)
            now = os.fstat(self._descriptor).st_size - self._end
            settled = settled + 1 if now and now == size else 0
            size = now
        return self.answer() or f"The process {pid} did not say where it was."


def state_of(pid: int) -> str:
    """Return the letter by which the kernel says what a process does; nothing if it is gone."""
    try:
        with io.open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return ""
