"""Executions: accept, cancel, delete."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.control.admission import PutOnRecord, Stop, all_on_record
from headrace.control.artifacts import artifact_folder
from headrace.control.orders import Order, UploadedFile
from headrace.control.submission import Submission
from headrace.control.transactions.executions import stop
from headrace.core.clock import now
from headrace.core.errors import Conflict, NotFound
from headrace.core.executions import Execution
from headrace.core.mappings import map_inputs, map_outputs
from headrace.core.outcomes import CANCELLED
from headrace.core.pipelines import Pipeline, PipelineStatus
from headrace.core.scopes import Scope
from headrace.core.sources import Rule
from headrace.core.steps import is_hidden
from headrace.logs.files import LogFiles
from headrace.objects.port import ObjectStore
from headrace.signals.port import PENDING, Signals, execution_topic
from headrace.signals.waiting import wait_until_over
from headrace.store import executions as rows
from headrace.store import pipelines as pipeline_rows
from headrace.store.database import Database
from headrace.wire.runs import RunRequest


class Executions:
    """The verbs of executions.

    Args:
        database: The records of executions.
        signals: Tells of ends, and of what may start.
        artifacts: The files of executions.
        logs: Their logs.
        submission: Accepts them.
        stop: Stops one that runs in this process.
        put_on_record: Makes sure that one that runs is on record.
    """

    def __init__(
        self,
        database: Database,
        signals: Signals,
        artifacts: ObjectStore,
        logs: LogFiles,
        submission: Submission,
        stop: Stop,
        put_on_record: PutOnRecord = all_on_record,
    ) -> None:
        self._database = database
        self._signals = signals
        self._artifacts = artifacts
        self._logs = logs
        self._submission = submission
        self._stop_here = stop
        self._put_on_record = put_on_record

    async def run(
        self, scope: Scope, name: str, request: RunRequest, files: Mapping[str, UploadedFile]
    ) -> str:
        """Accept a run of a pipeline and return its id: it is on disk, and it will end.

        Raises:
            NotFound: There is no such pipeline.
            Conflict: The pipeline is not ready.
            InvalidMapping, InvalidValue, TooLarge: The request cannot be carried out; nothing
                was recorded.
        """
        pipeline = await self.ready_pipeline(scope, name)
        inputs = map_inputs(Rule.RUN, pipeline.inputs, request.inputs_mapping)
        outputs = map_outputs(Rule.RUN, pipeline.outputs, request.outputs_mapping)
        return await self._submission.submit(
            Order(pipeline, inputs, outputs, request.values, files, scope.user.id)
        )

    async def cancel(self, scope: Scope, execution_id: str) -> Execution:
        """Cancel an execution and return it once it has ended.

        Raises:
            NotFound: There is no such execution.
            Conflict: It had ended already, or is the caller itself.
        """
        if scope.execution_id == execution_id:
            raise Conflict("An execution cannot cancel itself: raise an exception instead.")
        execution = await self.get(scope, execution_id)
        if execution.status.is_terminal:
            raise Conflict(
                f"Execution {execution_id} has ended already ({execution.status.value}), so it "
                "cannot be cancelled."
            )
        return await self._stop(scope, execution_id)

    async def delete(self, scope: Scope, execution_id: str) -> None:
        """Delete an execution with its log and files; one that has not ended is cancelled first.

        Raises:
            NotFound: There is no such execution.
            Conflict: It is the caller itself.
        """
        if scope.execution_id == execution_id:
            raise Conflict("An execution cannot delete itself.")
        execution = await self.get(scope, execution_id)
        if not execution.status.is_terminal:
            await self._stop(scope, execution_id)
        await self._database.write(rows.remove_execution, execution_id)
        await self.remove_traces(execution_id)

    async def request_stop(self, execution_id: str) -> None:
        """Ask for the end of an execution that runs, and return without waiting for it."""
        if not self._stop_here(execution_id, CANCELLED):
            await self._database.write(stop, execution_id, now())

    async def remove_traces(self, execution_id: str) -> None:
        """Delete the log and the files of an execution whose row is gone."""
        await self._logs.remove(self._logs.of_execution(execution_id))
        await self._artifacts.delete_tree(artifact_folder(execution_id))

    async def get(self, scope: Scope, execution_id: str) -> Execution:
        """Return an execution.

        Raises:
            NotFound: There is no such execution.
        """
        execution = await self._database.read(rows.execution_by_id, execution_id)
        # Its own code may ask for it in its first milliseconds.
        if execution is None and await self._put_on_record(execution_id):
            execution = await self._database.read(rows.execution_by_id, execution_id)
        if execution is None:
            raise NotFound(f"There is no execution {execution_id!r}.")
        return execution

    async def wait(self, scope: Scope, execution_id: str, timeout_s: float) -> Execution:
        """Return an execution as soon as it has ended, or as it is after ``timeout_s``.

        Raises:
            NotFound: There is no such execution (any more).
        """
        return await wait_until_over(
            self._signals,
            execution_topic(execution_id),
            lambda: self.get(scope, execution_id),
            lambda execution: execution.status.is_terminal,
            timeout_s,
        )

    async def ready_pipeline(self, scope: Scope, name: str) -> Pipeline:
        """Return a pipeline that can run.

        Raises:
            NotFound: There is no such pipeline.
            Conflict: It is still being built, or could not be.
        """
        pipeline = await self._database.read(pipeline_rows.pipeline_by_name, name)
        if pipeline is None or is_hidden(name):
            raise NotFound(f"There is no pipeline {name!r}.")
        if pipeline.status is PipelineStatus.PENDING:
            raise Conflict(f"Pipeline {name!r} is still being built: wait until it is ready.")
        if pipeline.status is PipelineStatus.FAILED:
            raise Conflict(
                f"Pipeline {name!r} could not be built ({pipeline.version.failure}): create it "
                "again."
            )
        return pipeline

    async def _stop(self, scope: Scope, execution_id: str) -> Execution:
        if await self._database.write(rows.end_pending, execution_id, CANCELLED, now()):
            self._signals.notify(execution_topic(execution_id))
            # One that waited for this one may start now.
            self._signals.notify(PENDING)
            return await self.get(scope, execution_id)
        while True:
            await self.request_stop(execution_id)
            execution = await self.wait(scope, execution_id, 1.0)
            if execution.status.is_terminal:
                return execution
