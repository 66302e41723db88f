"""Steps: create, show, delete, and pipelines that are made of one (wire contract, 5.2)."""

from __future__ import annotations

from dataclasses import replace

from headrace.control.pipeline_drafts import PipelineDraft
from headrace.control.pipelines import Pipelines
from headrace.control.transactions import pipelines as records
from headrace.core.clock import now
from headrace.core.errors import Conflict, InUse, NotFound
from headrace.core.names import check_name, new_id
from headrace.core.pipelines import Pipeline, PipelineStatus
from headrace.core.scopes import Scope
from headrace.core.steps import hidden_name, is_hidden
from headrace.signals.port import Signals, pipeline_topic
from headrace.signals.waiting import wait_until_over
from headrace.store import pipelines as rows
from headrace.store.database import Database


class Steps:
    """The verbs of steps. Each step is given as the pipeline that it is kept as."""

    def __init__(self, database: Database, signals: Signals, pipelines: Pipelines) -> None:
        self._database = database
        self._signals = signals
        self._pipelines = pipelines

    async def create(self, scope: Scope, draft: PipelineDraft) -> Pipeline:
        """Accept a step and have it built, as a pipeline is.

        Raises:
            AlreadyExists: The name is taken.
            InvalidRequest: Of the kind that says what is wrong; nothing was recorded.
        """
        hidden = replace(draft, name=hidden_name(draft.name))
        return (await self._pipelines.create(scope, hidden)).pipeline

    async def get(self, scope: Scope, name: str) -> Pipeline:
        """Return a step; a pipeline that was made without one is its own.

        Raises:
            NotFound: There is no such step.
        """
        for found in (hidden_name(name), name):
            step = await self._database.read(rows.pipeline_by_name, found)
            if step is not None:
                return step
        raise NotFound(f"There is no step {name!r}.")

    async def own(self, scope: Scope, name: str) -> Pipeline:
        """Return a step that was made as one, and can be changed.

        Raises:
            NotFound: There is no such step.
            InUse: It is a pipeline that was made without a step.
        """
        step = await self.get(scope, name)
        if not is_hidden(step.name):
            raise InUse(
                f"{name!r} is a pipeline that was made without a step: change or delete that."
            )
        return step

    async def wait(self, scope: Scope, name: str, timeout_s: float) -> Pipeline:
        """Return a step as soon as its build has ended, or as it is after ``timeout_s``.

        Raises:
            NotFound: There is no such step (any more).
        """
        return await wait_until_over(
            self._signals,
            pipeline_topic((await self.get(scope, name)).name),
            lambda: self.get(scope, name),
            lambda step: step.status is not PipelineStatus.PENDING,
            timeout_s,
        )

    async def all(self, scope: Scope) -> list[Pipeline]:
        """Return all steps, oldest first."""
        return await self._database.read(rows.all_steps)

    async def make_pipeline(self, scope: Scope, name: str, step_name: str) -> Pipeline:
        """Create a pipeline that runs what a step is now; it is ready when this returns.

        Raises:
            NotFound: There is no such step.
            Conflict: The step is not ready.
            AlreadyExists: The name is taken.
        """
        check_name(name, "pipeline_name")
        step = await self.get(scope, step_name)
        if step.status is not PipelineStatus.READY:
            raise Conflict(f"The step {step_name!r} is {step.status}, not ready.")
        at = now()
        version = replace(
            step.version, id=new_id(), number=1, created_at=at, created_by=scope.user.id
        )
        pipeline = Pipeline(
            new_id(), name, at, scope.user.id, version, step.description, step_name=step_name
        )
        await self._database.write(records.add, pipeline)
        return pipeline

    async def delete(self, scope: Scope, name: str, *, with_dependents: bool) -> Pipeline:
        """Delete a step, and the pipelines that are made of it if that is wanted.

        Raises:
            NotFound: There is no such step.
            InUse: Pipelines are made of it, and they are not to be deleted.
        """
        step = await self.own(scope, name)
        made = await self._database.read(rows.pipelines_of_step, name)
        if made and not with_dependents:
            names = ", ".join(pipeline.name for pipeline in made)
            raise InUse(
                f"Pipelines are made of the step {name!r}: {names}. Delete them first, or delete "
                "all at once with force_dependents_deletion=true."
            )
        for pipeline in made:
            await self._pipelines.delete(scope, pipeline.name, with_deployments=True)
        await self._pipelines.delete(scope, step.name, with_deployments=True)
        return step
