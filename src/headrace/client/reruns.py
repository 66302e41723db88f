"""Reruns: run recorded executions again, with the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from headrace.client.executions import UNFINISHED, ExecutionCalls
from headrace.client.messages import Form, Json, Request
from headrace.client.parts import Object
from headrace.client.uploads import file_part, values_text
from headrace.core.code_choices import CURRENT, ORIGINAL, CodeChoice
from headrace.core.errors import NotFound
from headrace.core.values import DataType
from headrace.wire import routes


class RerunCalls(ExecutionCalls):
    """Executions that repeat others."""

    def rerun_execution(
        self,
        execution_id: str,
        code: CodeChoice = CURRENT,
        inputs: Mapping[str, Any] | None = None,
        wait_for_completion: bool = True,
    ) -> Object:
        """Run an execution that has ended again, with the inputs that are on record.

        Its outputs go where those of the execution went, or would have gone.

        Args:
            execution_id: The execution.
            code: Which version of the pipeline runs: ``"current"`` is what a new execution would
                run, ``"original"`` what the execution ran, and a number the version of that number.
            inputs: Values that take the place of recorded ones, as :meth:`run_pipeline` takes them,
                by the names of the pipeline's inputs.
            wait_for_completion: Return when it ended, not before.

        Returns:
            ``{"execution_id", "rerun_of", "version", "original_version", "code", "notes", ...}``,
            where ``notes`` says what is not as it was; if it was waited for, ``"outputs"`` as well.

        Raises:
            NotFound: There is no such execution or version.
            Conflict: The execution has not ended, its deployment is deleted or disabled, or the
                version cannot run.
            InvalidValue: It cannot be repeated; the message says all that is in the way.
            PipelineExecutionFailed: It was waited for, and failed.
        """
        types = self.get_rerun_input_types(execution_id, code) if inputs else {}
        started = self.start_rerun(execution_id, code, inputs, types)
        self._say(
            f"Execution {execution_id} runs again as {started['execution_id']}, with version "
            f"{started['version']}."
        )
        if wait_for_completion:
            started |= self.retrieve_pipeline_execution_outputs(started["execution_id"])
        return started

    def get_rerun_input_types(self, execution_id: str, code: CodeChoice) -> dict[str, DataType]:
        """Return the type of each input that a rerun may be given.

        Raises:
            NotFound: There is no such execution.
        """
        request = Request(query={"include_io_values": "false"})
        found = self._transport.call(routes.EXECUTION, request, execution_id=execution_id)
        recorded = {
            item["pipeline_input_name"]: DataType(item["data_type"]) for item in found["inputs"]
        }
        if code == ORIGINAL:
            return recorded
        try:
            return recorded | self.get_input_types(found["pipeline_name"])
        except NotFound:
            return recorded

    def start_rerun(
        self,
        execution_id: str,
        code: CodeChoice = CURRENT,
        inputs: Mapping[str, Any] | None = None,
        types: Mapping[str, DataType] | None = None,
        *,
        once: bool = False,
    ) -> Object:
        """Start a rerun and return what the server answered.

        Args:
            execution_id: As :meth:`rerun_execution`, and so are the next two.
            code: Which version runs.
            inputs: Values in the place of recorded ones.
            types: The type of each input (:meth:`get_rerun_input_types`).
            once: Only if nothing has repeated the execution yet.

        Raises:
            Conflict: As well if ``once`` is asked for and something has;
                ``details["rerun_id"]`` says what.
        """
        given, types = dict(inputs or {}), types or {}
        files = {
            name: given.pop(name)
            for name in list(given)
            if types.get(name) is DataType.FILE and given[name] is not None
        }
        with ExitStack() as opened:
            parts = tuple(file_part(name, value, opened) for name, value in files.items())
            form = Form((("json_inputs", values_text(given)),), parts)
            query = {"code": str(code), "once": str(once).lower()}
            started: Object = self._transport.call(
                routes.RERUN, Request(query=query, body=form), execution_id=execution_id
            )
        return started

    def plan_reruns(
        self,
        execution_ids: Sequence[str],
        code: CodeChoice = CURRENT,
        inputs: Mapping[str, Any] | None = None,
        types: Mapping[str, DataType] | None = None,
    ) -> list[Object]:
        """Return for each execution what would become of its rerun; none is started.

        Args:
            execution_ids: At most 200 executions.
            code: As :meth:`rerun_execution`, and so is the next.
            inputs: Values in the place of recorded ones.
            types: The type of each input (:meth:`get_rerun_input_types`).
        """
        given, types = dict(inputs or {}), types or {}
        files = [name for name in given if types.get(name) is DataType.FILE]
        body = {
            "execution_ids": list(execution_ids),
            "code": code,
            "inputs": {name: value for name, value in given.items() if name not in files},
            "file_inputs": files,
        }
        found: list[Object] = self._transport.call(routes.PLAN_RERUNS, Request(body=Json(body)))[
            "items"
        ]
        return found

    def wait_until_ended(self, execution_id: str, is_enough: Callable[[], bool]) -> Object:
        """Return an execution without its values once it has ended, or nobody waits any more.

        Raises:
            NotFound: There is no such execution.
        """
        query = {"wait_for_completion": "true", "include_io_values": "false"}

        def ask(left: float | None) -> Object | None:
            del left
            found: Object = self._transport.call(
                routes.EXECUTION, Request(query=query), execution_id=execution_id
            )
            return None if found["status"] in UNFINISHED and not is_enough() else found

        return self._wait(ask, f"Execution {execution_id}")
