"""Deployments: create, change, delete, and the calls of endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from headrace.control import deployment_records as records
from headrace.control.clock import now
from headrace.control.deletion import Deletion
from headrace.control.deployment_drafts import DeploymentChange, DeploymentDraft
from headrace.control.endpoint_cache import Endpoint, EndpointCache
from headrace.control.executions import Executions
from headrace.control.schedules import Schedules
from headrace.control.sealing import Keys
from headrace.control.submission import Order, Submission, UploadedFile
from headrace.control.warm import Pods
from headrace.core.deployments import (
    Deployment,
    Mode,
    check_endpoint_files,
    check_endpoint_token,
    check_url_path,
    mint_endpoint_token,
    with_new_values,
)
from headrace.core.destinations import OutputDestination
from headrace.core.errors import (
    Conflict,
    InvalidRequest,
    InvalidSchedule,
    NotFound,
    Unauthenticated,
)
from headrace.core.low_latency import LowLatency, read_low_latency
from headrace.core.mappings import MappedInput, MappedOutput, map_parameters
from headrace.core.names import check_name, new_id
from headrace.core.retries import Retries
from headrace.core.schedule_requests import read_schedule
from headrace.core.sources import GivenValue, InputSource, Rule
from headrace.core.tokens import User, same_token
from headrace.core.values import Json
from headrace.store import deployments as rows
from headrace.store.database import Database

KEY_LIFETIME = timedelta(days=1)
"""How long a repeated call with the same idempotency key returns the first execution."""


class Deployments:
    """The verbs of deployments. ``pods`` and ``deletion`` are set once, by the assembly."""

    pods: Pods
    deletion: Deletion

    def __init__(
        self,
        database: Database,
        keys: Keys,
        executions: Executions,
        submission: Submission,
        schedules: Schedules,
    ) -> None:
        self.endpoints = EndpointCache()
        self._database = database
        self._keys = keys
        self._executions = executions
        self._submission = submission
        self._schedules = schedules

    async def create(self, draft: DeploymentDraft, user: User) -> tuple[Deployment, str | None]:
        """Create a deployment; return it with its token, if it is an endpoint.

        Raises:
            NotFound: There is no such pipeline.
            Conflict: The pipeline is not ready.
            AlreadyExists: The name or the URL path is taken.
            InvalidRequest: Of the kind that says what is wrong; nothing was recorded.
        """
        check_name(draft.name, "the deployment's name")
        is_endpoint = draft.rule is Rule.ENDPOINT
        url_path = check_url_path(draft.url_path or draft.name) if is_endpoint else None
        token = _token(draft) if is_endpoint else None
        schedule = None if is_endpoint else read_schedule(draft.schedule)
        pipeline = await self._executions.ready_pipeline(draft.pipeline_name)
        inputs, outputs = map_parameters(
            draft.rule,
            (pipeline.inputs, pipeline.outputs),
            draft.inputs_mapping,
            draft.outputs_mapping,
        )
        check_endpoint_files(inputs, outputs)
        at = now()
        deployment = Deployment(
            id=new_id(),
            name=draft.name,
            pipeline=pipeline,
            rule=draft.rule,
            mode=Mode.ELASTIC if draft.low_latency is None else Mode.LOW_LATENCY,
            description=draft.description,
            sources=_sources(inputs),
            destinations=_destinations(outputs),
            is_enabled=draft.is_enabled,
            created_at=at,
            created_by=user.id,
            updated_at=at,
            updated_by=user.id,
            url_path=url_path,
            timeout_s=draft.timeout_s,
            retries=draft.retries,
            schedule=schedule,
            next_fire_at=None if schedule is None else schedule.cron.next_after(at),
            low_latency=draft.low_latency,
        )
        sealed = None if token is None else self._keys.seal(token)
        await self._database.write(records.add, deployment, sealed)
        self._tell(deployment)
        return deployment, token

    async def get(self, name: str) -> Deployment:
        """Return a deployment.

        Raises:
            NotFound: There is no such deployment.
        """
        return (await self._with_token(name))[0]

    async def token_of(self, name: str) -> str | None:
        """Return the token of an endpoint, or None if the deployment is none.

        Raises:
            NotFound: There is no such deployment.
        """
        return (await self._with_token(name))[1]

    async def all(self) -> list[Deployment]:
        """Return all deployments, oldest first."""
        return await self._database.read(rows.all_deployments)

    async def update(self, name: str, change: DeploymentChange, user: User) -> Deployment:
        """Change a deployment and return it as it is then.

        Disabling lets what runs go on; it refuses what comes. Fire times up to now follow the
        schedule as it was, later ones the schedule as it becomes.

        Raises:
            NotFound: There is no such deployment.
            InvalidMapping: The change is more than a new value of a constant or a path.
            InvalidSchedule: The schedule cannot be used, or the deployment is an endpoint.
        """
        at = now()

        def apply(deployment: Deployment) -> Deployment:
            return changed_deployment(deployment, change, at, user)

        deployment, fired = await self._database.write(
            records.change, name, apply, at, self._executions.admission.worker_id
        )
        self._schedules.follow_up(fired)
        self._tell(deployment)
        return deployment

    async def renew_token(self, name: str, chosen: str | None) -> str:
        """Give an endpoint another token, good at once, the old one void at once; return it.

        Raises:
            NotFound: There is no such endpoint.
            InvalidRequest: The chosen token cannot be used.
        """
        token = mint_endpoint_token() if chosen is None else check_endpoint_token(chosen)
        await self._database.write(records.change_token, name, self._keys.seal(token))
        self.endpoints.forget()
        return token

    async def delete(self, name: str) -> Deployment:
        """Delete a deployment; what it has pending or running is cancelled, its history stays.

        Raises:
            NotFound: There is no such deployment.
        """
        deployment = await self.get(name)
        await self.deletion.of_deployment(deployment.id)
        return deployment

    async def latest_execution(self, name: str) -> str | None:
        """Return the id of a deployment's newest execution, or None.

        Raises:
            NotFound: There is no such deployment.
        """
        deployment = await self.get(name)
        return await self._database.read(rows.latest_execution_id, deployment.id)

    async def endpoint(self, path: str, token: str) -> Deployment:
        """Return the endpoint at a URL path to whoever has its token.

        Raises:
            NotFound: There is no such endpoint.
            Unauthenticated: The token is not this endpoint's.
        """
        endpoint = self.endpoints.find(path)
        if endpoint is None:
            changes = self.endpoints.changes
            found = await self._database.read(rows.deployment_by_url_path, path)
            if found is None or found[1] is None:
                raise NotFound(f"There is no endpoint {path!r}.")
            endpoint = Endpoint(found[0], self._keys.unseal(found[1]))
            self.endpoints.keep(path, endpoint, changes)
        if not same_token(token, endpoint.token):
            raise Unauthenticated(f"The token is not that of the endpoint {path!r}.")
        return endpoint.deployment

    async def trigger(
        self,
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
        if not any(isinstance(source, GivenValue) for _, source in deployment.sources):
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
        self.endpoints.forget()
        if deployment.schedule is not None:
            self._schedules.changed()
        if deployment.low_latency is not None:
            if not deployment.is_enabled:
                # Whoever disabled it is shown no pods, however soon the signal is heard.
                self.pods.begin_to_retire(deployment.id)
            self.pods.changed()

    async def _with_token(self, name: str) -> tuple[Deployment, str | None]:
        found = await self._database.read(rows.deployment_by_name, name)
        if found is None:
            raise records.no_deployment(name)
        deployment, sealed = found
        return deployment, None if sealed is None else self._keys.unseal(sealed)


def changed_deployment(
    deployment: Deployment, change: DeploymentChange, at: datetime, user: User
) -> Deployment:
    """Return a deployment after a change.

    Raises:
        InvalidRequest: Of the kind that says what is wrong.
    """
    schedule, retries = deployment.schedule, deployment.retries
    if not change.schedule.is_empty:
        if schedule is None:
            raise InvalidSchedule(
                f"Deployment {deployment.name!r} is an endpoint, so it has no schedule to change."
            )
        schedule = read_schedule(change.schedule, schedule)
    changed = replace(
        deployment,
        sources=with_new_values("input", deployment.sources, change.inputs_mapping or ()),
        destinations=with_new_values(
            "output", deployment.destinations, change.outputs_mapping or ()
        ),
        is_enabled=deployment.is_enabled if change.is_enabled is None else change.is_enabled,
        updated_at=at,
        updated_by=user.id,
        schedule=schedule,
        low_latency=changed_low_latency(deployment, change),
        timeout_s=deployment.timeout_s if change.timeout_s is None else change.timeout_s,
        retries=Retries(
            retries.most if change.retries is None else change.retries,
            retries.backoff_s if change.retry_backoff_s is None else change.retry_backoff_s,
        ),
    )
    # New values have to fit the inputs as the first ones had to.
    pipeline = changed.pipeline
    map_parameters(
        changed.rule, (pipeline.inputs, pipeline.outputs), changed.sources, changed.destinations
    )
    return changed


def changed_low_latency(deployment: Deployment, change: DeploymentChange) -> LowLatency | None:
    """Return how the pods of a deployment are kept after a change.

    Raises:
        InvalidRequest: It is elastic, or an option cannot be used.
    """
    present = deployment.low_latency
    if not change.low_latency and not change.replaces_pods:
        return present
    if present is None:
        raise InvalidRequest(
            f"Deployment {deployment.name!r} is elastic, so it has no pods to change."
        )
    after = read_low_latency(change.low_latency, present)
    return replace(after, generation=present.generation + change.replaces_pods)


def _token(draft: DeploymentDraft) -> str:
    return mint_endpoint_token() if draft.token is None else check_endpoint_token(draft.token)


def _sources(inputs: Sequence[MappedInput]) -> tuple[tuple[str, InputSource], ...]:
    return tuple((item.parameter.name, item.source) for item in inputs)


def _destinations(outputs: Sequence[MappedOutput]) -> tuple[tuple[str, OutputDestination], ...]:
    return tuple((item.parameter.name, item.destination) for item in outputs)
