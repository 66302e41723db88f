"""The loop that builds pipelines in the background."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path

from headrace.bundles.store import BundleStore
from headrace.control.pipelines import Pipelines
from headrace.control.variables import Variables
from headrace.core.calls import Code
from headrace.core.environments import Environment
from headrace.core.errors import HeadraceError, Unavailable
from headrace.core.pipelines import Pipeline
from headrace.engines.port import Engine
from headrace.environments.port import Builder
from headrace.logs.files import LogFiles, append_line
from headrace.runtime.preparation import environment_spec
from headrace.signals.port import BUILDS, Signals

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 10.0


class Builds:
    """Builds each pending pipeline once, several at a time.

    Args:
        at_once: How many builds run at the same time.
    """

    def __init__(
        self,
        pipelines: Pipelines,
        variables: Variables,
        bundles: BundleStore,
        builder: Builder,
        engine: Engine,
        logs: LogFiles,
        signals: Signals,
        *,
        at_once: int = 2,
    ) -> None:
        self._pipelines = pipelines
        self._variables = variables
        self._bundles = bundles
        self._builder = builder
        self._engine = engine
        self._logs = logs
        self._signals = signals
        self._slots = asyncio.Semaphore(at_once)
        self._building: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Take up the builds that an earlier server did not end, and new ones."""
        self._loop = asyncio.create_task(self._watch(), name="builds")

    async def close(self) -> None:
        """Stop building; what was not ended is taken up at the next start."""
        tasks = [*self._building.values(), *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self) -> None:
        with self._signals.listen(BUILDS) as signal:
            while True:
                try:
                    for pipeline in await self._pipelines.pending():
                        if pipeline.id not in self._building:
                            task = asyncio.create_task(self._build(pipeline), name=pipeline.id)
                            self._building[pipeline.id] = task
                except Unavailable as error:
                    logger.error("pending pipelines cannot be read: %s", error.message)  # noqa: TRY400
                await signal.wait(LOOK_AGAIN_S)

    async def _build(self, pipeline: Pipeline) -> None:
        log = self._logs.of_build(pipeline.id)
        try:
            async with self._slots:
                await self._build_now(pipeline)
        except HeadraceError as error:
            append_line(log, error.message)
            await self._pipelines.end_build(pipeline, environment=None, failure=error.message)
        except Exception:
            logger.exception("pipeline %s could not be built", pipeline.name)
            message = "The server failed while it built this pipeline: see the server's log."
            append_line(log, message)
            await self._pipelines.end_build(pipeline, environment=None, failure=message)
        finally:
            self._building.pop(pipeline.id, None)

    async def _build_now(self, pipeline: Pipeline) -> None:
        log = self._logs.of_build(pipeline.id)
        begin = time.monotonic()

        def say(line: str) -> None:
            append_line(log, line)

        bundle = self._bundles.find(pipeline.bundle)
        if bundle is None:
            raise Unavailable("The pipeline's folder is missing from the data directory.")
        variables = await self._variables.current()
        spec, secrets = await asyncio.to_thread(
            environment_spec, pipeline, bundle.folder, variables
        )
        say(f"Building pipeline {pipeline.name} for Python {spec.python}.")
        environment = await self._builder.ready(
            spec, folder=bundle.folder, say=say, secrets=secrets
        )
        say(f"Pipeline {pipeline.name} is ready after {time.monotonic() - begin:.1f} s.")
        if await self._pipelines.end_build(pipeline, environment=environment.digest, failure=None):
            await self._engine.warm(_code(pipeline, environment, bundle.folder), variables)


def _code(pipeline: Pipeline, environment: Environment, folder: Path) -> Code:
    return Code(
        python=environment.python,
        environment=environment.digest,
        folder=folder,
        bundle=pipeline.bundle,
        function_path=pipeline.function_path,
        function_name=pipeline.function_name,
    )
