"""Orders: all that decides an execution, before it is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from headrace.core.deployments import Deployment
from headrace.core.executions import Execution, InputRecord, OutputRecord, Status
from headrace.core.mappings import MappedInput, MappedOutput
from headrace.core.pipelines import Pipeline
from headrace.core.retries import Retries
from headrace.core.values import Json, Value


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that came with a request.

    Attributes:
        path: Its bytes; the file may be moved away.
        filename: Base name that the caller gave it.
        size: Bytes.
    """

    path: Path
    filename: str
    size: int


@dataclass(frozen=True, slots=True)
class Order:
    """A request for an execution, before it is recorded.

    Attributes:
        pipeline: The pipeline that runs; it is ready.
        inputs: Its inputs with their sources.
        outputs: Its outputs with their destinations.
        values: The values that the caller sent, by the names that the caller knows.
        files: The files that the caller sent, in the same way.
        created_by: Id of the user behind it.
        deployment: The deployment that it comes by, or None for a plain run.
        idempotency_key: The caller's key for this call; a repeated one starts nothing.
    """

    pipeline: Pipeline
    inputs: Sequence[MappedInput]
    outputs: Sequence[MappedOutput]
    values: Mapping[str, Json]
    files: Mapping[str, UploadedFile]
    created_by: str
    deployment: Deployment | None = None
    idempotency_key: str | None = None


def new_execution(
    execution_id: str, order: Order, values: Mapping[str, Value], at: datetime
) -> Execution:
    """Return the execution that an order asks for, pending, with the values that are known."""
    deployment = order.deployment
    return Execution(
        id=execution_id,
        pipeline_id=order.pipeline.id,
        pipeline_name=order.pipeline.name,
        deployment_name=None if deployment is None else deployment.name,
        deployment_id=None if deployment is None else deployment.id,
        timeout_s=None if deployment is None else deployment.timeout_s,
        status=Status.PENDING,
        retries=Retries() if deployment is None else deployment.retries,
        pipeline_version=order.pipeline.version.number,
        attachments=() if deployment is None else deployment.attachments,
        is_low_latency=deployment is not None and deployment.low_latency is not None,
        created_at=at,
        created_by=order.created_by,
        inputs=tuple(
            InputRecord(
                item.parameter.name,
                item.parameter.data_type,
                item.source,
                values.get(item.parameter.name),
            )
            for item in order.inputs
        ),
        outputs=tuple(
            OutputRecord(item.parameter.name, item.parameter.data_type, item.destination, None)
            for item in order.outputs
        ),
    )
