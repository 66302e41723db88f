"""The loop that builds pipelines in the background."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from headrace.bundles.port import Bundles
from headrace.control.intake import Intake
from headrace.control.variables import Variables
from headrace.control.versions import Versions
from headrace.core.calls import Code
from headrace.core.environments import python_version
from headrace.core.errors import HeadraceError, InvalidCode, Unavailable
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pipelines import WARNING, Pipeline
from headrace.engines.port import Engine
from headrace.environments.port import Say
from headrace.environments.redaction import Redaction
from headrace.keeping.first_import import import_problem, is_final, still_importing
from headrace.logs.files import LogFiles, append_line
from headrace.running.code import CodeFinder, code_of
from headrace.signals.loop import Loop
from headrace.signals.port import BUILDS, Signals

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 10.0

IMPORT_WAIT_S = 60.0
"""How long a build waits for the import of the code. A longer one goes on in the background."""


class Builds(Loop):
    """Builds each pending pipeline once, several at a time.

    Args:
        at_once: How many builds run at the same time.
        import_wait_s: How long a build waits for the import of the code, in seconds.
    """

    def __init__(
        self,
        versions: Versions,
        variables: Variables,
        bundles: Bundles,
        codes: CodeFinder,
        engine: Engine,
        logs: LogFiles,
        signals: Signals,
        intake: Intake,
        *,
        at_once: int = 2,
        import_wait_s: float = IMPORT_WAIT_S,
    ) -> None:
        self._versions = versions
        self._variables = variables
        self._bundles = bundles
        self._codes = codes
        self._engine = engine
        self._logs = logs
        self._intake = intake
        self._slots = asyncio.Semaphore(at_once)
        self._import_wait_s = import_wait_s
        self._building: dict[str, asyncio.Task[None]] = {}
        self._importing: set[asyncio.Task[Failure | None]] = set()
        self._listening = contextlib.ExitStack()
        signal = self._listening.enter_context(signals.listen(BUILDS))
        super().__init__(
            "builds", self._look, complaint="pending pipelines are not built", wait=signal.wait
        )

    async def close(self) -> None:
        """Stop building; what was not ended is taken up at the next start."""
        await super().close()
        self._listening.close()
        tasks: list[asyncio.Task[Any]] = [*self._building.values(), *self._importing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being built; nobody waits for an import that outlives its build."""
        return not self._building

    @property
    def is_importing(self) -> bool:
        """Whether code is being imported now, for builds that have ended as well."""
        return bool(self._importing)

    async def _look(self) -> float:
        for pipeline in await self._versions.pending():
            if not self._intake.is_open:
                break
            if pipeline.version.id not in self._building:
                task = asyncio.create_task(self._build(pipeline), name=pipeline.version.id)
                self._building[pipeline.version.id] = task
        return LOOK_AGAIN_S

    async def _build(self, pipeline: Pipeline) -> None:
        """Build a pipeline to its recorded end.

        It stays pending, and is built again at the next look, if the database does not answer or
        the server stops.
        """
        try:
            async with self._slots:
                await self._build_now(pipeline)
        except Unavailable as error:
            logger.error("pipeline %s is built again later: %s", pipeline.name, error.message)
        except HeadraceError as error:
            await self._fail(pipeline, error.message)
        except Exception:
            logger.exception("pipeline %s could not be built", pipeline.name)
            await self._fail(
                pipeline, "The server failed while it built this pipeline: see the server's log."
            )
        finally:
            self._building.pop(pipeline.version.id, None)

    async def _fail(self, pipeline: Pipeline, message: str) -> None:
        self._say(pipeline, message)
        try:
            await self._versions.end_build(pipeline, environment=None, failure=message)
        except Exception as error:  # noqa: BLE001 - it is built again at the next look
            logger.error("pipeline %s: its failure is not recorded: %s", pipeline.name, error)

    def _say(self, pipeline: Pipeline, line: str) -> None:
        """Add a line to the log of a build; a full disk is no reason to fail."""
        try:
            append_line(self._logs.of_build(pipeline.build_id), line)
        except OSError as error:
            logger.error("pipeline %s: %r is not in its log: %s", pipeline.name, line, error)

    async def _build_now(self, pipeline: Pipeline) -> None:
        say = partial(self._say, pipeline)
        begin = time.monotonic()
        bundle = await self._bundles.sound(pipeline.version.bundle)
        if bundle is None:
            raise InvalidCode(
                "The pipeline's folder is missing from the data directory: create it again."
            )
        variables = await self._variables.current()
        say(f"Building pipeline {pipeline.name} {_base(pipeline)}.")
        environment, secrets = await self._codes.build(pipeline, bundle.folder, variables, say)
        code = code_of(pipeline, environment)
        redact = Redaction(secrets)
        failure = await self._import(code, variables, lambda line: say(redact(line)))
        if failure is not None and failure.kind is FailureKind.WORKER_LOST:
            return  # The engine was closed, because the server stops: at the next start.
        if failure is not None:
            problem = redact(import_problem(code, failure))
            if is_final(failure):
                raise InvalidCode(problem)
            say(f"{WARNING}{problem}")
        say(f"Pipeline {pipeline.name} is ready after {time.monotonic() - begin:.1f} s.")
        ended = await self._versions.end_build(pipeline, environment=environment, failure=None)
        if ended.held_back is not None:
            say(f"{WARNING}It does not become the current version: {ended.held_back}")

    async def _import(self, code: Code, variables: Mapping[str, str], say: Say) -> Failure | None:
        """Import the code where calls will be made; return what is wrong, None for nothing.

        An import that takes long goes on, and the first call finds it done.
        """
        said: list[str] = []
        task = asyncio.create_task(self._engine.warm(code, variables, said.append))
        self._importing.add(task)
        task.add_done_callback(self._importing.discard)
        done, _ = await asyncio.wait({task}, timeout=self._import_wait_s)
        if not done:
            return still_importing(code, self._import_wait_s)
        failure = task.result()
        for line in said if failure is not None else ():
            say(line)
        return failure


def _base(pipeline: Pipeline) -> str:
    """Return what a pipeline is built on, for its log."""
    config = pipeline.version.config
    if config.dockerfile_path is not None:
        return f"from {config.dockerfile_path}"
    return f"for Python {python_version(config.language or '')}"
