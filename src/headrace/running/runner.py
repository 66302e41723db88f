"""One execution from its record to its end: a straight line."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from headrace.control.attempts import Attempts
from headrace.control.execution_tokens import ExecutionTokens
from headrace.control.variables import Variables
from headrace.core.absence import Absent
from headrace.core.calls import Call, Code, InputFile, Limits
from headrace.core.claims import Claim
from headrace.core.credentials import Addresses
from headrace.core.errors import HeadraceError, InvalidValue
from headrace.core.executions import Execution, OutputRecord
from headrace.core.outcomes import Failure, FailureKind, Outcome
from headrace.core.values import FileStore, FileValue, Json, Value
from headrace.engines.port import Engine
from headrace.logs.files import LogFiles, append_line
from headrace.objects.port import ObjectStore
from headrace.running.bindings import look_up, resolve
from headrace.running.code import CodeFinder
from headrace.running.delivery import deliver
from headrace.running.recording import LOST, Recording

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs attempts that were claimed by this process."""

    engine: Engine
    codes: CodeFinder
    attempts: Attempts
    variables: Variables
    tokens: ExecutionTokens
    artifacts: ObjectStore
    data_store: ObjectStore
    logs: LogFiles
    workspaces: Path
    addresses: Addresses
    limits: Limits

    @property
    def recording(self) -> Recording:
        """Where the ends of attempts are recorded."""
        return Recording(self.attempts, self.logs)

    async def run(
        self, claim: Claim, on_begin: Callable[[], None], engine: Engine | None = None
    ) -> None:
        """Run an attempt at an execution to its recorded end.

        If the task is cancelled, the call is stopped, nothing is recorded, and the caller says
        how it ended (:attr:`recording`).

        Args:
            claim: What runs.
            on_begin: Called when the code is about to begin.
            engine: What runs it; None for a process of its own.
        """
        # Of the attempt alone: the next one may begin while this one's is being removed.
        suffix = "" if claim.attempt == 1 else f".{claim.attempt}"
        workspace = self.workspaces / f"{claim.execution.id}{suffix}"
        try:
            result = await self._attempt(claim, workspace, on_begin, engine or self.engine)
            if isinstance(result, Failure):
                await self.recording.end(claim, None, result)
            else:
                await self.recording.end(claim, result, None)
        finally:
            # After the record, so that nobody waits for it.
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, workspace, ignore_errors=True))

    async def _attempt(
        self, claim: Claim, workspace: Path, on_begin: Callable[[], None], engine: Engine
    ) -> tuple[OutputRecord, ...] | Failure:
        try:
            return await self._carry_out(claim, workspace, on_begin, engine)
        except HeadraceError as error:
            return _failure_of(error)
        except Exception:
            logger.exception("execution %s could not be carried out", claim.execution.id)
            return LOST

    async def _carry_out(
        self, claim: Claim, workspace: Path, on_begin: Callable[[], None], engine: Engine
    ) -> tuple[OutputRecord, ...] | Failure:
        execution, pipeline = claim.execution, claim.pipeline

        def say(line: str) -> None:
            append_line(self.logs.of_execution(execution.id), line)

        variables = await self.variables.current()
        find = partial(self.codes.find, pipeline, variables, say, attachments=execution.attachments)
        code = await find()
        if not engine.is_warm(code, variables):
            code = await find(is_checked=True)
        bindings = await look_up(execution.inputs, variables, self.data_store)
        parameters = {parameter.name: parameter for parameter in pipeline.inputs}
        inputs = resolve(execution.inputs, parameters, bindings)
        on_begin()
        outcome = await self._call(execution, code, inputs, variables, workspace, engine)
        if isinstance(outcome, Failure):
            return outcome
        is_current = partial(self.attempts.is_current, claim)
        return await deliver(execution, outcome, self.artifacts, self.data_store, is_current)

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
                    SDK_TOKEN=self.tokens.token_of(execution.id), EXECUTION_ID=execution.id
                ),
                workspace=workspace,
                log=self.logs.of_execution(execution.id),
                limits=self.limits.within(execution.timeout_s),
            )
        )

    async def _local(self, file: FileValue, workspace: Path, name: str) -> Path:
        """Return the path of a file on this machine, fetching it if need be."""
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
