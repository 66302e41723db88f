"""The loop of a template: forks a process for each call, follows it, and says how it ended."""

from __future__ import annotations

from typing import Any

from headrace_harness import child, processes
from headrace_harness.capture import LogFile, Pipe
from headrace_harness.child import Program
from headrace_harness.forking import fork_quietly
from headrace_harness.frames import FrameReader, Message, encode_frame
from headrace_harness.running import RunningCall
from headrace_harness.spare import Ends, Spare, read_done
from headrace_harness.stacks import Stacks
from headrace_harness.stdlib import contextlib, os, select, signal, socket, time

_RECEIVE_BYTES = 262144
_QUIET_S = 0.005


class Template:
    """Serves the engine's calls until the engine closes its end of the socket.

    It is one thread, runs no user code, and is the parent of last resort of all its descendants.
    A call's own process adopts the orphans below it. So a child of the template that is no call
    was left behind by one that has ended, and is killed.

    While nothing runs, one process is kept forked ahead: the next call need not wait for its fork.
    """

    def __init__(
        self, control: socket.socket, program: Program, log_bytes: int, stacks: Stacks
    ) -> None:
        self._control = control
        self._program = program
        self._log_bytes = log_bytes
        self._stacks = stacks
        self._frames = FrameReader()
        self._pid = os.getpid()
        # What user code started while it was imported belongs to all calls.
        self._kept = frozenset(processes.children_of(self._pid))
        self._calls: dict[int, RunningCall] = {}
        self._ending: list[RunningCall] = []
        self._spare: Spare | None = None
        self._wants_spare = True
        self._quiet_since = 0.0
        self._pipes: dict[int, Pipe] = {}
        self._lines: dict[int, RunningCall] = {}
        # Processes of calls that are over, until the kernel has taken them apart.
        self._leaving: set[int] = set()
        self._poll = select.poll()
        self._wake, self._wake_writer = os.pipe()
        self._on_child: Any = signal.SIG_DFL

    def serve(self) -> None:
        """Carry out calls; return when the engine is gone. What is left is the guard's to kill."""
        self._watch_children()
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in self._poll.poll(self._tend())}
            self._read_pipes(ready)
            self._conclude(ready)
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._bury()
            if self._control.fileno() in ready and not self._receive():
                break
            if self._spare_due() == 0:
                self._fork_ahead()

    def send(self, message: Message) -> None:
        """Send one message to the engine, which always listens."""
        self._quiet_since = time.monotonic()
        # If the engine is gone, the loop will notice.
        with contextlib.suppress(OSError):
            self._control.sendall(encode_frame(message))

    def _watch_children(self) -> None:
        os.set_blocking(self._wake, False)
        os.set_blocking(self._wake_writer, False)
        self._on_child = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)

    def _tend(self) -> int | None:
        """Tend the running calls; return the milliseconds until more is due."""
        now = time.monotonic()
        due = [at for at in (call.tend(now) for call in self._calls.values()) if at is not None]
        spare_due = self._spare_due()
        if spare_due is not None:
            due.append(now + spare_due)
        # A call may have got to the end of its grace with its own process gone already.
        if any(call.exit is not None for call in self._calls.values()):
            self._bury()
        return max(0, int((min(due) - now) * 1000) + 1) if due else None

    def _read_pipes(self, ready: set[int]) -> None:
        """Read a chunk of each pipe that is ready, stdout before stderr."""
        pipes = [pipe for descriptor, pipe in self._pipes.items() if descriptor in ready]
        for pipe in pipes:
            if not pipe.read():
                self._forget(pipe.descriptor)

    def _conclude(self, ready: set[int]) -> None:
        """Finish the calls whose processes have said that they are done.

        Those with children do not say so; they are finished when all have ended, by :meth:`_bury`.
        """
        for descriptor in ready & self._lines.keys():
            call = self._lines[descriptor]
            used = read_done(call.line)
            if used is not None and call.exit is None:
                call.conclude(used)
                del self._calls[call.pid]
                self._leaving.add(call.pid)
                self.send(call.finish(self._forget))
            else:
                self._forget(descriptor)

    def _forget(self, descriptor: int) -> None:
        is_pipe = self._pipes.pop(descriptor, None) is not None
        is_line = self._lines.pop(descriptor, None) is not None
        if is_pipe or is_line:
            self._poll.unregister(descriptor)

    def _receive(self) -> bool:
        """Act on what the engine says; return False if it is gone."""
        try:
            data = self._control.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        for message in self._frames.feed(data):
            if message["op"] == "call":
                self._start(message)
            elif message["op"] == "look":
                pids = [[call.number, call.pid] for call in self._calls.values()]
                self.send({"op": "well", "pids": pids})
            else:
                for call in self._calls.values():
                    if call.number == message["number"]:
                        call.stop(message["grace_s"])
        return bool(data)

    def _start(self, message: Message) -> None:
        try:
            log = LogFile(message["log"], self._log_bytes)
            try:
                process = self._process_for(message)
            except OSError:
                os.close(log.descriptor)
                raise
        except OSError as error:
            why = f"The process of the call could not be started: {error}."
            self.send({"op": "refused", "number": message["number"], "message": why})
            return
        call = RunningCall(message, process, log, self._stacks)
        self._calls[process.pid] = call
        self._lines[call.line.fileno()] = call
        self._poll.register(call.line, select.POLLIN)
        for pipe in call.pipes:
            self._pipes[pipe.descriptor] = pipe
            self._poll.register(pipe.descriptor, select.POLLIN)

    def _process_for(self, message: Message) -> Spare:
        """Return a process that has been told of a call: the one forked ahead, or a new one."""
        spare, self._spare = self._spare, None
        self._wants_spare = True
        if spare is not None and spare.tell(message):
            return spare
        if spare is not None:
            # It was killed just now; as a child that is no call, it is reaped with the orphans.
            spare.discard()
        spare = self._fork()
        spare.tell(message)
        return spare

    def _spare_due(self) -> float | None:
        """Return the seconds until a process is forked ahead; None if none is wanted now.

        That is when nobody waits for this loop, and the server has had time to pass on the
        outcome of the last call: a fork keeps a processor busy for longer than that takes.
        """
        if not self._wants_spare or self._calls:
            return None
        return max(0.0, self._quiet_since + _QUIET_S - time.monotonic())

    def _fork_ahead(self) -> None:
        self._wants_spare = False
        # Without it the next call has to wait for its fork, and is told if there is none.
        with contextlib.suppress(OSError):
            self._spare = self._fork()

    def _fork(self) -> Spare:
        """Fork a process that waits to be told of its call."""
        spare, ends = Spare.open()
        try:
            spare.pid = fork_quietly()
        except OSError:
            spare.discard()
            ends.close()
            raise
        if spare.pid == 0:
            self._become_child(spare, ends)
        ends.close()
        return spare

    def _become_child(self, spare: Spare, ends: Ends) -> None:
        """Release everything that is the template's, and never return."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, self._on_child)
            others = [self._wake, self._wake_writer]
            for call in [*self._calls.values(), *self._ending]:
                others.extend(call.descriptors)
            for descriptor in others:
                os.close(descriptor)
            spare.discard()
            self._control.close()
            child.run_call(self._program, ends, parent=self._pid)
        finally:
            os._exit(1)

    def _bury(self) -> None:
        """See which processes have ended; finish the calls of which nothing is left."""
        if self._spare is not None and self._spare.has_ended():
            # The next call is followed by another one; until then nothing would use it.
            self._spare.discard()
            self._spare = None
        self._leaving = {pid for pid in self._leaving if not os.waitpid(pid, os.WNOHANG)[0]}
        sessions = self._sessions_left()
        for call in list(self._calls.values()):
            call.look()
            if call.exit is None or (call.is_winding_down and call.pid in sessions):
                continue
            call.reap()
            del self._calls[call.pid]
            self._ending.append(call)
        if self._sweep():
            return
        for call in self._ending:
            self.send(call.finish(self._forget))
        self._ending.clear()

    def _sessions_left(self) -> set[int]:
        """Return the sessions of the orphans, if some call has to give them time."""
        if not any(call.is_winding_down for call in self._calls.values()):
            return set()
        return {processes.session_of(pid) for pid in self._orphans()}

    def _sweep(self) -> bool:
        """Kill the orphans that no call gives time; return whether some have yet to vanish."""
        spared = {call.pid for call in self._calls.values() if call.is_winding_down}
        is_left = False
        for pid in self._orphans():
            if os.waitpid(pid, os.WNOHANG)[0] or processes.session_of(pid) in spared:
                continue
            is_left = processes.kill(pid, signal.SIGKILL) or is_left
        return is_left

    def _orphans(self) -> list[int]:
        known = self._kept | self._leaving | ({self._spare.pid} if self._spare else set())
        return [
            pid
            for pid in processes.children_of(self._pid)
            if pid not in known and pid not in self._calls
        ]
