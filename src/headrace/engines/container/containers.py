"""One container from its making to its removal, and what became of its call."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from headrace.core.calls import Call
from headrace.core.clock import now_us
from headrace.core.dockerfiles import PLACES
from headrace.core.loglines import format_line
from headrace.core.outcomes import Failure, FailureKind, Outcome, Returned
from headrace.core.usage import Consumer
from headrace.engines.container.environ import Unpassable, write_variables
from headrace.engines.container.following import Followed, follow
from headrace.engines.container.tool import Tool, ToolFailed, kill_group
from headrace.engines.container.values import BadOutput, put_inputs, read_outputs
from headrace.engines.local.metering import Meter, Metered

logger = logging.getLogger(__name__)

_STOP_PATIENCE_S = 30.0
_LOOKS_FOR_PID = 20
_LOOK_S = 0.5
NOTE_OF_LIMITS = "the container engine says: "
"""Begins a line of a log about a limit that does not hold."""

_NEVER = "0001-01-01"
_KILLED = 128 + signal.SIGKILL


@dataclass(slots=True)
class Progress:
    """How far a call is, and whether it is to stop.

    Attributes:
        stop: Set to have the call stopped.
        has_begun: Whether its program may have begun.
    """

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    has_begun: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """A container of one call.

    Attributes:
        tool: The container engine.
        name: Its name.
        image: Name of its image.
        labels: By what it is found.
    """

    tool: Tool
    name: str
    image: str
    labels: Sequence[str]

    async def check(self) -> None:
        """Make it and set up all that its start needs, as far as the tool can.

        Raises:
            ToolFailed: It cannot be started.
        """
        await self.tool.ask("create", *self._options(), self.image)
        if self.tool.is_podman:
            await self.tool.ask("init", self.name)

    async def remove(self) -> None:
        """Remove it with all that runs in it; never raises."""
        # Podman would wait ten seconds for what does not heed SIGTERM.
        at_once = ["--time=0"] if self.tool.is_podman else []
        try:
            await self.tool.ask("rm", "-f", *at_once, self.name)
        except ToolFailed as error:
            if "no such container" not in error.message.lower():
                logger.warning("the container %s is left: %s", self.name, error)

    async def run(self, call: Call, progress: Progress, meter: Meter, log_bytes: int) -> Outcome:
        """Run a call in it to its end, and return what became of that."""
        try:
            await self._make(call)
        except (ToolFailed, Unpassable) as error:
            return Failure(FailureKind.ENVIRONMENT, f"The container cannot be made: {error}")
        if progress.stop.is_set():
            return Failure(FailureKind.WORKER_LOST, "The call was stopped before it had begun.")
        progress.has_begun = True
        metered = meter.begin(Consumer(call.execution_id))
        looking = asyncio.create_task(self._note_pid(metered))
        try:
            followed, is_overdue = await self._until_end(call, progress, log_bytes)
        except ToolFailed as error:
            return Failure(FailureKind.ENVIRONMENT, f"The container cannot be started: {error}")
        finally:
            looking.cancel()
            meter.end(metered)
        if is_overdue:
            limit = call.limits.timeout_s or 0
            return Failure(FailureKind.TIMEOUT, f"The container did not end within {limit:g} s.")
        return await self._outcome(call, followed)

    async def _make(self, call: Call) -> None:
        """Make it, with its variables and inputs; raises ToolFailed or Unpassable."""
        variables = {**call.variables, **call.identity, **PLACES}
        path = call.workspace / "variables"
        try:
            several = write_variables(path, variables)
            taken = [f"--env={name}" for name in several]
            given = [f"--env-file={path}", *taken, *self._limits(call)]
            options = [*self._options(), *given, self.image]
            await self.tool.ask("create", *options, environ=several, warn=partial(_warn, call.log))
        finally:
            path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.tool.threads, put_inputs, self.tool, self.name, call)

    def _options(self) -> list[str]:
        """Return the options of all containers: the network of the machine, no log of their own."""
        own = ["--http-proxy=false"] if self.tool.is_podman else []
        return [
            "--pull=never",
            f"--name={self.name}",
            *(f"--label={label}" for label in self.labels),
            "--network=host",
            "--log-driver=none",
            "--no-healthcheck",
            *own,
        ]

    def _limits(self, call: Call) -> list[str]:
        memory = call.limits.memory_bytes
        return [] if memory is None else [f"--memory={memory}b", f"--memory-swap={memory}b"]

    async def _until_end(
        self, call: Call, progress: Progress, log_bytes: int
    ) -> tuple[Followed, bool]:
        """Start it and follow it to its end, its limit or its stop; return whether it was late."""
        process = self.tool.start("start", "--attach", self.name)
        loop = asyncio.get_running_loop()
        following = loop.run_in_executor(self.tool.threads, follow, process, call.log, log_bytes)
        stopping = asyncio.create_task(progress.stop.wait())
        try:
            ends: set[asyncio.Future[Any]] = {following, stopping}
            await asyncio.wait(
                ends,
                timeout=call.limits.timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            is_overdue = not following.done() and not progress.stop.is_set()
            if not following.done():
                await self._stop(call.limits.grace_s)
                await asyncio.wait({following}, timeout=_STOP_PATIENCE_S)
        finally:
            stopping.cancel()
            kill_group(process)
        return await following, is_overdue

    async def _stop(self, grace_s: float) -> None:
        """Ask it to end, then kill all that is in it."""
        try:
            await self.tool.ask(
                "stop",
                f"--time={math.ceil(grace_s)}",
                self.name,
                timeout_s=grace_s + _STOP_PATIENCE_S,
            )
        except ToolFailed as error:
            logger.warning("the container %s does not stop: %s", self.name, error)
            await self.remove()

    async def _note_pid(self, metered: Metered) -> None:
        """Find out its first process, so that what it uses is measured."""
        for _ in range(_LOOKS_FOR_PID):
            await asyncio.sleep(_LOOK_S)
            try:
                text = await self.tool.ask("inspect", "--format", "{{.State.Pid}}", self.name)
            except ToolFailed:
                return
            if text.strip().isdigit() and int(text) > 0:
                metered.pid = int(text)
                return

    async def _outcome(self, call: Call, followed: Followed) -> Outcome:
        try:
            out = await self.tool.ask(
                "inspect", "--format", "{{json .State}} {{json .Config.WorkingDir}}", self.name
            )
            state, end = json.JSONDecoder().raw_decode(out)
            folder = json.loads(out[end:])
        except (ToolFailed, ValueError) as error:
            message = f"The container was lost while it ran: {error}"
            return Failure(FailureKind.WORKER_LOST, message)
        failure = _failure(state, followed.last_error, call.limits.memory_bytes)
        if failure is not None:
            return failure
        loop = asyncio.get_running_loop()
        most = call.limits.output_bytes
        try:
            values, files = await loop.run_in_executor(
                self.tool.threads, read_outputs, self.tool, self.name, call, folder, most
            )
        except BadOutput as error:
            return Failure(FailureKind.BAD_OUTPUT, str(error))
        except (OSError, ToolFailed) as error:
            why = str(error).rstrip(".")
            message = f"The server could not keep what the container left: {why}."
            return Failure(FailureKind.WORKER_LOST, message)
        return Returned(values, files)


def _warn(log: Path, line: str) -> None:
    """Tell whoever reads a log that a limit does not hold; what else is warned of has no effect."""
    if "limit" in line.lower():
        with log.open("ab") as file:
            file.write(format_line(now_us(), "h", f"{NOTE_OF_LIMITS}{line.strip()}"))


def _failure(state: dict[str, Any], said: str, memory_bytes: int | None) -> Failure | None:
    """Return why a container that has ended did not succeed, or None."""
    if str(state.get("StartedAt", _NEVER)).startswith(_NEVER):
        message = f"The container cannot be started: {said or state.get('Error')}"
        return Failure(FailureKind.ENVIRONMENT, message)
    status = int(state.get("ExitCode", 0))
    is_killed = bool(state.get("OOMKilled")) or status == _KILLED
    if is_killed and memory_bytes is not None:
        message = (
            "The container was killed, most likely because it used more memory than its limit of "
            f"{memory_bytes / 2**20:,.0f} MiB."
        )
        return Failure(FailureKind.OUT_OF_MEMORY, message)
    if status == _KILLED:
        message = (
            "The container was killed (SIGKILL); on Linux this often means that the machine ran "
            "out of memory."
        )
        return Failure(FailureKind.EXITED, message)
    if status != 0:
        why = f": {said}" if said else "."
        return Failure(FailureKind.EXITED, f"The container ended with exit status {status}{why}")
    return None
