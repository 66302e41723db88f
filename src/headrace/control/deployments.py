"""Deployments: create, change, delete, and the calls of endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from headrace.control.admission import Admission
from headrace.control.attaching import Attaching
from headrace.control.deletion import Deletion
from headrace.control.drafted_deployments import DraftedDeployments
from headrace.control.endpoint_cache import Endpoint, EndpointCache
from headrace.control.orders import Order, UploadedFile
from headrace.control.schedules import Schedules
from headrace.control.sealing import Keys
from headrace.control.submission import Submission
from headrace.control.transactions import deployments as records
from headrace.control.warm import Pods
from headrace.core.clock import now
from headrace.core.deployment_drafts import (
    DeploymentChange,
    DeploymentDraft,
    changed_deployment,
)
from headrace.core.deployments import Deployment, check_endpoint_token, mint_endpoint_token
from headrace.core.errors import (
    Conflict,
    NotFound,
    Unauthenticated,
)
from headrace.core.execution_filters import ExecutionFilter
from headrace.core.mappings import takes_values
from headrace.core.rights import Right
from headrace.core.scopes import Scope
from headrace.core.tokens import same_token
from headrace.core.values import Json
from headrace.store import deployments as rows
from headrace.store import listings
from headrace.store.database import Database
from headrace.store.execution_search import latest_id

KEY_LIFETIME = timedelta(days=1)
"""Time in which a repeated call with the same idempotency key returns the first execution."""


class Deployments:
    """The verbs of deployments."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        drafted: DraftedDeployments,
        submission: Submission,
        schedules: Schedules,
        worker: Admission,
        pods: Pods,
        endpoints: EndpointCache,
        deletion: Deletion,
        attaching: Attaching,
    ) -> None:
        self._database = database
        self._keys = keys
        self._drafted = drafted
        self._submission = submission
        self._schedules = schedules
        self._worker = worker
        self._pods = pods
        self._endpoints = endpoints
        self._deletion = deletion
        self._attaching = attaching

    async def create(self, scope: Scope, draft: DeploymentDraft) -> tuple[Deployment, str | None]:
        """Create a deployment; return it with its token, if it is an endpoint.

        Raises:
            NotFound: There is no such pipeline.
            Conflict: The pipeline is not ready.
            AlreadyExists: The name or the URL path is taken.
            InvalidRequest: Of the kind that says what is wrong; nothing was recorded.
        """
        deployment, token = await self._drafted.made(scope, draft)
        sealed = None if token is None else self._keys.seal(token)
        await self._database.write(records.add, deployment, sealed)
        self._tell(deployment)
        return deployment, token

    async def check(self, scope: Scope, draft: DeploymentDraft) -> Deployment:
        """Return the deployment that :meth:`create` would make; nothing is recorded.

        Raises:
            HeadraceError: What :meth:`create` would raise now.
        """
        deployment, _ = await self._drafted.made(scope, draft)
        await self._database.read(records.check_new, deployment)
        return deployment

    async def get(self, scope: Scope, name: str) -> Deployment:
        """Return a deployment.

        Raises:
            NotFound: There is no such deployment.
        """
        return (await self._with_token(name))[0]

    async def token_of(self, scope: Scope, name: str) -> str | None:
        """Return the token of an endpoint, or None if there is none, or the caller may not see it.

        Raises:
            NotFound: There is no such deployment.
        """
        if Right.ENDPOINT_TOKENS not in scope.may:
            return None
        return (await self._with_token(name))[1]

    async def all(self, scope: Scope) -> list[Deployment]:
        """Return all deployments, oldest first."""
        return await self._database.read(listings.all_deployments)

    async def update(self, scope: Scope, name: str, change: DeploymentChange) -> Deployment:
        """Change a deployment and return it as it is then.

        Disabling lets what runs go on; it refuses what comes. Fire times up to now follow the
        schedule as it was, later ones the schedule as it becomes.

        Raises:
            NotFound: There is no such deployment.
            Conflict: The version that it is to run cannot.
            BreakingChange: That version would break its mapping or its callers; not if forced.
            InvalidMapping: The change is more than a new value of a constant or a path.
            InvalidSchedule: The schedule cannot be used, or the deployment is an endpoint.
            InvalidRequest: A file cannot be attached.
        """
        await self._attaching.check_change(await self.get(scope, name), change)
        at, user = now(), scope.user

        def apply(deployment: Deployment) -> Deployment:
            return changed_deployment(deployment, change, at, user)

        deployment, fired = await self._database.write(
            records.change, name, apply, at, self._worker.worker_id, _pin_of(change)
        )
        self._schedules.follow_up(fired)
        self._tell(deployment)
        return deployment

    async def check_update(self, scope: Scope, name: str, change: DeploymentChange) -> Deployment:
        """Return the deployment as :meth:`update` would make it; nothing is recorded.

        Raises:
            HeadraceError: What :meth:`update` would raise now.
        """
        await self._attaching.check_change(await self.get(scope, name), change)
        at, user = now(), scope.user

        def apply(deployment: Deployment) -> Deployment:
            return changed_deployment(deployment, change, at, user)

        before, after = await self._database.read(records.changed, name, apply, _pin_of(change))
        if after.schedule is None or after.schedule == before.schedule:
            return after
        return replace(after, next_fire_at=after.schedule.cron.next_after(at))

    async def renew_token(self, scope: Scope, name: str, chosen: str | None) -> str:
        """Give an endpoint another token, good at once, the old one void at once; return it.

        Raises:
            NotFound: There is no such endpoint.
            InvalidRequest: The chosen token cannot be used.
        """
        token = mint_endpoint_token() if chosen is None else check_endpoint_token(chosen)
        await self._database.write(records.change_token, name, self._keys.seal(token))
        self._endpoints.forget()
        return token

    async def delete(self, scope: Scope, name: str) -> Deployment:
        """Delete a deployment; what it has pending or running is cancelled, its history stays.

        Raises:
            NotFound: There is no such deployment.
        """
        deployment = await self.get(scope, name)
        await self._deletion.of_deployment(deployment.id)
        return deployment

    async def latest_execution(self, scope: Scope, name: str) -> str | None:
        """Return the id of a deployment's newest execution, or None.

        Raises:
            NotFound: There is no such deployment.
        """
        deployment = await self.get(scope, name)
        return await self._database.read(latest_id, ExecutionFilter(deployment_id=deployment.id))

    async def endpoint(self, path: str, token: str) -> Endpoint:
        """Return the endpoint at a URL path to whoever has its token.

        Raises:
            NotFound: There is no such endpoint.
            Unauthenticated: The token is not this endpoint's.
        """
        endpoint = await self.endpoint_at(path)
        if not same_token(token, endpoint.token):
            raise Unauthenticated(f"The token is not that of the endpoint {path!r}.")
        return endpoint

    async def endpoint_at(self, path: str) -> Endpoint:
        """Return the endpoint at a URL path, for those who compare the token themselves.

        Raises:
            NotFound: There is no such endpoint.
        """
        endpoint = self._endpoints.find(path)
        if endpoint is None:
            changes = self._endpoints.changes
            found = await self._database.read(rows.deployment_by_url_path, path)
            if found is None or found[1] is None:
                raise NotFound(f"There is no endpoint {path!r}.")
            endpoint = Endpoint(found[0], self._keys.unseal(found[1]))
            self._endpoints.keep(path, endpoint, changes)
        return endpoint

    async def trigger(
        self,
        scope: Scope,
        deployment: Deployment,
        values: Mapping[str, Json],
        files: Mapping[str, UploadedFile],
        idempotency_key: str | None = None,
    ) -> str:
        """Accept a call of a deployment and return the execution's id.

        Raises:
            Conflict: The deployment is disabled, or the key was used for another request.
            InvalidValue, TooLarge: What was sent does not fit; nothing was recorded.
        """
        if not deployment.is_enabled:
            raise Conflict(f"Deployment {deployment.name!r} is disabled: enable it first.")
        if not takes_values(deployment.inputs):
            # Nothing comes from the call, so whatever it brings is ignored; the specification's
            # own example of environment variables sends values to such an endpoint.
            values, files = {}, {}
        return await self._submission.submit(
            Order(
                pipeline=deployment.pipeline,
                inputs=deployment.inputs,
                outputs=deployment.outputs,
                values=values,
                files=files,
                created_by=deployment.created_by,
                deployment=deployment,
                idempotency_key=idempotency_key,
            )
        )

    def _tell(self, deployment: Deployment) -> None:
        """Tell those who act on a deployment that it is new or has changed."""
        self._endpoints.forget()
        if deployment.schedule is not None:
            self._schedules.changed()
        if deployment.low_latency is not None:
            if not deployment.is_enabled:
                # Whoever disabled it is shown no pods, however soon the signal is heard.
                self._pods.begin_to_retire(deployment.id)
            self._pods.changed()

    async def _with_token(self, name: str) -> tuple[Deployment, str | None]:
        found = await self._database.read(rows.deployment_by_name, name)
        if found is None:
            raise records.no_deployment(name)
        deployment, sealed = found
        return deployment, None if sealed is None else self._keys.unseal(sealed)


def _pin_of(change: DeploymentChange) -> records.Pin | None:
    return None if change.pin is None else records.Pin(change.pin[0], change.is_forced)
