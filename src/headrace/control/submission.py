"""Accept an execution: check what was sent, keep its files, record it, start or queue it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import replace

from headrace.control.admission import Admission
from headrace.control.artifacts import artifact_folder, input_path
from headrace.control.intake import Intake
from headrace.control.orders import Order, UploadedFile, new_execution
from headrace.control.transactions.executions import Key, accept
from headrace.core.claims import Claim
from headrace.core.clock import now
from headrace.core.errors import InvalidValue
from headrace.core.executions import Execution, Status
from headrace.core.mappings import resolve_given
from headrace.core.names import new_id
from headrace.core.pipelines import Pipeline
from headrace.core.values import MAX_VALUES_BYTES, FileValue, Json, Value, check_total_size
from headrace.objects.port import ObjectStore
from headrace.signals.port import PENDING, Signals
from headrace.store.database import Database
from headrace.wire.codec import encode


class Submission:
    """Accepts executions."""

    def __init__(
        self,
        database: Database,
        signals: Signals,
        artifacts: ObjectStore,
        admission: Admission,
        intake: Intake,
        max_input_bytes: int = MAX_VALUES_BYTES,
    ) -> None:
        self._database = database
        self._signals = signals
        self._artifacts = artifacts
        self._admission = admission
        self._intake = intake
        self._max_input_bytes = max_input_bytes

    async def submit(self, order: Order) -> str:
        """Accept an execution and return its id: it is on disk, and it will end.

        With an idempotency key that was used before, the id of the first execution is returned,
        and nothing starts.

        Raises:
            InvalidValue, TooLarge: What was sent does not fit; nothing was recorded.
            Conflict: The idempotency key was used for another request.
            NotFound: The pipeline was deleted in the meantime.
            ServerPaused: The server takes no work.
        """
        self._intake.check()
        self.check_size(order.values)
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
        await self.keep_files(execution_id, order.files)
        return await self.record(
            new_execution(execution_id, order, values, now()), order.pipeline, key
        )

    def check_size(self, values: Mapping[str, Json]) -> None:
        """Refuse values that are together larger than the server takes.

        Raises:
            TooLarge, InvalidValue: They are, or one is nested too deeply.
        """
        check_total_size(dict(values), self._max_input_bytes)

    async def keep_files(self, execution_id: str, files: Mapping[str, UploadedFile]) -> None:
        """Move files that were sent to where those of an execution are."""
        for name, file in files.items():
            await self._artifacts.put_file(input_path(execution_id, name), file.path)

    async def record(
        self,
        execution: Execution,
        pipeline: Pipeline,
        key: Key | None = None,
        *,
        once: bool = False,
    ) -> str:
        """Record an execution whose files are where they belong; return the id that is on record.

        Raises:
            Conflict, NotFound: As :func:`~headrace.control.transactions.executions.accept`; the
                files are gone then.
            ServerPaused: The server takes no work; the files are gone as well.
        """
        # Shielded, because a caller who hangs up does not undo what may be on disk already.
        return await asyncio.shield(
            asyncio.ensure_future(self._record(execution, pipeline, key, once=once))
        )

    async def _key_of(self, order: Order) -> Key | None:
        if order.idempotency_key is None or order.deployment is None:
            return None
        digest = await asyncio.to_thread(_digest_of, order)
        return Key(order.deployment.id, order.idempotency_key, digest)

    async def _record(
        self, execution: Execution, pipeline: Pipeline, key: Key | None, *, once: bool
    ) -> str:
        """Insert the row, then start the execution at once if a slot is free."""
        if not self._intake.is_open:
            await self._artifacts.delete_tree(artifact_folder(execution.id))
            self._intake.check()
        if execution.is_low_latency or execution.waits:
            return await self._record_pending(execution, key, once=once)
        is_eager = self._admission.reserve()
        worker_id = self._admission.worker_id
        under = worker_id if is_eager else None
        if is_eager:
            execution = replace(execution, status=Status.RUNNING, started_at=execution.created_at)
        is_new = False
        try:
            recorded = await self._database.write(accept, execution, under, key, once=once)
            is_new = recorded == execution.id
        finally:
            if not is_eager:
                self._admission.queued()
            elif is_new:
                self._admission.start(Claim(execution, pipeline, worker_id))
            else:
                self._admission.give_back()
            if not is_new:
                await self._artifacts.delete_tree(artifact_folder(execution.id))
        return recorded

    async def _record_pending(self, execution: Execution, key: Key | None, *, once: bool) -> str:
        """Insert the row of one that waits for pods, or for others of its deployment to end."""
        recorded = None
        try:
            recorded = await self._database.write(accept, execution, None, key, once=once)
        finally:
            if recorded == execution.id:
                self._signals.notify(PENDING)
            else:
                await self._artifacts.delete_tree(artifact_folder(execution.id))
        return recorded


def _digest_of(order: Order) -> str:
    """Return a digest of what a caller sent, files included."""
    files = {}
    for name, file in order.files.items():
        with file.path.open("rb") as opened:
            files[name] = hashlib.file_digest(opened, "sha256").hexdigest()
    sent = [sorted(order.values.items()), sorted(files.items())]
    return hashlib.sha256(encode(sent)).hexdigest()
