"""One execution from its record to its end: a straight line."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from headrace.bundles.store import BundleStore
from headrace.control.executions import Executions
from headrace.control.pipelines import Pipelines
from headrace.control.tokens import Tokens
from headrace.control.variables import Variables
from headrace.core.absence import Absent
from headrace.core.calls import Call, Code, InputFile, Limits
from headrace.core.credentials import Addresses
from headrace.core.environments import Environment
from headrace.core.errors import HeadraceError, InvalidValue, Unavailable
from headrace.core.executions import Execution, OutputRecord
from headrace.core.outcomes import Failure, FailureKind, Outcome
from headrace.core.pipelines import Pipeline
from headrace.core.values import FileStore, FileValue, Json, Value
from headrace.engines.port import Engine
from headrace.environments.port import Builder
from headrace.logs.files import LogFiles, append_line
from headrace.objects.port import ObjectStore
from headrace.running.bindings import look_up, resolve
from headrace.running.delivery import deliver
from headrace.running.preparation import code_of, environment_spec
from headrace.running.recording import LOST, Recording

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs executions that were recorded as running under this worker.

    Attributes:
        workspaces: Folder for the calls' private folders.
        limits: What each call may use.
    """

    engine: Engine
    builder: Builder
    bundles: BundleStore
    executions: Executions
    pipelines: Pipelines
    variables: Variables
    tokens: Tokens
    artifacts: ObjectStore
    data_store: ObjectStore
    logs: LogFiles
    workspaces: Path
    addresses: Addresses
    limits: Limits

    async def run(
        self,
        execution: Execution,
        pipeline: Pipeline,
        on_begin: Callable[[], None],
        engine: Engine | None = None,
    ) -> None:
        """Run an attempt at an execution to its recorded end.

        If the task is cancelled, the call is stopped, nothing is recorded, and the caller says
        how it ended (:attr:`recording`).

        Args:
            execution: What runs; recorded as running under this worker.
            pipeline: Its pipeline.
            on_begin: Called when the code is about to begin.
            engine: What runs it; None for a process of its own.
        """
        # Of the attempt alone: the next one may begin while this one's is being removed.
        suffix = "" if execution.attempt == 1 else f".{execution.attempt}"
        workspace = self.workspaces / f"{execution.id}{suffix}"
        try:
            result = await self._attempt(
                execution, pipeline, workspace, on_begin, engine or self.engine
            )
            if isinstance(result, Failure):
                await self.recording.end(execution, None, result)
            else:
                await self.recording.end(execution, result, None)
        finally:
            # After the record, so that nobody waits for it.
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, workspace, ignore_errors=True))

    async def _attempt(
        self,
        execution: Execution,
        pipeline: Pipeline,
        workspace: Path,
        on_begin: Callable[[], None],
        engine: Engine,
    ) -> tuple[OutputRecord, ...] | Failure:
        try:
            return await self._carry_out(execution, pipeline, workspace, on_begin, engine)
        except HeadraceError as error:
            return _failure_of(error)
        except Exception:
            logger.exception("execution %s could not be carried out", execution.id)
            return LOST

    @property
    def recording(self) -> Recording:
        """Where the ends of attempts are recorded."""
        return Recording(self.executions, self.logs)

    async def _carry_out(
        self,
        execution: Execution,
        pipeline: Pipeline,
        workspace: Path,
        on_begin: Callable[[], None],
        engine: Engine,
    ) -> tuple[OutputRecord, ...] | Failure:
        variables = await self.variables.current()
        code = await self.code_of(pipeline, variables, execution.id)
        if not engine.is_warm(code, variables):
            code = await self.code_of(pipeline, variables, execution.id, is_checked=True)
        bindings = await look_up(execution.inputs, variables, self.data_store)
        parameters = {parameter.name: parameter for parameter in pipeline.inputs}
        inputs = resolve(execution.inputs, parameters, bindings)
        on_begin()
        outcome = await self._call(execution, code, inputs, variables, workspace, engine)
        if isinstance(outcome, Failure):
            return outcome
        return await deliver(
            execution,
            outcome,
            self.artifacts,
            self.data_store,
            partial(self.executions.is_current, execution),
        )

    async def code_of(
        self,
        pipeline: Pipeline,
        variables: Mapping[str, str],
        execution_id: str | None = None,
        *,
        is_checked: bool = False,
    ) -> Code:
        """Return the code of a ready pipeline, its environment being ready on this machine.

        Args:
            pipeline: The pipeline.
            variables: The environment's variables.
            execution_id: Whose log tells of an environment that is built again.
            is_checked: Whether to look if all files are those that were sent and installed, and to
                make them again if not: before a process imports them.

        Raises:
            Unavailable: The pipeline's folder is gone from the data directory.
            InvalidEnvironment: The environment is gone and cannot be built again.
        """
        if is_checked:
            bundle = await asyncio.to_thread(self.bundles.sound, pipeline.version.bundle)
        else:
            bundle = self.bundles.find(pipeline.version.bundle)
        if bundle is None:
            raise Unavailable(
                f"The folder of pipeline {pipeline.name!r} is missing from the data directory: "
                "delete the pipeline and create it again."
            )
        digest = pipeline.version.environment or ""
        if is_checked:
            environment = await self.builder.sound(digest)
        else:
            environment = self.builder.find(digest)
        if environment is None:
            environment = await self._rebuild(pipeline, bundle.folder, variables, execution_id)
        return code_of(pipeline, environment, bundle.folder)

    async def _rebuild(
        self,
        pipeline: Pipeline,
        folder: Path,
        variables: Mapping[str, str],
        execution_id: str | None,
    ) -> Environment:
        """Build an environment that was collected, or whose interpreter has gone."""
        log = self.logs.of_execution(execution_id) if execution_id else None

        def say(line: str) -> None:
            if log is not None:
                append_line(log, line)

        say(
            "The environment of this pipeline is not on this machine any more, or was changed: "
            "building it again."
        )
        spec, secrets = await asyncio.to_thread(environment_spec, pipeline, folder, variables)
        environment = await self.builder.ready(spec, folder=folder, say=say, secrets=secrets)
        if environment.digest != pipeline.version.environment:
            await self.pipelines.move_environment(pipeline, environment.digest)
        return environment

    async def _call(
        self,
        execution: Execution,
        code: Code,
        inputs: Mapping[str, Value],
        variables: Mapping[str, str],
        workspace: Path,
        engine: Engine,
    ) -> Outcome:
        values: dict[str, Json] = {}
        files: dict[str, InputFile] = {}
        absent: dict[str, str | None] = {}
        for name, value in inputs.items():
            if isinstance(value, Absent):
                absent[name] = value.why
            elif isinstance(value, FileValue):
                files[name] = InputFile(await self._local(value, workspace, name), value.filename)
            else:
                values[name] = value
        return await engine.run(
            Call(
                execution_id=execution.id,
                attempt=execution.attempt,
                code=code,
                values=values,
                files=files,
                absent=absent,
                outputs={record.name: record.data_type for record in execution.outputs},
                variables=variables,
                identity=self.addresses.variables(
                    SDK_TOKEN=self.tokens.for_execution(execution.id), EXECUTION_ID=execution.id
                ),
                workspace=workspace,
                log=self.logs.of_execution(execution.id),
                limits=replace(self.limits, timeout_s=self.timeout_of(execution.timeout_s)),
            )
        )

    def timeout_of(self, own_s: float | None) -> float | None:
        """Return the server's limit of time, or a deployment's own where it is tighter."""
        server_s = self.limits.timeout_s
        return server_s if own_s is None or (server_s is not None and server_s < own_s) else own_s

    async def _local(self, file: FileValue, workspace: Path, name: str) -> Path:
        """Return where the bytes of a file are on this machine, fetching them if need be."""
        store = self.data_store if file.store is FileStore.DATA_STORE else self.artifacts
        here = await store.local_path(file.path)
        if here is not None and file.store is FileStore.ARTIFACTS:
            return here
        # A copy, because the data store's file may be replaced while the execution runs.
        fetched = workspace / "fetched" / name
        fetched.parent.mkdir(parents=True, exist_ok=True)
        await store.fetch(file.path, fetched)
        return fetched


def _failure_of(error: HeadraceError) -> Failure:
    kind = FailureKind.BAD_INPUT if isinstance(error, InvalidValue) else FailureKind.ENVIRONMENT
    return Failure(kind, error.message)
