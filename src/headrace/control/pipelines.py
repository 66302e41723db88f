"""Pipelines: create, delete, and what a build needs to know and to record."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from headrace.bundles.contents import taken_places
from headrace.bundles.port import Bundles
from headrace.control.attaching import places_of, refuse_taken
from headrace.control.deletion import Deletion
from headrace.control.intake import Intake
from headrace.control.pipeline_drafts import (
    CheckFunction,
    PipelineDraft,
    check_code,
    check_image,
    check_machine,
    checked_function,
    overlooked,
)
from headrace.control.transactions import pipelines as records
from headrace.control.transactions import versions as version_records
from headrace.control.transactions.versions import Recorded
from headrace.core.clock import now
from headrace.core.compatibility import refuse
from headrace.core.dockerfiles import refuse_version
from headrace.core.environments import python_version
from headrace.core.errors import NotFound
from headrace.core.names import check_name, new_id
from headrace.core.parameters import check_parameters
from headrace.core.pipelines import (
    WARNING,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
)
from headrace.core.scopes import Scope
from headrace.core.sources import Rule
from headrace.core.steps import shown_name
from headrace.engines.port import Images
from headrace.environments.port import Builder
from headrace.logs.files import LogFiles, append_line
from headrace.signals.port import BUILDS, Signals, pipeline_topic
from headrace.signals.waiting import wait_until_over
from headrace.store import deployments
from headrace.store import pipelines as rows
from headrace.store.database import Database
from headrace.store.versions import build_ids


class Pipelines:
    """The verbs of pipelines."""

    def __init__(
        self,
        database: Database,
        signals: Signals,
        bundles: Bundles,
        builder: Builder,
        logs: LogFiles,
        deletion: Deletion,
        check_function: CheckFunction,
        intake: Intake,
        images: Images,
    ) -> None:
        self._database = database
        self._signals = signals
        self._bundles = bundles
        self._builder = builder
        self._logs = logs
        self._deletion = deletion
        self._check_function = check_function
        self._intake = intake
        self._images = images

    async def create(self, scope: Scope, draft: PipelineDraft) -> Recorded:
        """Accept a pipeline and have it built; what can be checked at once is checked here.

        A pipeline whose creation failed may be created again under its name. With ``replaces``,
        one that exists gets another version, unless that would run what the current one does.

        Raises:
            AlreadyExists: The name is taken.
            BreakingChange: The version would break deployments or callers, and is not forced.
            InvalidRequest: Of the kind that says what is wrong; nothing was recorded.
            ServerPaused: The server takes no work.
        """
        self._intake.check()
        check_name(shown_name(draft.name), "the pipeline's name")
        check_parameters(draft.inputs, draft.outputs)
        path, function = checked_function(draft)
        if not draft.replaces:
            await self._check_free(draft.name)
        bundle = await self._bundles.keep(draft.archive, draft.max_bytes)
        pipeline = self._drafted(scope, draft, bundle.digest, (path, function))
        if not draft.replaces:
            await self._check(draft, bundle.folder, (path, function))
            replaced = await self._database.write(records.add, pipeline)
            if replaced is not None:
                await self._logs.remove(self._logs.of_build(replaced))
            return await self._begin_build(Recorded(pipeline, is_new=True), draft, bundle.folder)
        digest = pipeline.version.digest
        if await self._database.read(version_records.unchanged, draft.name, digest) is None:
            await self._check(draft, bundle.folder, (path, function))
            await self._check_places(draft.name, bundle.folder, pipeline.version)
            if not draft.is_forced:
                await self._check_compatible(pipeline)
        recorded = await self._database.write(version_records.add_version, pipeline)
        return await self._begin_build(recorded, draft, bundle.folder)

    def _drafted(
        self, scope: Scope, draft: PipelineDraft, bundle: str, function: tuple[str, str]
    ) -> Pipeline:
        """Return the pipeline that a draft asks for, as if it were the first of its name."""
        at = now()
        version = PipelineVersion(
            id=new_id(),
            number=1,
            function_path=function[0],
            function_name=function[1],
            config=draft.config,
            origin=draft.origin,
            bundle=bundle,
            created_at=at,
            created_by=scope.user.id,
            inputs=draft.inputs,
            outputs=draft.outputs,
            message=draft.message,
            commit_id=draft.commit_id,
            calling=draft.calling,
            is_forced=draft.is_forced,
            template=draft.template,
        )
        return Pipeline(new_id(), draft.name, at, scope.user.id, version, draft.description)

    async def _check(self, draft: PipelineDraft, folder: Path, function: tuple[str, str]) -> None:
        if draft.config.dockerfile_path is not None:
            await check_image(self._images, folder, draft.config)
            return
        # In a thread: interpreters and databases of packages are asked by starting programs.
        await asyncio.to_thread(check_machine, self._builder, draft.config)
        python = self._builder.interpreters()[python_version(draft.config.language or "")]
        await check_code(self._check_function, python, folder, draft, function)

    async def _check_compatible(self, pipeline: Pipeline) -> None:
        present = await self._database.read(rows.pipeline_by_name, pipeline.name)
        if present is not None:
            breaks = await self._database.read(version_records.breaks_of, present, pipeline.version)
            refuse(pipeline.name, None, breaks)

    async def _check_places(self, name: str, folder: Path, version: PipelineVersion) -> None:
        """Refuse a version that deployments cannot have, or without place for attached files."""
        present = await self._database.read(rows.pipeline_by_name, name)
        if present is not None:
            following = await self._database.read(deployments.following, present.id)
            refuse_version(version, following)
            refuse_taken({one.name: taken_places(folder, places_of(one)) for one in following})

    async def _begin_build(
        self, recorded: Recorded, draft: PipelineDraft, folder: Path
    ) -> Recorded:
        if recorded.is_new:
            for line in overlooked(draft, folder):
                await asyncio.to_thread(self._note, recorded.pipeline, line)
            self._signals.notify(BUILDS)
        return recorded

    def _note(self, pipeline: Pipeline, line: str) -> None:
        with contextlib.suppress(OSError):
            append_line(self._logs.of_build(pipeline.build_id), f"{WARNING}{line}")

    async def check_images(self, scope: Scope) -> None:
        """Refuse pipelines that are made from a Dockerfile if none can be built here.

        Raises:
            InvalidEnvironment: No container engine works; the message says what was tried.
        """
        await self._images.check()

    async def pythons(self, scope: Scope) -> list[str]:
        """Return the versions of Python that pipelines can have here, the oldest first."""
        del scope  # Whoever may look sees the same.
        found = await asyncio.to_thread(self._builder.interpreters)
        return sorted(found, key=lambda version: tuple(map(int, version.split("."))))

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
        builds = await self._database.read(build_ids, pipeline.id)
        deployments = await self._deletion.of_pipeline(pipeline, with_deployments=with_deployments)
        self._signals.notify(pipeline_topic(name))
        for build_id in builds:
            await self._logs.remove(self._logs.of_build(build_id))
        return pipeline, [(found, rule) for _, found, rule in deployments]

    async def _check_free(self, name: str) -> None:
        present = await self._database.read(rows.pipeline_by_name, name)
        if present is not None and present.status is not PipelineStatus.FAILED:
            raise records.taken(name)
