"""Versions of pipelines: show them, go back to one, and the end of each build."""

from __future__ import annotations

from dataclasses import replace

from headrace.control.admission import Admission
from headrace.control.attaching import Attaching
from headrace.control.endpoint_cache import EndpointCache
from headrace.control.schedules import Schedules
from headrace.control.transactions import versions as records
from headrace.control.transactions.schedules import Fired
from headrace.control.warm import Pods
from headrace.core.clock import now
from headrace.core.compatibility import Break, with_version
from headrace.core.deployments import Deployment
from headrace.core.pipelines import Pipeline, PipelineStatus, PipelineVersion
from headrace.core.scopes import Scope
from headrace.signals.port import Signals, pipeline_topic
from headrace.signals.waiting import wait_until_over
from headrace.store import pipelines as pipeline_rows
from headrace.store import versions as rows
from headrace.store.database import Database


class Versions:
    """The verbs of versions. Whoever acts on the current one is told when another one is."""

    def __init__(
        self,
        database: Database,
        signals: Signals,
        worker: Admission,
        schedules: Schedules,
        endpoints: EndpointCache,
        pods: Pods,
        attaching: Attaching,
    ) -> None:
        self._database = database
        self._signals = signals
        self._worker = worker
        self._schedules = schedules
        self._endpoints = endpoints
        self._pods = pods
        self._attaching = attaching

    async def all(
        self, scope: Scope, pipeline: Pipeline, *, limit: int, before: int | None
    ) -> list[Pipeline]:
        """Return a pipeline with each of its versions, newest first, those before a number."""
        return await self._database.read(
            rows.list_versions, pipeline.id, limit=limit, before=before
        )

    async def get(self, scope: Scope, pipeline: Pipeline, number: int | None) -> Pipeline:
        """Return a pipeline with a version of it; the current one without a number.

        Raises:
            NotFound: There is no such version.
        """
        if number is None:
            return pipeline
        return await self._database.read(records.version_of, pipeline, number)

    async def of_call(self, scope: Scope, deployment: Deployment, number: int | None) -> Deployment:
        """Return a deployment with the version that is to make a call of it.

        That is the one that its caller asks for by number, or else the one that answers now. What
        the pods do not have is made by an elastic execution, with a mapping that fits it.

        Raises:
            NotFound: There is no such version.
            Conflict: It cannot run.
        """
        served = self._pods.served(deployment)
        if number is None or number == served.pipeline.version.number:
            return served
        found = await self._database.read(records.version_to_run, served.pipeline, number)
        return replace(with_version(served, found.version), low_latency=None)

    async def wait(
        self, scope: Scope, pipeline: Pipeline, number: int | None, timeout_s: float
    ) -> Pipeline:
        """Return :meth:`get` as soon as the build has ended, or as it is after ``timeout_s``.

        Raises:
            NotFound: There is no such version (any more).
        """
        return await wait_until_over(
            self._signals,
            pipeline_topic(pipeline.name),
            lambda: self.get(scope, pipeline, number),
            lambda found: found.status is not PipelineStatus.PENDING,
            timeout_s,
        )

    async def current_number(self, scope: Scope, pipeline: Pipeline) -> int | None:
        """Return the number of the current version, or None if the pipeline is gone."""
        return await self._database.read(rows.current_number, pipeline.id)

    async def breaks_of(
        self, scope: Scope, pipeline: Pipeline, version: PipelineVersion
    ) -> list[Break]:
        """Return what a version would break if it took the place of a pipeline's present one."""
        return await self._database.read(records.breaks_of, pipeline, version)

    async def roll_back(
        self, scope: Scope, name: str, number: int | None, *, is_forced: bool
    ) -> Pipeline:
        """Have another version be current, the one before without a number, and return it.

        Raises:
            NotFound: There is no such pipeline or version.
            Conflict: The version cannot run.
            BreakingChange: It would break deployments or callers, and is not forced.
            InvalidRequest: Its folder has something where files are attached to deployments.
        """
        target, following = await self._database.read(records.rollback_target, name, number)
        await self._attaching.check_version(target.version, following)
        pipeline, fired = await self._database.write(
            records.roll_back, name, number, now(), self._worker.worker_id, is_forced=is_forced
        )
        self._tell(name, fired)
        return pipeline

    async def pending(self) -> list[Pipeline]:
        """Return the pipelines with each version whose build has not ended, oldest first."""
        return await self._database.read(pipeline_rows.pending_pipelines)

    async def end_build(
        self, pipeline: Pipeline, *, environment: str | None, failure: str | None
    ) -> records.Ended:
        """Record how a build ended; a version that is ready becomes current if nothing forbids it.

        Both are one transaction, so that a crash leaves either none or both.
        """
        ended = await self._database.write(
            records.end_build,
            pipeline,
            environment=environment,
            failure=failure,
            at=now(),
            worker_id=self._worker.worker_id,
        )
        self._tell(pipeline.name, ended.fired)
        return ended

    def _tell(self, name: str, fired: Fired) -> None:
        """Tell those who act on the current version of a pipeline that it may be another one."""
        self._endpoints.forget()
        self._schedules.follow_up(fired)
        self._schedules.changed()
        self._pods.changed()
        self._signals.notify(pipeline_topic(name))
