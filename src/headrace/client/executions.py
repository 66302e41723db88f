"""Executions: run a pipeline, look at its runs, wait for them, cancel and delete them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from headrace.client.execution_lists import ExecutionLists
from headrace.client.explaining import explained
from headrace.client.messages import Answer, Json, Request
from headrace.client.parts import Object, log_period
from headrace.client.records import has_file, record
from headrace.client.run_starts import RunStarts
from headrace.core.names import check_name
from headrace.core.values import DataType
from headrace.wire import routes

if TYPE_CHECKING:
    from headrace.client.mappings import InputSource, OutputDestination

UNFINISHED = frozenset({"Pending", "Running"})
"""What the status of an execution is until it has ended."""


class ExecutionCalls(RunStarts, ExecutionLists):
    """Runs of pipelines, however they were started."""

    def run_pipeline(
        self,
        pipeline_name: str,
        inputs: Mapping[str, Any] | None = None,
        inputs_mapping: Sequence[InputSource] | None = None,
        outputs_mapping: Sequence[OutputDestination] | None = None,
        wait_for_completion: bool = True,
    ) -> Object:
        """Run a pipeline.

        Args:
            pipeline_name: The pipeline.
            inputs: Values by input name. A file is a path, bytes, or a readable binary object
                (sent from its beginning if it can seek). All others are JSON values, together at
                most 60,000 bytes unless the server is set to more.
            inputs_mapping: Other sources: constant, environment variable, data store, null.
            outputs_mapping: Other destinations: data store, null.
            wait_for_completion: Return when it ended, not before.

        Returns:
            ``{"execution_id": str}``, and if it was waited for ``"outputs": {name: value}``, where
            a file is ``bytes``.

        Raises:
            NotFound: There is no such pipeline.
            InvalidValue: An input is missing, unknown or of the wrong type; nothing ran.
            InvalidMapping: The mapping cannot be used; nothing ran.
            PipelineExecutionFailed: It was waited for, and failed; ``details["execution_id"]``
                says which.
        """
        types = self.get_input_types(pipeline_name)
        execution_id = self.start_run(pipeline_name, types, inputs, inputs_mapping, outputs_mapping)
        if not wait_for_completion:
            return {"execution_id": execution_id}
        return self.retrieve_pipeline_execution_outputs(execution_id)

    def retrieve_pipeline_execution_outputs(
        self, execution_id: str, include_files: bool = True
    ) -> Object:
        """Wait for an execution to end, and return its outputs.

        Args:
            execution_id: The execution.
            include_files: Whether files come as well; otherwise they are None, and
                :meth:`save_pipeline_execution_output` has them.

        Returns:
            ``{"execution_id": str, "outputs": {name: value}}``; a file is ``bytes``, and an output
            that went elsewhere or nowhere is None.

        Raises:
            NotFound: There is no such execution.
            PipelineExecutionFailed: It failed.
        """
        outputs = {}
        with explained(self._transport):
            found = self.wait_for_outputs(execution_id)
        for item in found:
            name = item["pipeline_output_name"]
            is_here = item["mapping_type"] not in {"is_null", "datastore"}
            outputs[name] = (
                self.get_pipeline_execution_output(execution_id, name)
                if include_files and item["data_type"] == DataType.FILE and is_here
                else item.get("value")
            )
        return {"execution_id": execution_id, "outputs": outputs}

    def wait_for_outputs(self, execution_id: str) -> list[Object]:
        """Wait for an execution to end, and return its outputs as they are on the wire.

        Raises:
            NotFound: There is no such execution.
            PipelineExecutionFailed: It failed.
        """

        def ask(left: float | None) -> Answer | None:
            del left
            request = Request(query={"wait_for_completion": "true"})
            answer = self._transport.ask(
                routes.EXECUTION_OUTPUTS, request, execution_id=execution_id
            )
            return None if answer.status == 307 else answer

        ended: Object = self._wait(
            ask,
            f"Execution {execution_id}",
            then=f"sdk.cancel_pipeline_execution({execution_id!r}) stops it, and "
            f"sdk.retrieve_pipeline_execution_outputs({execution_id!r}) waits for it.",
        ).value()
        self._say(f"Execution {execution_id}: ended.")
        for note in ended.get("notes", ()):
            # Not only where progress is told: something was lost.
            print(f"Execution {execution_id}: {note}", file=sys.stderr)  # noqa: T201 - as said
        found: list[Object] = ended["outputs"]
        return found

    def get_pipeline_execution(
        self, execution_id: str, include_io_values: bool = True, include_files: bool = True
    ) -> Object:
        """Return an execution with its inputs and outputs.

        Args:
            execution_id: The execution.
            include_io_values: Whether the values come as well.
            include_files: Whether files are among them, as ``bytes``; otherwise they are None.

        Returns:
            The execution. Its ``inputs`` and ``outputs`` are
            ``{"pipeline_input_name", "step_input_name", "data_type", "source", "value", ...}``,
            ``output`` and ``destination`` for outputs, with the keys of the mapping beside.

        Raises:
            NotFound: There is no such execution.
        """
        request = Request(query={"include_io_values": str(include_io_values).lower()})
        found: Object = self._transport.call(routes.EXECUTION, request, execution_id=execution_id)
        fetch = include_io_values and include_files
        is_over = found["status"] not in UNFINISHED
        found["inputs"] = [
            self._record(found, item, "input", fetch=fetch) for item in found["inputs"]
        ]
        found["outputs"] = [
            self._record(found, item, "output", fetch=fetch and is_over)
            for item in found["outputs"]
        ]
        return found

    def get_pipeline_execution_input(self, execution_id: str, input_name: str) -> Any:
        """Return the value of one input; a file is ``bytes``, and one not there is None.

        Raises:
            NotFound: There is no such execution or input.
        """
        return self._transport.call(
            routes.EXECUTION_INPUT, execution_id=execution_id, name=input_name
        )

    def get_pipeline_execution_output(self, execution_id: str, output_name: str) -> Any:
        """Return the value of one output; a file is ``bytes``, and one not there is None.

        Raises:
            NotFound: There is no such execution or output.
        """
        return self._transport.call(
            routes.EXECUTION_OUTPUT, execution_id=execution_id, name=output_name
        )

    def save_pipeline_execution_output(
        self, execution_id: str, output_name: str, folder: str | os.PathLike[str]
    ) -> Path | None:
        """Save a file output in a folder, piece by piece, whatever its size.

        Its name is that of the output, with the suffix of the file that user code returned.

        Returns:
            The file, or None if the execution left no such output.

        Raises:
            NotFound: There is no such execution or output.
            OSError: The file cannot be written.
        """
        draft = Path(folder, f".{check_name(output_name, 'output_name')}.part")
        try:
            with draft.open("wb") as file:
                name = self._transport.download(
                    routes.EXECUTION_OUTPUT, file, execution_id=execution_id, name=output_name
                )
            if name is None:
                return None
            return draft.replace(Path(folder, output_name + PurePath(name).suffix))
        finally:
            draft.unlink(missing_ok=True)

    def get_pipeline_execution_logs(
        self,
        execution_id: str,
        from_datetime: datetime | None = None,
        to_datetime: datetime | None = None,
        limit: int | None = None,
    ) -> list[Object]:
        """Return the log of an execution: ``[{"timestamp", "message", "stream"}]``.

        Args:
            execution_id: The execution.
            from_datetime: Lines from this time on.
            to_datetime: Lines before this time.
            limit: At most so many lines.

        Raises:
            NotFound: There is no such execution.
        """
        body = log_period(from_datetime, to_datetime, limit)
        # One array for each step on the wire; a pipeline has one.
        steps: list[list[Object]] = self._transport.call(
            routes.EXECUTION_LOGS, Request(body=Json(body)), execution_id=execution_id
        )
        return steps[0] if steps else []

    def cancel_pipeline_execution(self, execution_id: str) -> Object:
        """Stop an execution that is pending or running, and return it.

        Raises:
            NotFound: There is no such execution.
            Conflict: It has ended.
        """
        found = self.stop_execution(execution_id)
        self._say(f"Execution {execution_id}: cancelled.")
        return found

    def stop_execution(self, execution_id: str) -> Object:
        """Do as :meth:`cancel_pipeline_execution`, without a word, as for one of many."""
        found: Object = self._transport.call(routes.CANCEL_EXECUTION, execution_id=execution_id)
        return found

    def delete_pipeline_execution(self, execution_id: str) -> Object:
        """Delete an execution with its values and log; a running one is cancelled first.

        Returns:
            ``{"execution_id": str}``.

        Raises:
            NotFound: There is no such execution.
        """
        deleted: Object = self._transport.call(routes.DELETE_EXECUTION, execution_id=execution_id)
        self._say(f"Execution {execution_id}: deleted.")
        return deleted

    def _record(self, execution: Object, item: Object, noun: str, *, fetch: bool) -> Object:
        value = item.get("value")
        if fetch and has_file(item, noun):
            get = (
                self.get_pipeline_execution_output
                if noun == "output"
                else self.get_pipeline_execution_input
            )
            value = get(execution["execution_id"], item[f"pipeline_{noun}_name"])
        return record(item, noun, value)
