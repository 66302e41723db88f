"""A call while it runs, as its template sees it: process, pipes, limits, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable

from headrace_harness import processes, usage
from headrace_harness.capture import LogFile, Pipe
from headrace_harness.frames import Message
from headrace_harness.progress import CALLED, STEPS
from headrace_harness.spare import Spare
from headrace_harness.stacks import Stacks
from headrace_harness.stdlib import os, signal, time

_MEMORY_POLL_S = 0.1


class RunningCall:
    """One forked process with all that belongs to it.

    Attributes:
        number: The engine's number of the call.
        pid: Its process, which leads a session and a process group.
        line: On which the process says that it is done.
        pipes: stdout and stderr, in this order; those still open.
        exit: How the process ended: an exit status, or a signal's number below zero; None while
            it runs.
        over_memory: Whether it was killed for its memory.
        overdue: Where it was when it had not come to the user's function in time, and was killed.
        used: What it has used with what it waited for, once it has ended; None if nobody knows.
    """

    def __init__(self, call: Message, process: Spare, log: LogFile, stacks: Stacks) -> None:
        self.number: int = call["number"]
        self.pid = process.pid
        self.line = process.line
        self.log = log
        self.pipes = [Pipe(process.out, b"o", self.log), Pipe(process.err, b"e", self.log)]
        self.exit: int | None = None
        self.over_memory = False
        self.overdue: str | None = None
        self.used: usage.Used | None = None
        self._stacks = stacks
        self._progress = process.progress
        self._start_due: float | None = time.monotonic() + call["start_s"]
        self._memory_bytes: int | None = call["memory_bytes"]
        self._memory_due = 0.0
        self._kill_due: float | None = None
        for letter, text in call["preface"]:
            self.log.write(letter.encode(), text.encode("utf-8", "replace").split(b"\n"))

    @property
    def descriptors(self) -> list[int]:
        """All descriptors that the template holds for this call."""
        pipes = [pipe.descriptor for pipe in self.pipes]
        return [self.log.descriptor, self.line.fileno(), *pipes]

    @property
    def is_winding_down(self) -> bool:
        """Whether processes of its session still have time to end by themselves."""
        return self._kill_due is not None

    def stop(self, grace_s: float) -> None:
        """Ask the call's process group to end; it is killed after ``grace_s`` seconds."""
        if self._kill_due is None:
            self._kill_due = time.monotonic() + grace_s
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the call's process and its group; what else there is falls to the template."""
        self._kill_due = None
        self._signal(signal.SIGKILL)

    def tend(self, now: float) -> float | None:
        """Tend the call; return the time at which to do so again, or None for no time."""
        if self._kill_due is not None and now >= self._kill_due:
            self.kill()
        dues = [self._kill_due]
        if self.exit is None:
            dues += [self._tend_start(now), self._tend_memory(now)]
        return min((due for due in dues if due is not None), default=None)

    def _tend_start(self, now: float) -> float | None:
        """Kill the process if it has not called the function in time; log where it was."""
        if self._start_due is not None and now >= self._start_due:
            self._start_due = None
            step = self._progress.step
            if step != CALLED:
                self.overdue = STEPS[step]
                text = self._stacks.of(self.pid)
                self.log.write(b"h", text.encode("utf-8", "replace").split(b"\n"))
                self.kill()
        return self._start_due

    def _tend_memory(self, now: float) -> float | None:
        if self._memory_bytes is None:
            return None
        if now >= self._memory_due:
            self._memory_due = now + _MEMORY_POLL_S
            if processes.exceeds(processes.tree_of(self.pid), self._memory_bytes):
                self.over_memory = True
                self.kill()
        return self._memory_due

    def look(self) -> bool:
        """Check whether the process has ended just now; its id stays taken until :meth:`reap`."""
        if self.exit is not None:
            return False
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return False
        self.exit = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        return True

    def conclude(self, used: bytes) -> None:
        """Take the process for ended: it has reported, and there is nothing more to come."""
        self.exit = 0
        self.used = usage.read(used)
        self.kill()

    def reap(self) -> None:
        """Kill what is left of the process group and let go of the process's id."""
        self.kill()
        self.used = usage.counted(os.wait4(self.pid, 0)[2])

    def finish(self, forget: Callable[[int], None]) -> Message:
        """Take the rest of the output and return the message that says how the call ended."""
        forget(self.line.fileno())
        self.line.close()
        for pipe in self.pipes:
            pipe.drain()
            forget(pipe.descriptor)
            pipe.close()
        self.log.close()
        return {
            "op": "ended",
            "number": self.number,
            "exit": self.exit,
            "over_memory": self.over_memory,
            "overdue": self.overdue,
            "used": self.used,
        }

    def _signal(self, sig: int) -> None:
        # The group does not exist until the child has called setsid.
        if not processes.kill(self.pid, sig, group=True):
            processes.kill(self.pid, sig)
