"""Deployments: connect a pipeline to where its inputs come from and its outputs go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headrace.client.attached import Attach, AttachedCalls
from headrace.client.deployment_views import DeploymentViews
from headrace.client.mappings import InputSource, OutputDestination, mapping_objects
from headrace.client.messages import Json, Request
from headrace.client.parts import Object
from headrace.core.deployments import Mode
from headrace.core.errors import InvalidRequest
from headrace.core.sources import Rule
from headrace.wire import routes
from headrace.wire.route import Route

_CREATION_ROUTES = {
    Rule.ENDPOINT.value: routes.CREATE_ENDPOINT,
    Rule.PERIODIC.value: routes.CREATE_PERIODIC,
}
_CHECKS = {
    routes.CREATE_ENDPOINT: routes.CHECK_ENDPOINT,
    routes.CREATE_PERIODIC: routes.CHECK_PERIODIC,
}


class DeploymentCalls(DeploymentViews, AttachedCalls):
    """Deployments, however they are called."""

    def create_deployment(
        self,
        pipeline_name: str,
        deployment_name: str,
        execution_rule: str,
        mode: str = Mode.ELASTIC.value,
        schedule: str | None = None,
        endpoint_url_path: str | None = None,
        inputs_mapping: Sequence[InputSource] | None = None,
        outputs_mapping: Sequence[OutputDestination] | None = None,
        description: str | None = None,
        enable_parallel_executions: bool | None = None,
        max_parallel_executions_per_pod: int | None = None,
        ram_request: str | None = None,
        gpu_request: int | None = None,
        wait_for_completion: bool = True,
        timeout_s: float | None = None,
        execution_timeout_s: float | None = None,
        endpoint_token: str | None = None,
        *,
        timezone: str | None = None,
        missed: str | None = None,
        missed_window_s: float | None = None,
        overlap: str | None = None,
        jitter_s: float | None = None,
        retries: int | None = None,
        retry_backoff_s: float | None = None,
        is_enabled: bool | None = None,
        pods: int | None = None,
        idle_timeout_s: float | None = None,
        max_queue: int | None = None,
        pipeline_version: int | None = None,
        probe: Mapping[str, Any] | None = None,
        attach: Attach | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Create a deployment and return it.

        Args:
            pipeline_name: The pipeline that it runs.
            deployment_name: Its name.
            execution_rule: ``endpoint`` or ``periodic``.
            mode: ``elastic``: each execution has a process of its own. ``low_latency``: pods, which
                are processes that have imported the code once, make one call after the other.
            schedule: When a periodic deployment fires: five cron fields, such as ``0 3 * * *``.
            endpoint_url_path: Last segment of the endpoint's URL; its name unless given.
            inputs_mapping: Where inputs come from; an endpoint's others are sent by the caller, and
                a periodic deployment has to have all of them.
            outputs_mapping: Where outputs go, in the same way.
            description: Free text.
            enable_parallel_executions: Whether a pod makes several calls at once: an ``async def``
                is awaited on one loop, any other function runs in a thread for each call.
            max_parallel_executions_per_pod: How many at once, if so; 6 unless given.
            ram_request: Memory that one pod may use, such as ``512MiB`` or ``1GiB``.
            gpu_request: 0 or None: no GPU is reserved.
            wait_for_completion: Return when it is up.
            timeout_s: Seconds to wait at most; None for no limit.
            execution_timeout_s: Longest time of one execution, in seconds.
            endpoint_token: The endpoint's token; one is made unless given.
            timezone: IANA name of the schedule's time zone; UTC unless given.
            missed: What becomes of fire times that nobody noticed: ``skip``, ``latest`` or
                ``all``.
            missed_window_s: How old one may be to be caught up, in seconds.
            overlap: What a fire time does while an execution has not ended: ``parallel``,
                ``skip``, ``queue_one`` or ``cancel_running``.
            jitter_s: Fire times are acted on later by a fixed part of this, in seconds.
            retries: How often a failed execution is attempted again.
            retry_backoff_s: Seconds before the second attempt, doubled with each further one.
            is_enabled: Whether it takes executions from the start; it does unless given.
            pods: How many pods a low-latency deployment has; 1 unless given.
            idle_timeout_s: Seconds without a call after which it keeps no pod until the next call
                comes; 0 or None to keep them.
            max_queue: How many calls may wait for its pods to be answered at once; further ones are
                refused with status 503. 1,000 unless given.
            pipeline_version: Number of the version that it runs whichever is current; None follows
                the current one.
            probe: Input values of a call that a new pod has to pass before it gets others.
            attach: Local files that are in the pipeline's folder when its code is imported, by
                their places in it, such as ``{"models/iris.joblib": "model.joblib"}``.
            dry_run: Create nothing: return what would be created, or raise what would be raised.
                Files to attach are sent all the same.

        Returns:
            The deployment, with ``endpoint_url`` and ``endpoint_token`` for an endpoint.

        Raises:
            NotFound: There is no such pipeline.
            AlreadyExists: The name is taken.
            InvalidMapping: The mapping cannot be used.
            InvalidSchedule: The schedule cannot be used.
            InvalidRequest: Another argument cannot.
            DeploymentCreationFailed: It was waited for, and its pods could not be started.
            WaitTimeout: ``timeout_s`` is over; its creation goes on.
        """
        route = _CREATION_ROUTES.get(str(execution_rule))
        if route is None:
            rules = " or ".join(repr(rule) for rule in _CREATION_ROUTES)
            raise InvalidRequest(f"execution_rule must be {rules}, not {execution_rule!r}.")
        body = {
            "pipeline_name": pipeline_name,
            "name": deployment_name,
            "mode": str(mode),
            "schedule": schedule,
            "endpoint_url_path": endpoint_url_path,
            "endpoint_token": endpoint_token,
            "description": description,
            "enable_parallel_executions": enable_parallel_executions,
            "max_parallel_executions_per_pod": max_parallel_executions_per_pod,
            "ram_request": ram_request,
            "gpu_request": gpu_request,
            "execution_timeout_s": execution_timeout_s,
            "timezone": timezone,
            "missed": missed,
            "missed_window_s": missed_window_s,
            "overlap": overlap,
            "jitter_s": jitter_s,
            "retries": retries,
            "retry_backoff_s": retry_backoff_s,
            "is_enabled": is_enabled,
            "pods": pods,
            "idle_timeout_s": idle_timeout_s,
            "max_queue": max_queue,
            "pipeline_version": pipeline_version,
            "probe": probe,
            "attachments": self.send_attached(attach) if attach else None,
            **_mappings(inputs_mapping, outputs_mapping),
        }
        if dry_run:
            return self._checked(_CHECKS[route], _request(body))
        self._transport.call(route, _request(body))
        self._say(f"Deployment {deployment_name}: created.")
        return self.get_deployment(deployment_name, wait_for_completion, timeout_s)

    def update_deployment(
        self,
        deployment_name: str,
        is_enabled: bool | None = None,
        inputs_mapping: Sequence[InputSource] | None = None,
        outputs_mapping: Sequence[OutputDestination] | None = None,
        schedule: str | None = None,
        wait_for_completion: bool = True,
        timeout_s: float | None = None,
        *,
        timezone: str | None = None,
        missed: str | None = None,
        missed_window_s: float | None = None,
        overlap: str | None = None,
        jitter_s: float | None = None,
        retries: int | None = None,
        retry_backoff_s: float | None = None,
        execution_timeout_s: float | None = None,
        enable_parallel_executions: bool | None = None,
        max_parallel_executions_per_pod: int | None = None,
        ram_request: str | None = None,
        pods: int | None = None,
        idle_timeout_s: float | None = None,
        max_queue: int | None = None,
        replace_pods: bool | None = None,
        pipeline_version: int | str | None = None,
        probe: Mapping[str, Any] | str | None = None,
        force: bool = False,
        attach: Attach | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Change a deployment and return it; what is not given stays as it is.

        Fire times up to now follow the schedule as it was, later ones the schedule as it becomes.
        Pods go on while they are replaced: no call fails because of a change.

        Args:
            deployment_name: The deployment.
            is_enabled: Whether it takes executions. A disabled one stays so whatever else changes.
            inputs_mapping: New values of constants and data store paths.
            outputs_mapping: New data store paths.
            schedule: When a periodic deployment fires: five cron fields.
            wait_for_completion: Return when the change is in force.
            timeout_s: Seconds to wait at most; None for no limit.
            timezone: As in :meth:`create_deployment`; so are all that follow.
            missed: What becomes of fire times that nobody noticed.
            missed_window_s: How old one may be to be caught up, in seconds.
            overlap: What a fire time does while an execution has not ended.
            jitter_s: Fire times are acted on later by a fixed part of this, in seconds.
            retries: How often a failed execution is attempted again.
            retry_backoff_s: Seconds before the second attempt.
            execution_timeout_s: Longest time of one execution, in seconds.
            enable_parallel_executions: Whether a pod makes several calls at once; pods that do not
                are replaced by pods that do, and the other way round.
            max_parallel_executions_per_pod: How many at once.
            ram_request: Memory that one pod may use.
            pods: How many there are.
            idle_timeout_s: Seconds without a call after which none is kept; 0 to keep them.
            max_queue: How many calls may wait.
            replace_pods: Start new pods in place of those there are. They import the code anew,
                with the environment variables of now. A creation that failed is tried again.
            pipeline_version: Number of the version that it runs, or ``"current"`` to follow the
                current one. Inputs and outputs that came with it may be mapped in the same call.
            probe: Input values of the call that a new pod has to pass; ``"none"`` for none.
            force: Change the version even if that breaks the mapping or callers.
            attach: Files that are attached, or take the place of those that are; None in the place
                of a file detaches what is there. Pods are replaced.
            dry_run: Change nothing: return what it would be, as :meth:`create_deployment` does.

        Raises:
            NotFound: There is no such deployment, or no such version.
            BreakingChange: The version would break the mapping or callers.
            InvalidMapping: More than a constant or a data store path would change.
            InvalidSchedule: The schedule cannot be used, or the deployment is an endpoint.
            InvalidRequest: Another argument cannot be used.
            DeploymentCreationFailed: It was waited for, and there is no pod that could be started.
            WaitTimeout: ``timeout_s`` is over; the change goes on.
        """
        body = {
            "is_enabled": is_enabled,
            "schedule": schedule,
            "timezone": timezone,
            "missed": missed,
            "missed_window_s": missed_window_s,
            "overlap": overlap,
            "jitter_s": jitter_s,
            "retries": retries,
            "retry_backoff_s": retry_backoff_s,
            "execution_timeout_s": execution_timeout_s,
            "enable_parallel_executions": enable_parallel_executions,
            "max_parallel_executions_per_pod": max_parallel_executions_per_pod,
            "ram_request": ram_request,
            "pods": pods,
            "idle_timeout_s": idle_timeout_s,
            "max_queue": max_queue,
            "replace_pods": replace_pods,
            "pipeline_version": pipeline_version,
            "probe": probe,
            "force": force or None,
            "attachments": self.send_attached(attach) if attach else None,
            **_mappings(inputs_mapping, outputs_mapping),
        }
        request = _request(body, {"probe": None} if probe == "none" else {})
        if dry_run:
            return self._checked(routes.CHECK_UPDATE, request, name=deployment_name)
        self._transport.call(routes.UPDATE_DEPLOYMENT, request, name=deployment_name)
        return self.get_deployment(deployment_name, wait_for_completion, timeout_s)

    def _checked(self, route: Route, request: Request, **names: str) -> Object:
        planned: Object = self._transport.call(route, request, **names)
        return planned


def _request(body: Object, nulls: Object | None = None) -> Request:
    """Return the request of a body without what was not given, but with these nulls."""
    given = {key: value for key, value in body.items() if value is not None}
    return Request(body=Json(given | (nulls or {})))


def _mappings(
    inputs_mapping: Sequence[InputSource] | None,
    outputs_mapping: Sequence[OutputDestination] | None,
) -> Object:
    body: Object = {}
    if inputs_mapping is not None:
        body["inputs_mapping"] = mapping_objects(inputs_mapping, InputSource, "inputs_mapping")
    if outputs_mapping is not None:
        body["outputs_mapping"] = mapping_objects(
            outputs_mapping, OutputDestination, "outputs_mapping"
        )
    return body
