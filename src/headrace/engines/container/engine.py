"""The engine of images: each call in a container of its own, which is gone after it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from headrace.core.calls import Call, Code
from headrace.core.names import new_id
from headrace.core.outcomes import Failure, FailureKind, Outcome
from headrace.engines.container.containers import Container, Progress
from headrace.engines.container.images import LABEL, image_name
from headrace.engines.container.leftovers import RUN_LABEL, Guard
from headrace.engines.container.tool import Tool, ToolFailed, ToolFinder
from headrace.engines.local.metering import Meter
from headrace.engines.port import NeverBegan, Say

_CLOSED = Failure(FailureKind.WORKER_LOST, "The engine was closed before the call had ended.")


@dataclass(frozen=True, slots=True)
class ContainerEngineSettings:
    """The settings of an engine of images.

    Attributes:
        data_id: Marks what is of one data directory.
        log_bytes: What the log of one call may hold.
    """

    data_id: str
    log_bytes: int = 256 << 20


class ContainerEngine:
    """Runs calls of images (:class:`headrace.engines.port.Engine`).

    A call's time limit covers the time from the start of its container to its end.
    """

    def __init__(
        self, settings: ContainerEngineSettings, finder: ToolFinder, meter: Meter | None = None
    ) -> None:
        self._settings = settings
        self._finder = finder
        self._meter = meter or Meter()
        self._run_id = new_id()
        self._guard = Guard(f"{RUN_LABEL}={self._run_id}")
        self._running: dict[asyncio.Task[Outcome], Progress] = {}
        self._is_closed = False

    async def run(self, call: Call) -> Outcome:
        """Run one call to its end and return what became of it; see the port."""
        if self._is_closed:
            return _CLOSED
        progress = Progress()
        task = asyncio.create_task(self._carry_out(call, progress))
        self._running[task] = progress
        task.add_done_callback(self._forget)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            progress.stop.set()
            await _end_of(task)
            if progress.has_begun:
                raise
            raise NeverBegan from None

    def is_warm(self, code: Code, variables: Mapping[str, str]) -> bool:
        """Return False: nothing is kept between calls."""
        del code, variables
        return False

    async def warm(
        self, code: Code, variables: Mapping[str, str], say: Say | None = None
    ) -> Failure | None:
        """Check that a container of this image can be started, without starting it; see the port.

        Podman sets up all that a container needs and finds its command; docker has no such step.
        """
        del variables, say  # No code runs that could read the ones or say something.
        if self._is_closed:
            return _CLOSED
        try:
            container = self._container(await self._ready(), code, f"check-{new_id()}")
            try:
                await container.check()
            finally:
                await asyncio.shield(container.remove())
        except ToolFailed as error:
            return Failure(FailureKind.ENVIRONMENT, f"A container cannot be started: {error}")
        return None

    async def close(self) -> None:
        """Stop all calls and remove their containers; return when nothing is left."""
        self._is_closed = True
        running = dict(self._running)
        for progress in running.values():
            progress.stop.set()
        if running:
            await asyncio.wait(running)
        await asyncio.to_thread(self._guard.end)
        self._finder.close()

    def _forget(self, task: asyncio.Task[Outcome]) -> None:
        del self._running[task]

    async def _carry_out(self, call: Call, progress: Progress) -> Outcome:
        missing = [why for why in call.absent.values() if why is not None]
        if missing:
            return Failure(FailureKind.BAD_INPUT, " ".join(missing))
        call.workspace.mkdir(parents=True, exist_ok=True)
        call.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            tool = await self._ready()
        except ToolFailed as error:
            return Failure(FailureKind.ENVIRONMENT, f"The container cannot be started: {error}")
        container = self._container(tool, call.code, f"{call.execution_id}-{call.attempt}")
        try:
            return await container.run(call, progress, self._meter, self._settings.log_bytes)
        finally:
            await container.remove()

    async def _ready(self) -> Tool:
        tool = await self._finder.find()
        self._guard.begin(tool)
        return tool

    def _container(self, tool: Tool, code: Code, suffix: str) -> Container:
        data_id = self._settings.data_id
        return Container(
            tool,
            name=f"headrace-{data_id}-{suffix}",
            image=image_name(data_id, code.environment),
            labels=(f"{LABEL}={data_id}", f"{RUN_LABEL}={self._run_id}"),
        )


async def _end_of(task: asyncio.Task[Outcome]) -> None:
    """Wait until a call has ended, however often that is cancelled: it is being stopped."""
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            continue
