"""The row of an execution: its columns, and the ways from and to what they mean.

There are two ways to a row. :func:`row_of` makes that of any execution; :class:`RowMaker` makes the
rows of the calls that pods answer, which are many, from texts that the deployment's calls share. A
test has both make the row of the same execution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row as Found

from headrace.core.deployments import Deployment
from headrace.core.executions import Execution, Status, status_after
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.retries import Retries
from headrace.store.moments import from_us, to_us
from headrace.store.recorded_values import (
    attachments_from,
    attachments_text,
    input_frame,
    inputs_from,
    inputs_text,
    output_frame,
    outputs_from,
    outputs_text,
)
from headrace.store.tables import executions

Row = tuple[Any, ...]

FIRST_ATTEMPT = 1
"""The attempt of each call that a pod answers: it is never made again."""

COLUMNS = (
    "id",
    "status",
    "created_at",
    "started_at",
    "ended_at",
    "inputs",
    "outputs",
    "failure_kind",
    "failure_message",
    "worker_id",
    "pipeline_id",
    "pipeline_name",
    "deployment_name",
    "created_by",
    "deployment_id",
    "timeout_s",
    "attempt",
    "retries",
    "retry_backoff_s",
    "waits",
    "is_low_latency",
    "pipeline_version",
    "attachments",
)
"""The columns of the row of a call that a pod answers, in their order. Those of others are null."""


LEFT_OUT: Mapping[str, Any] = {"is_low_latency": True, "pipeline_version": 1}
"""What a row of such a call has in columns that the version which wrote it did not have."""

_INPUTS, _OUTPUTS = COLUMNS.index("inputs"), COLUMNS.index("outputs")
_ENDED_AT = COLUMNS.index("ended_at")
_HIDDEN = {"inputs", "outputs", "worker_id", "cancel_requested_at"}
SUMMARY = [column for column in executions.c if column.name not in _HIDDEN]
"""What :func:`summary_from` needs of a row."""


def is_end(row: Row) -> bool:
    """Check whether the row of a call says how it ended."""
    return row[_ENDED_AT] is not None


def size_of(row: Row) -> int:
    """Return how many characters the values of the row of a call have."""
    return len(row[_INPUTS]) + len(row[_OUTPUTS])


def row_of(execution: Execution, worker_id: str | None) -> dict[str, Any]:
    """Return a new row by its columns, of a worker or of none."""
    return {
        "id": execution.id,
        "pipeline_id": execution.pipeline_id,
        "pipeline_name": execution.pipeline_name,
        "deployment_name": execution.deployment_name,
        "status": execution.status.value,
        "created_at": to_us(execution.created_at),
        "created_by": execution.created_by,
        "started_at": to_us(execution.started_at),
        "ended_at": to_us(execution.ended_at),
        "inputs": inputs_text(execution.inputs),
        "outputs": outputs_text(execution.outputs),
        "failure_kind": execution.failure and execution.failure.kind.value,
        "failure_message": execution.failure and execution.failure.message,
        "attempt": execution.attempt,
        "worker_id": worker_id,
        "deployment_id": execution.deployment_id,
        "timeout_s": execution.timeout_s,
        "retries": execution.retries.most,
        "retry_backoff_s": execution.retries.backoff_s,
        "not_before": to_us(execution.not_before),
        "waits": execution.waits,
        "is_low_latency": execution.is_low_latency,
        "fire_at": to_us(execution.fire_at),
        "pipeline_version": execution.pipeline_version,
        "rerun_of": execution.rerun_of,
        "attachments": attachments_text(execution.attachments),
    }


def end_values(failure: Failure | None, at: datetime) -> dict[str, Any]:
    """Return the columns that say how an execution ended."""
    return {
        "status": status_after(failure).value,
        "ended_at": to_us(at),
        "failure_kind": failure and failure.kind.value,
        "failure_message": failure and failure.message,
    }


class RowMaker:
    """Makes the rows of a deployment's calls; what they share is prepared once."""

    def __init__(self, deployment: Deployment) -> None:
        inputs = [input_frame(item.parameter, item.source) for item in deployment.inputs]
        outputs = [output_frame(item.parameter, item.destination) for item in deployment.outputs]
        self._inputs = _form(inputs)
        self._outputs = _form(outputs)
        self._no_outputs = self._outputs % (("null",) * len(outputs))
        self._shared = (
            deployment.pipeline.id,
            deployment.pipeline.name,
            deployment.name,
            deployment.created_by,
            deployment.id,
            deployment.timeout_s,
            FIRST_ATTEMPT,
            0,
            deployment.retries.backoff_s,
            False,
            True,
            deployment.pipeline.version.number,
            attachments_text(deployment.attachments),
        )

    def row(
        self,
        execution_id: str,
        worker_id: str,
        status: Status,
        times_us: tuple[int, int | None, int | None],
        inputs: str,
        outputs: Sequence[str] | None,
        failure: Failure | None,
    ) -> Row:
        """Return the row of a call.

        Args:
            execution_id: Its id.
            worker_id: The worker that has it made.
            status: Where it is in its life.
            times_us: When it was accepted, when it began and when it ended, in microseconds.
            inputs: The column of its inputs (:meth:`inputs_text`).
            outputs: JSON of each output, in order; None if there are none.
            failure: Why it did not succeed.
        """
        created, started, ended = times_us
        return (
            execution_id,
            str(status),
            created,
            started,
            ended,
            inputs,
            self.outputs_text(outputs),
            failure and failure.kind.value,
            failure and failure.message,
            worker_id,
            *self._shared,
        )

    def inputs_text(self, values: Sequence[str]) -> str:
        """Return the column of the inputs: JSON of each, in order; null for a secret."""
        return self._inputs % tuple(values)

    def outputs_text(self, outputs: Sequence[str] | None) -> str:
        """Return the column of the outputs."""
        return self._no_outputs if outputs is None else self._outputs % tuple(outputs)


def _form(frames: Sequence[tuple[str, str]]) -> str:
    """Return the text of a column with a ``%s`` for each value."""
    texts = [f"{before}\0{after}" for before, after in frames]
    return f"[{','.join(texts)}]".replace("%", "%%").replace("\0", "%s")


def summary_from(row: Found[Any]) -> Execution:
    """Return the execution of a row without its inputs and outputs."""
    return _execution(row)


def execution_from(row: Found[Any]) -> Execution:
    """Return the execution of a whole row, without its earlier attempts."""
    return _execution(row, inputs=inputs_from(row.inputs), outputs=outputs_from(row.outputs))


def _execution(row: Found[Any], **values: Any) -> Execution:
    failure = (
        None
        if row.failure_kind is None
        else Failure(FailureKind(row.failure_kind), row.failure_message)
    )
    return Execution(
        id=row.id,
        pipeline_id=row.pipeline_id,
        pipeline_name=row.pipeline_name,
        deployment_name=row.deployment_name,
        status=Status(row.status),
        created_at=from_us(row.created_at),
        created_by=row.created_by,
        started_at=from_us(row.started_at),
        ended_at=from_us(row.ended_at),
        failure=failure,
        attempt=row.attempt,
        deployment_id=row.deployment_id,
        timeout_s=row.timeout_s,
        retries=Retries(row.retries, row.retry_backoff_s),
        not_before=from_us(row.not_before),
        waits=row.waits,
        is_low_latency=row.is_low_latency,
        fire_at=from_us(row.fire_at),
        pipeline_version=row.pipeline_version,
        rerun_of=row.rerun_of,
        attachments=attachments_from(row.attachments),
        **values,
    )
