"""Executions: accept, finish, cancel, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from headrace.control.admission import Admission
from headrace.control.clock import now
from headrace.core.destinations import OutputDestination
from headrace.core.errors import Conflict, InvalidValue, NotFound
from headrace.core.executions import Execution, InputRecord, OutputRecord, Status
from headrace.core.mappings import MappedInput, MappedOutput, map_inputs, map_outputs, resolve_given
from headrace.core.names import new_id
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pipelines import Pipeline, PipelineStatus
from headrace.core.sources import InputSource, Rule
from headrace.core.tokens import User
from headrace.core.values import FileValue, Json, Value, check_total_size
from headrace.logs.files import LogFiles
from headrace.objects.port import ObjectStore
from headrace.signals.port import Signals, execution_topic
from headrace.store import executions as rows
from headrace.store import pipelines as pipeline_rows
from headrace.store.database import Database

CANCELLED = Failure(FailureKind.CANCELLED, "The execution was cancelled.")


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that came with a request.

    Attributes:
        path: Where its bytes are now; may be moved away.
        filename: Base name that the caller gave it.
        size: Bytes.
    """

    path: Path
    filename: str
    size: int


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a caller gives to start an execution.

    Attributes:
        values: Values by the name that the caller knows them by.
        files: Files, in the same way.
        inputs_mapping: Sources of inputs, by input name.
        outputs_mapping: Destinations of outputs, by output name.
    """

    values: Mapping[str, Json]
    files: Mapping[str, UploadedFile]
    inputs_mapping: Sequence[tuple[str, InputSource]] = ()
    outputs_mapping: Sequence[tuple[str, OutputDestination]] = ()


class Executions:
    """The verbs of executions. ``admission`` is set once, by the assembly."""

    admission: Admission

    def __init__(
        self, database: Database, signals: Signals, artifacts: ObjectStore, logs: LogFiles
    ) -> None:
        self._database = database
        self._signals = signals
        self._artifacts = artifacts
        self._logs = logs

    async def run(self, pipeline_name: str, request: RunRequest, user: User) -> Execution:
        """Accept a run of a pipeline: when this returns, it is on disk and will end.

        Raises:
            NotFound: There is no such pipeline.
            Conflict: The pipeline is not ready.
            InvalidMapping, InvalidValue, TooLarge: The request cannot be carried out; nothing
                was recorded.
        """
        pipeline = await self._ready_pipeline(pipeline_name)
        inputs = map_inputs(Rule.RUN, pipeline.inputs, request.inputs_mapping)
        outputs = map_outputs(Rule.RUN, pipeline.outputs, request.outputs_mapping)
        return await self._submit(pipeline, inputs, outputs, request, user)

    async def finish(
        self,
        execution_id: str,
        *,
        outputs: Sequence[OutputRecord] | None,
        failure: Failure | None,
    ) -> bool:
        """Record how an execution of this worker ended; False if it is no longer its to end."""
        recorded = await self._database.write(
            rows.finish,
            execution_id,
            self.admission.worker_id,
            outputs=outputs,
            failure=failure,
            at=now(),
        )
        self._signals.notify(execution_topic(execution_id))
        return recorded

    async def cancel(self, execution_id: str) -> Execution:
        """Cancel an execution and return it once it has ended.

        Raises:
            NotFound: There is no such execution.
            Conflict: It had ended already.
        """
        execution = await self.get(execution_id)
        if execution.status.is_terminal:
            raise Conflict(
                f"Execution {execution_id} has ended already ({execution.status.value}), so it "
                "cannot be cancelled."
            )
        return await self._stop(execution_id)

    async def delete(self, execution_id: str) -> None:
        """Delete an execution with its log and files; one that has not ended is cancelled first.

        Raises:
            NotFound: There is no such execution.
        """
        execution = await self.get(execution_id)
        if not execution.status.is_terminal:
            await self._stop(execution_id)
        await self._database.write(rows.remove_execution, execution_id)
        await self.remove_traces(execution_id)

    async def stop_all_of(self, pipeline: Pipeline) -> None:
        """Cancel what a pipeline has pending and running, and wait until all has ended."""
        ids = await self._database.read(rows.unfinished_ids, pipeline.id)
        await asyncio.gather(*(self._stop(execution_id) for execution_id in ids))

    async def remove_traces(self, execution_id: str) -> None:
        """Delete the log and the files of an execution whose row is gone."""
        self._logs.remove(self._logs.of_execution(execution_id))
        await self._artifacts.delete_tree(artifact_folder(execution_id))

    async def get(self, execution_id: str) -> Execution:
        """Return an execution.

        Raises:
            NotFound: There is no such execution.
        """
        execution = await self._database.read(rows.execution_by_id, execution_id)
        if execution is None:
            raise NotFound(f"There is no execution {execution_id!r}.")
        return execution

    async def wait(self, execution_id: str, timeout_s: float) -> Execution:
        """Return an execution as soon as it has ended, or as it is after ``timeout_s``.

        Raises:
            NotFound: There is no such execution (any more).
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        with self._signals.listen(execution_topic(execution_id)) as signal:
            while True:
                execution = await self.get(execution_id)
                left = deadline - asyncio.get_running_loop().time()
                if execution.status.is_terminal or left <= 0:
                    return execution
                # A signal may be lost, so the row is looked at now and then all the same.
                await signal.wait(min(left, 5.0))

    async def _ready_pipeline(self, name: str) -> Pipeline:
        pipeline = await self._database.read(pipeline_rows.pipeline_by_name, name)
        if pipeline is None:
            raise NotFound(f"There is no pipeline {name!r}.")
        if pipeline.status is PipelineStatus.PENDING:
            raise Conflict(f"Pipeline {name!r} is still being built: wait until it is ready.")
        if pipeline.status is PipelineStatus.FAILED:
            raise Conflict(
                f"Pipeline {name!r} could not be built ({pipeline.failure}): create it again."
            )
        return pipeline

    async def _submit(
        self,
        pipeline: Pipeline,
        inputs: Sequence[MappedInput],
        outputs: Sequence[MappedOutput],
        request: RunRequest,
        user: User,
    ) -> Execution:
        check_total_size(dict(request.values))
        execution_id = new_id()
        both = request.values.keys() & request.files.keys()
        if both:
            raise InvalidValue(f"Input {min(both)!r} was given as a value and as a file.")
        files: dict[str, Value] = {
            name: FileValue(input_path(execution_id, name), file.filename, file.size)
            for name, file in request.files.items()
        }
        values = resolve_given(inputs, {**request.values, **files})
        for name, file in request.files.items():
            await self._artifacts.put_file(input_path(execution_id, name), file.path, consume=True)
        execution = _new_execution(execution_id, pipeline, inputs, outputs, values, user)
        return await self._record(execution, pipeline)

    async def _record(self, execution: Execution, pipeline: Pipeline) -> Execution:
        eager = self.admission.reserve()
        if eager:
            execution = _started(execution)
        worker_id = self.admission.worker_id if eager else None
        try:
            # Shielded, because a caller who hangs up does not undo what may be on disk already.
            await asyncio.shield(
                asyncio.ensure_future(self._record_and_start(execution, pipeline, worker_id))
            )
        except Exception:
            await self._artifacts.delete_tree(artifact_folder(execution.id))
            raise
        return execution

    async def _record_and_start(
        self, execution: Execution, pipeline: Pipeline, worker_id: str | None
    ) -> None:
        if worker_id is None:
            try:
                await self._database.write(_add, execution, None)
            finally:
                self.admission.queued()
            return
        try:
            await self._database.write(_add, execution, worker_id)
        except BaseException:
            self.admission.give_back()
            raise
        self.admission.start(execution, pipeline)

    async def _stop(self, execution_id: str) -> Execution:
        if await self._database.write(rows.end_pending, execution_id, CANCELLED, now()):
            self._signals.notify(execution_topic(execution_id))
            return await self.get(execution_id)
        while True:
            self.admission.stop(execution_id, CANCELLED)
            execution = await self.wait(execution_id, 1.0)
            if execution.status.is_terminal:
                return execution


def artifact_folder(execution_id: str) -> str:
    """Return the folder of an execution's files in the artefact store."""
    return f"executions/{execution_id[-2:]}/{execution_id}"


def input_path(execution_id: str, name: str) -> str:
    """Return where the file of an input is kept."""
    return f"{artifact_folder(execution_id)}/inputs/{name}"


def output_path(execution_id: str, name: str) -> str:
    """Return where the file of an output is kept."""
    return f"{artifact_folder(execution_id)}/outputs/{name}"


def _add(connection: Connection, execution: Execution, worker_id: str | None) -> None:
    try:
        rows.add_execution(connection, execution, worker_id)
    except IntegrityError:
        # The pipeline was deleted after it was read.
        raise NotFound(f"There is no pipeline {execution.pipeline_name!r}.") from None


def _started(execution: Execution) -> Execution:
    return replace(execution, status=Status.RUNNING, started_at=execution.created_at)


def _new_execution(
    execution_id: str,
    pipeline: Pipeline,
    inputs: Sequence[MappedInput],
    outputs: Sequence[MappedOutput],
    values: Mapping[str, Value],
    user: User,
) -> Execution:
    return Execution(
        id=execution_id,
        pipeline_id=pipeline.id,
        pipeline_name=pipeline.name,
        deployment_name=None,
        status=Status.PENDING,
        created_at=now(),
        created_by=user.id,
        inputs=tuple(
            InputRecord(
                item.parameter.name,
                item.parameter.data_type,
                item.source,
                values.get(item.parameter.name),
            )
            for item in inputs
        ),
        outputs=tuple(
            OutputRecord(item.parameter.name, item.parameter.data_type, item.destination, None)
            for item in outputs
        ),
    )
