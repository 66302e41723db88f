"""Reruns: say what keeps executions from being repeated, and repeat them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headrace.control.artifacts import artifact_folder, input_path
from headrace.control.attached_files import AttachedFiles
from headrace.control.orders import Order, UploadedFile, new_execution
from headrace.control.submission import Submission
from headrace.control.transactions import reruns as found
from headrace.control.variables import Variables
from headrace.core.clock import now
from headrace.core.code_choices import CodeChoice
from headrace.core.errors import Conflict, HeadraceError, InvalidValue, NotFound
from headrace.core.names import new_id
from headrace.core.reruns import (
    Repetition,
    Target,
    has_to_wait,
    repetition,
)
from headrace.core.scopes import Scope
from headrace.core.sources import DataStoreFile
from headrace.core.values import FileValue, Json, Value
from headrace.objects.port import ObjectStore
from headrace.store.database import Database
from headrace.store.reruns import rerun_of


@dataclass(frozen=True, slots=True)
class Rerun:
    """An execution that was accepted to repeat another one.

    Attributes:
        execution_id: Its id.
        target: What it repeats, and with which version.
        notes: What is not as it was, in sentences.
    """

    execution_id: str
    target: Target
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of a rerun.

    Attributes:
        execution_id: The execution that would be repeated.
        version: Number of the version that would run, or None if that cannot be said.
        rerun: Id of the newest execution that repeats it already, or None.
        problem: What keeps it from being repeated, or None.
        notes: What would not be as it was, in sentences.
    """

    execution_id: str
    version: int | None
    rerun: str | None
    problem: str | None
    notes: tuple[str, ...] = ()


class Reruns:
    """The verbs of executions that repeat others."""

    def __init__(
        self,
        database: Database,
        submission: Submission,
        variables: Variables,
        artifacts: ObjectStore,
        data_store: ObjectStore,
        attached: AttachedFiles,
    ) -> None:
        self._database = database
        self._submission = submission
        self._variables = variables
        self._artifacts = artifacts
        self._data_store = data_store
        self._attached = attached

    async def target(self, scope: Scope, execution_id: str, code: CodeChoice) -> Target:
        """Return an execution that can be repeated, with the version that is to run.

        Raises:
            NotFound: There is no such execution, or no such version of its pipeline.
            Conflict: It has not ended, its deployment is gone, or the version cannot run.
        """
        return await self._database.read(found.target, execution_id, code)

    async def newest(self, scope: Scope, execution_id: str) -> str | None:
        """Return the id of the newest execution that repeats one, or None."""
        return await self._database.read(rerun_of, execution_id)

    async def run(
        self,
        scope: Scope,
        target: Target,
        values: Mapping[str, Json],
        files: Mapping[str, UploadedFile],
        *,
        once: bool = False,
    ) -> Rerun:
        """Accept an execution that repeats another one: it is on disk, and it will end.

        It takes a slot in any case, also if its deployment has pods: whoever calls these is not
        held up, and the version is the one that was asked for.

        Args:
            scope: The caller.
            target: What is repeated.
            values: Values in the place of recorded ones, by input.
            files: Files, in the same way.
            once: Only if nothing has repeated it yet.

        Raises:
            InvalidValue, TooLarge: It cannot be repeated; nothing was recorded.
            Conflict: A file that it needs is gone, or it was repeated already.
            NotFound: The pipeline or the deployment was deleted in the meantime.
        """
        both = values.keys() & files.keys()
        if both:
            raise InvalidValue(f"Input {min(both)!r} was given as a value and as a file.")
        self._submission.check_size(values)
        execution_id = new_id()
        sent: dict[str, Value] = {
            name: FileValue(input_path(execution_id, name), file.filename, file.size)
            for name, file in files.items()
        }
        repeated = await self._repetition(target, {**values, **sent})
        kept = {
            name: value
            for name, value in repeated.values.items()
            if isinstance(value, FileValue) and name not in sent
        }
        again = {
            name: replace(file, path=input_path(execution_id, name)) for name, file in kept.items()
        }
        order = Order(
            pipeline=target.pipeline,
            inputs=repeated.inputs,
            outputs=repeated.outputs,
            values={},
            files={},
            created_by=scope.user.id,
            deployment=target.deployment,
        )
        execution = replace(
            new_execution(execution_id, order, {**repeated.values, **again}, now()),
            is_low_latency=False,
            waits=has_to_wait(target.deployment),
            rerun_of=target.execution.id,
            attachments=target.attachments,
        )
        try:
            await self._submission.keep_files(execution_id, files)
            for name, file in kept.items():
                await self._copy(file.path, again[name].path, name)
        except BaseException:
            await self._artifacts.delete_tree(artifact_folder(execution_id))
            raise
        await self._submission.record(execution, target.pipeline, once=once)
        return Rerun(execution_id, target, repeated.notes)

    async def plan(
        self,
        scope: Scope,
        ids: Sequence[str],
        code: CodeChoice,
        given: Mapping[str, Value],
    ) -> list[Plan]:
        """Return for each execution what would become of its rerun; nothing is recorded.

        Args:
            scope: The caller.
            ids: The executions.
            code: The version that would run.
            given: Values in the place of recorded ones, by input; of a file, any
                :class:`FileValue`.
        """
        targets = await self._database.read(found.targets, ids, code)
        return [
            Plan(execution_id, None, None, target.message)
            if isinstance(target, HeadraceError)
            else await self._planned(target, given)
            for execution_id, target in zip(ids, targets, strict=True)
        ]

    async def _planned(self, target: Target, given: Mapping[str, Value]) -> Plan:
        about = (target.execution.id, target.pipeline.version.number, target.rerun)
        try:
            return Plan(*about, None, (await self._repetition(target, given)).notes)
        except InvalidValue as error:
            return Plan(*about, error.message)

    async def _repetition(self, target: Target, given: Mapping[str, Value]) -> Repetition:
        for one in target.attachments:
            if not await self._attached.is_kept(one):
                raise InvalidValue(
                    f"Execution {target.execution.id} cannot run again with the file that was "
                    f"attached at {one.path!r}, which is not kept any more."
                )
        variables = await self._variables.current()
        return repetition(target, given, variables, await self._gone(target))

    async def _gone(self, target: Target) -> set[str]:
        """Return the inputs whose recorded file, or whose file in the data store, is gone."""
        gone = set()
        for record in target.execution.inputs:
            if isinstance(record.source, DataStoreFile):
                info = await self._data_store.info(record.source.path)
            elif isinstance(record.value, FileValue):
                info = await self._artifacts.info(record.value.path)
            else:
                continue
            if info is None:
                gone.add(record.name)
        return gone

    async def _copy(self, path: str, to: str, name: str) -> None:
        """Make a copy of a recorded file, which the execution that it came with may not outlive."""
        reader = None
        try:
            reader = await self._artifacts.open(path)
            await self._artifacts.put(to, aiter(reader))
        except NotFound:
            raise Conflict(
                f"The file of input {name!r} was deleted meanwhile: give it anew."
            ) from None
        finally:
            if reader is not None:
                await reader.aclose()
