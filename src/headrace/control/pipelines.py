"""Pipelines: create, delete, and what a build needs to know and to record."""

from __future__ import annotations

import asyncio
import contextlib

from headrace.bundles.store import BundleStore
from headrace.control.deletion import Deletion
from headrace.control.pipeline_drafts import (
    CheckFunction,
    PipelineDraft,
    check_code,
    check_machine,
    overlooked,
)
from headrace.control.transactions import pipelines as records
from headrace.core.clock import now
from headrace.core.environments import python_version
from headrace.core.errors import NotFound
from headrace.core.names import check_name, new_id
from headrace.core.parameters import check_parameters
from headrace.core.pipelines import (
    WARNING,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
    check_function,
)
from headrace.core.scopes import Scope
from headrace.core.sources import Rule
from headrace.environments.port import Builder
from headrace.logs.files import LogFiles, append_line
from headrace.signals.port import BUILDS, Signals, pipeline_topic
from headrace.signals.waiting import wait_until_over
from headrace.store import pipelines as rows
from headrace.store.database import Database


class Pipelines:
    """The verbs of pipelines."""

    def __init__(
        self,
        database: Database,
        signals: Signals,
        bundles: BundleStore,
        builder: Builder,
        logs: LogFiles,
        deletion: Deletion,
        check_function: CheckFunction,
    ) -> None:
        self._database = database
        self._signals = signals
        self._bundles = bundles
        self._builder = builder
        self._logs = logs
        self._deletion = deletion
        self._check_function = check_function

    async def create(self, scope: Scope, draft: PipelineDraft) -> Pipeline:
        """Accept a pipeline and have it built; what can be checked at once is checked here.

        A pipeline whose creation failed may be created again under its name.

        Raises:
            AlreadyExists: The name is taken.
            InvalidRequest: Of the kind that says what is wrong; nothing was recorded.
        """
        check_name(draft.name, "the pipeline's name")
        check_parameters(draft.inputs, draft.outputs)
        path, function = check_function(draft.function_path, draft.function_name)
        await self._check_free(draft.name)
        # In a thread: interpreters and databases of packages are asked by starting programs.
        await asyncio.to_thread(check_machine, self._builder, draft.config)
        bundle = await asyncio.to_thread(self._bundles.keep, draft.archive)
        python = self._builder.interpreters()[python_version(draft.config.language)]
        await check_code(self._check_function, python, bundle.folder, draft, (path, function))
        at = now()
        version = PipelineVersion(
            id=new_id(),
            number=1,
            function_path=path,
            function_name=function,
            config=draft.config,
            origin=draft.origin,
            commit_id=draft.commit_id,
            bundle=bundle.digest,
            created_at=at,
            created_by=scope.user.id,
            inputs=draft.inputs,
            outputs=draft.outputs,
        )
        pipeline = Pipeline(new_id(), draft.name, at, scope.user.id, version, draft.description)
        replaced = await self._database.write(records.add, pipeline)
        if replaced is not None:
            self._logs.remove(self._logs.of_build(replaced))
        for line in overlooked(draft, bundle.folder):
            await asyncio.to_thread(self._note, pipeline, line)
        self._signals.notify(BUILDS)
        return pipeline

    def _note(self, pipeline: Pipeline, line: str) -> None:
        with contextlib.suppress(OSError):
            append_line(self._logs.of_build(pipeline.id), f"{WARNING}{line}")

    async def get(self, scope: Scope, name: str) -> Pipeline:
        """Return a pipeline.

        Raises:
            NotFound: There is no such pipeline.
        """
        pipeline = await self._database.read(rows.pipeline_by_name, name)
        if pipeline is None:
            raise NotFound(f"There is no pipeline {name!r}.")
        return pipeline

    async def wait(self, scope: Scope, name: str, timeout_s: float) -> Pipeline:
        """Return a pipeline as soon as its build has ended, or as it is after ``timeout_s``.

        Raises:
            NotFound: There is no such pipeline (any more).
        """
        return await wait_until_over(
            self._signals,
            pipeline_topic(name),
            lambda: self.get(scope, name),
            lambda pipeline: pipeline.status is not PipelineStatus.PENDING,
            timeout_s,
        )

    async def delete(
        self, scope: Scope, name: str, *, with_deployments: bool
    ) -> tuple[Pipeline, list[tuple[str, Rule]]]:
        """Delete a pipeline with its executions; those that have not ended are cancelled.

        When this returns, it is gone for everybody and its name is free. If it has many executions,
        their rows and files go afterwards, little by little.

        Args:
            scope: The caller.
            name: The pipeline.
            with_deployments: Whether its deployments are deleted as well.

        Returns:
            What was deleted: the pipeline, name and rule of each deployment.

        Raises:
            NotFound: There is no such pipeline.
            InUse: It has deployments, and they are not to be deleted.
        """
        pipeline = await self.get(scope, name)
        deployments = await self._deletion.of_pipeline(pipeline, with_deployments=with_deployments)
        self._signals.notify(pipeline_topic(name))
        self._logs.remove(self._logs.of_build(pipeline.id))
        return pipeline, [(found, rule) for _, found, rule in deployments]

    async def pending(self) -> list[Pipeline]:
        """Return the pipelines whose build has not ended, oldest first."""
        return await self._database.read(rows.pending_pipelines)

    async def end_build(
        self, pipeline: Pipeline, *, environment: str | None, failure: str | None
    ) -> bool:
        """Record how a build ended; False if the pipeline is gone."""
        recorded = await self._database.write(
            rows.end_build, pipeline.version.id, environment=environment, failure=failure
        )
        self._signals.notify(pipeline_topic(pipeline.name))
        return recorded

    async def _check_free(self, name: str) -> None:
        present = await self._database.read(rows.pipeline_by_name, name)
        if present is not None and present.status is not PipelineStatus.FAILED:
            raise records.taken(name)
