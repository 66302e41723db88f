"""Deployments: connect a pipeline to where its inputs come from and its outputs go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from headrace.client.mappings import InputSource, OutputDestination, mapping_objects
from headrace.client.messages import Json, Request
from headrace.client.parts import Object, Part, log_period
from headrace.core.deployments import Mode
from headrace.core.errors import InvalidRequest
from headrace.core.sources import Rule
from headrace.wire import routes

_CREATION_ROUTES = {
    Rule.ENDPOINT.value: routes.CREATE_ENDPOINT,
    Rule.PERIODIC.value: routes.CREATE_PERIODIC,
}


class DeploymentCalls(Part):
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
    ) -> Object:
        """Create a deployment and return it.

        Args:
            pipeline_name: The pipeline that it runs.
            deployment_name: Its name.
            execution_rule: ``endpoint`` or ``periodic``.
            mode: ``elastic``.
            schedule: When a periodic deployment fires: five cron fields, such as ``0 3 * * *``.
            endpoint_url_path: Last segment of the endpoint's URL; its name unless given.
            inputs_mapping: Where inputs come from; an endpoint's others are sent by the caller, and
                a periodic deployment has to have all of them.
            outputs_mapping: Where outputs go, in the same way.
            description: Free text.
            enable_parallel_executions: For low-latency deployments.
            max_parallel_executions_per_pod: For low-latency deployments.
            ram_request: For low-latency deployments.
            gpu_request: For low-latency deployments.
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

        Returns:
            The deployment, with ``endpoint_url`` and ``endpoint_token`` for an endpoint.

        Raises:
            NotFound: There is no such pipeline.
            AlreadyExists: The name is taken.
            InvalidMapping: The mapping cannot be used.
            InvalidSchedule: The schedule cannot be used.
            InvalidRequest: Another argument cannot.
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
            **_mappings(inputs_mapping, outputs_mapping),
        }
        given = {key: value for key, value in body.items() if value is not None}
        self._transport.call(route, Request(body=Json(given)))
        self._say(f"Deployment {deployment_name}: created.")
        return self.get_deployment(deployment_name, wait_for_completion, timeout_s)

    def get_deployment(
        self,
        deployment_name: str,
        wait_for_completion: bool = False,
        timeout_s: float | None = None,
    ) -> Object:
        """Return a deployment.

        Args:
            deployment_name: The deployment.
            wait_for_completion: Wait until it is up.
            timeout_s: Seconds to wait at most; None for no limit.

        Raises:
            NotFound: There is no such deployment.
            WaitTimeout: ``timeout_s`` is over; its creation goes on.
        """

        def ask(left: float | None) -> Object | None:
            del left
            query = {"wait_for_completion": str(wait_for_completion).lower()}
            found: Object = self._transport.call(
                routes.DEPLOYMENT, Request(query=query), name=deployment_name
            )
            is_pending = found["status"] in {"creation_pending", "down_retrying"}
            return None if wait_for_completion and is_pending else found

        found = self._wait(ask, f"Deployment {deployment_name}", timeout_s)
        latest = self._transport.call(routes.LATEST_DEPLOYMENT_EXECUTION, name=deployment_name)
        shown = {key: value for key, value in found.items() if key not in {"id", "is_archived"}}
        shown["pipeline"] = {"name": found["pipeline"]["name"]}
        shown["last_execution_id"] = latest and latest.get("execution_id")
        return shown

    def list_deployments(self) -> list[Object]:
        """Return all deployments, without their mappings and tokens."""
        found: list[Object] = self._transport.call(routes.DEPLOYMENTS)
        return found

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
    ) -> Object:
        """Change a deployment and return it; what is not given stays as it is.

        Fire times up to now follow the schedule as it was, later ones the schedule as it becomes.

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

        Raises:
            NotFound: There is no such deployment.
            InvalidMapping: More than a constant or a data store path would change.
            InvalidSchedule: The schedule cannot be used, or the deployment is an endpoint.
            InvalidRequest: Another argument cannot be used.
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
            **_mappings(inputs_mapping, outputs_mapping),
        }
        given = {key: value for key, value in body.items() if value is not None}
        self._transport.call(
            routes.UPDATE_DEPLOYMENT, Request(body=Json(given)), name=deployment_name
        )
        return self.get_deployment(deployment_name, wait_for_completion, timeout_s)

    def delete_deployment(self, deployment_name: str) -> Object:
        """Delete a deployment: ``{"name", "execution_rule"}``; its executions stay.

        Raises:
            NotFound: There is no such deployment.
        """
        deleted: Object = self._transport.call(routes.DELETE_DEPLOYMENT, name=deployment_name)
        self._say(f"Deployment {deployment_name}: deleted.")
        return deleted

    def get_deployment_logs(
        self,
        deployment_name: str,
        from_datetime: datetime | None = None,
        to_datetime: datetime | None = None,
        limit: int | None = None,
    ) -> list[Object]:
        """Return the log of a deployment; an elastic one has none, only its executions have.

        Raises:
            NotFound: There is no such deployment.
        """
        body = log_period(from_datetime, to_datetime, limit)
        lines: list[Object] = self._transport.call(
            routes.DEPLOYMENT_LOGS, Request(body=Json(body)), name=deployment_name
        )
        return lines


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
