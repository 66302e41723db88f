"""Accept an execution: check what was sent, keep its files, record it, start or queue it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from headrace.control.admission import Admission
from headrace.control.artifacts import artifact_folder, input_path
from headrace.control.clock import now
from headrace.core.deployments import Deployment
from headrace.core.errors import Conflict, InvalidValue, NotFound
from headrace.core.executions import Execution, InputRecord, OutputRecord, Status
from headrace.core.mappings import MappedInput, MappedOutput, resolve_given
from headrace.core.names import new_id
from headrace.core.pipelines import Pipeline
from headrace.core.retries import Retries
from headrace.core.values import MAX_VALUES_BYTES, FileValue, Json, Value, check_total_size
from headrace.objects.port import ObjectStore
from headrace.signals.port import PENDING, Signals
from headrace.store import deployments as deployment_rows
from headrace.store import executions as rows
from headrace.store.database import Database
from headrace.store.deletion import is_deleted
from headrace.store.moments import to_us
from headrace.wire.codec import encode


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
class Order:
    """All that decides an execution, before it is recorded.

    Attributes:
        pipeline: What runs; it is ready.
        inputs: Its inputs with their sources.
        outputs: Its outputs with their destinations.
        values: What the caller sent, by the names that the caller knows.
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


@dataclass(frozen=True, slots=True)
class _Key:
    """An idempotency key with what it was used for."""

    deployment_id: str
    key: str
    request_digest: str


class Submission:
    """Accepts executions. ``admission`` is set once, by the assembly."""

    admission: Admission

    def __init__(
        self,
        database: Database,
        signals: Signals,
        artifacts: ObjectStore,
        max_input_bytes: int = MAX_VALUES_BYTES,
    ) -> None:
        self._database = database
        self._signals = signals
        self._artifacts = artifacts
        self._max_input_bytes = max_input_bytes

    async def submit(self, order: Order) -> str:
        """Accept an execution and return its id: it is on disk, and it will end.

        With an idempotency key that was used before, the id of the first execution is returned,
        and nothing starts.

        Raises:
            InvalidValue, TooLarge: What was sent does not fit; nothing was recorded.
            Conflict: The idempotency key was used for another request.
            NotFound: The pipeline was deleted in the meantime.
        """
        check_total_size(dict(order.values), self._max_input_bytes)
        both = order.values.keys() & order.files.keys()
        if both:
            raise InvalidValue(f"Input {min(both)!r} was given as a value and as a file.")
        execution_id = new_id()
        files: dict[str, Value] = {
            name: FileValue(input_path(execution_id, name), file.filename, file.size)
            for name, file in order.files.items()
        }
        values = resolve_given(order.inputs, {**order.values, **files})
        key = await self._key_of(order)
        for name, file in order.files.items():
            await self._artifacts.put_file(input_path(execution_id, name), file.path, consume=True)
        execution = new_execution(execution_id, order, values, now())
        # Shielded, because a caller who hangs up does not undo what may be on disk already.
        return await asyncio.shield(
            asyncio.ensure_future(self._record(execution, order.pipeline, key))
        )

    async def _key_of(self, order: Order) -> _Key | None:
        if order.idempotency_key is None or order.deployment is None:
            return None
        digest = await asyncio.to_thread(_digest_of, order)
        return _Key(order.deployment.id, order.idempotency_key, digest)

    async def _record(self, execution: Execution, pipeline: Pipeline, key: _Key | None) -> str:
        """Insert the row, then start the execution at once if a slot is free."""
        if execution.is_warm:
            return await self._record_warm(execution, key)
        is_eager = self.admission.reserve()
        worker_id = self.admission.worker_id if is_eager else None
        if is_eager:
            execution = replace(execution, status=Status.RUNNING, started_at=execution.created_at)
        is_new = False
        try:
            recorded = await self._database.write(_add, execution, worker_id, key)
            is_new = recorded == execution.id
        finally:
            if not is_eager:
                self.admission.queued()
            elif is_new:
                self.admission.start(execution, pipeline)
            else:
                self.admission.give_back()
            if not is_new:
                await self._artifacts.delete_tree(artifact_folder(execution.id))
        return recorded

    async def _record_warm(self, execution: Execution, key: _Key | None) -> str:
        """Insert the row of an execution that waits for the pods of its deployment."""
        recorded = await self._database.write(_add, execution, None, key)
        if recorded == execution.id:
            self._signals.notify(PENDING)
        else:
            await self._artifacts.delete_tree(artifact_folder(execution.id))
        return recorded


def _add(
    connection: Connection, execution: Execution, worker_id: str | None, key: _Key | None
) -> str:
    """Insert an execution, unless its key has one already; return the id of the key's execution."""
    if key is not None:
        known = deployment_rows.execution_of_key(connection, key.deployment_id, key.key)
        if known is not None:
            known_id, digest = known
            if digest != key.request_digest:
                raise Conflict(
                    f"The Idempotency-Key {key.key!r} was used for another request: use a new key "
                    "for each call that is meant to start something."
                )
            return known_id
    if is_deleted(connection, execution.pipeline_id, execution.deployment_id):
        gone = execution.deployment_name or execution.pipeline_name
        raise NotFound(f"{gone!r} was deleted in the meantime.")
    rows.add_execution(connection, execution, worker_id)
    if key is not None:
        deployment_rows.claim_key(
            connection,
            key.deployment_id,
            key.key,
            execution_id=execution.id,
            request_digest=key.request_digest,
            at_us=to_us(execution.created_at),
        )
    return execution.id


def _digest_of(order: Order) -> str:
    """Return a digest of what a caller sent, files included."""
    files = {}
    for name, file in order.files.items():
        with file.path.open("rb") as opened:
            files[name] = hashlib.file_digest(opened, "sha256").hexdigest()
    sent = [sorted(order.values.items()), sorted(files.items())]
    return hashlib.sha256(encode(sent)).hexdigest()


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
        is_warm=deployment is not None and deployment.low_latency is not None,
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
