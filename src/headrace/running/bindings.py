"""What sources may ask for when an execution starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.executions import InputRecord
from headrace.core.objects import ObjectInfo
from headrace.core.parameters import Input
from headrace.core.sources import DataStoreFile
from headrace.core.values import FileStore, FileValue, Value
from headrace.objects.port import ObjectStore


@dataclass(frozen=True, slots=True)
class StartBindings:
    """The state of variables and data store at the start of one execution.

    Attributes:
        variables: Environment variables.
        objects: What is known of the data store's files that the sources name.
        given: Always empty: what the caller sent was resolved when the execution was accepted.
    """

    variables: Mapping[str, str]
    objects: Mapping[str, ObjectInfo]
    given: Mapping[str, Value] = field(default_factory=dict)

    def variable(self, name: str) -> str | None:
        """Return the value of an environment variable, or None."""
        return self.variables.get(name)

    def object_at(self, path: str) -> FileValue | None:
        """Return the data store's file at a path, or None."""
        info = self.objects.get(path)
        if info is None:
            return None
        return FileValue(path, path.rpartition("/")[2], info.size, FileStore.DATA_STORE)


async def look_up(
    records: tuple[InputRecord, ...], variables: Mapping[str, str], data_store: ObjectStore
) -> StartBindings:
    """Return the bindings for these inputs."""
    paths = {r.source.path for r in records if isinstance(r.source, DataStoreFile)}
    found = {path: await data_store.info(path) for path in paths}
    return StartBindings(variables, {path: info for path, info in found.items() if info})


def resolve(
    records: tuple[InputRecord, ...], parameters: Mapping[str, Input], bindings: StartBindings
) -> dict[str, Value]:
    """Return the value of each input, late sources included.

    Raises:
        InvalidValue: A late source has no fitting value; the message names the input.
    """
    return {
        record.name: (
            record.source.resolve(parameters[record.name], bindings)
            if record.source.is_late
            else record.value
        )
        for record in records
    }
