"""Take what user code returned to where each output goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from headrace.control.artifacts import output_path
from headrace.core.destinations import DataStorePath, Nowhere
from headrace.core.errors import InvalidValue
from headrace.core.executions import Execution, OutputRecord
from headrace.core.outcomes import Failure, FailureKind, OutputFile, Returned
from headrace.core.parameters import Output
from headrace.core.values import DataType, FileStore, FileValue, Value, check_value
from headrace.objects.port import ObjectStore

TAKEN = Failure(
    FailureKind.WORKER_LOST, "Another server had taken this execution over when its code returned."
)

IsCurrent = Callable[[], Awaitable[bool]]


async def deliver(
    execution: Execution,
    returned: Returned,
    artifacts: ObjectStore,
    data_store: ObjectStore,
    is_current: IsCurrent,
) -> tuple[OutputRecord, ...] | Failure:
    """Return the outputs as they are recorded, their files being where they go.

    A value that does not fit its declared type is the user's mistake: a failure that names it.

    Args:
        execution: What has run.
        returned: What its code returned.
        artifacts: The files of executions.
        data_store: The user's files.
        is_current: Whether the attempt is still this worker's; files of one that is not stay
            where they are.
    """
    problems = [
        problem for record in execution.outputs if (problem := problem_with(record, returned))
    ]
    if problems:
        return Failure(FailureKind.BAD_OUTPUT, " ".join(problems))
    if returned.files and not await is_current():
        return TAKEN
    delivered = []
    for record in execution.outputs:
        file = returned.files.get(record.name)
        value: Value = returned.values.get(record.name)
        if isinstance(record.destination, Nowhere):
            value = None
        elif file is not None:
            value = await _keep(execution, record, file, artifacts, data_store)
        delivered.append(replace(record, value=value))
    return tuple(delivered)


def problem_with(record: OutputRecord | Output, returned: Returned) -> str | None:
    """Return the problem with the value of an output, or None."""
    value = returned.values.get(record.name)
    if value is None or record.data_type is DataType.FILE:
        return None
    try:
        check_value(value, record.data_type, f"output {record.name!r}")
    except InvalidValue as error:
        return error.message
    return None


async def _keep(
    execution: Execution,
    record: OutputRecord,
    file: OutputFile,
    artifacts: ObjectStore,
    data_store: ObjectStore,
) -> FileValue:
    if isinstance(record.destination, DataStorePath):
        path = record.destination.path_for(execution.id, execution.created_at)
        await data_store.put_file(path, file.path)
        return FileValue(path, file.filename, file.size, FileStore.DATA_STORE)
    path = output_path(execution.id, execution.attempt, record.name)
    await artifacts.put_file(path, file.path)
    return FileValue(path, file.filename, file.size)
