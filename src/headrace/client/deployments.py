"""Deployments: connect a pipeline to its callers, and call it as they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from headrace.client.executions import ExecutionCalls
from headrace.client.mappings import InputSource, OutputDestination, mapping_objects
from headrace.client.messages import Form, Json, Request
from headrace.client.parts import Object, log_period
from headrace.client.uploads import file_part, is_file, value_text
from headrace.core.deployments import Mode
from headrace.core.errors import InvalidRequest
from headrace.core.sources import Rule
from headrace.wire import routes

_CREATION_ROUTES = {Rule.ENDPOINT.value: routes.CREATE_ENDPOINT}


class DeploymentCalls(ExecutionCalls):
    """Deployments, and the calls of endpoints."""

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
    ) -> Object:
        """Create a deployment and return it.

        Args:
            pipeline_name: The pipeline that it runs.
            deployment_name: Its name.
            execution_rule: ``endpoint``.
            mode: ``elastic``.
            schedule: For periodic deployments.
            endpoint_url_path: Last segment of the endpoint's URL; its name unless given.
            inputs_mapping: Where inputs come from; the others are sent by the caller.
            outputs_mapping: Where outputs go; the others are answered to the caller.
            description: Free text.
            enable_parallel_executions: For low-latency deployments.
            max_parallel_executions_per_pod: For low-latency deployments.
            ram_request: For low-latency deployments.
            gpu_request: For low-latency deployments.
            wait_for_completion: Return when it is up.
            timeout_s: Seconds to wait at most; None for no limit.
            execution_timeout_s: Longest time of one execution, in seconds.
            endpoint_token: The endpoint's token; one is made unless given.

        Returns:
            The deployment, with ``endpoint_url`` and ``endpoint_token`` for an endpoint.

        Raises:
            NotFound: There is no such pipeline.
            AlreadyExists: The name is taken.
            InvalidMapping: The mapping cannot be used.
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
    ) -> Object:
        """Change a deployment and return it.

        Args:
            deployment_name: The deployment.
            is_enabled: Whether it takes executions.
            inputs_mapping: New values of constants and data store paths.
            outputs_mapping: New data store paths.
            schedule: For periodic deployments.
            wait_for_completion: Return when the change is in force.
            timeout_s: Seconds to wait at most; None for no limit.

        Raises:
            NotFound: There is no such deployment.
            InvalidMapping: More than a constant or a data store path would change.
        """
        body = {
            "is_enabled": is_enabled,
            "schedule": schedule,
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

    def generate_new_endpoint_token(
        self, endpoint_name: str, endpoint_token: str | None = None
    ) -> Object:
        """Give an endpoint another token: ``{"endpoint_token"}``; the old one is void at once.

        Args:
            endpoint_name: The deployment.
            endpoint_token: The new token; one is made unless given.

        Raises:
            NotFound: There is no such endpoint.
        """
        fields = () if endpoint_token is None else (("endpoint_token", endpoint_token),)
        renewed: Object = self._transport.call(
            routes.RENEW_ENDPOINT_TOKEN, Request(body=Form(fields)), name=endpoint_name
        )
        return renewed

    def trigger_endpoint(
        self,
        endpoint_name: str,
        endpoint_token: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        wait_for_completion: bool = True,
    ) -> Object:
        """Call an endpoint, as its users do.

        Args:
            endpoint_name: The deployment.
            endpoint_token: The endpoint's token; without it, the call is made with the SDK token.
            inputs: Values by endpoint input name. Bytes and readable binary objects are files.
            wait_for_completion: Return when it ended, not before.

        Returns:
            ``{"execution_id": str}``, and if it was waited for ``"outputs": {name: value}``, where
            a file is ``bytes``. Names are those of the endpoint with its token, and those of the
            pipeline without.

        Raises:
            NotFound: There is no such endpoint.
            Unauthenticated: The token is not the endpoint's.
            Conflict: The deployment is disabled.
            InvalidValue: An input is missing, unknown or of the wrong type; nothing ran.
            PipelineExecutionFailed: It was waited for, and failed.
        """
        given = dict(inputs or {})
        files = {name: given.pop(name) for name in list(given) if is_file(given[name])}
        with ExitStack() as opened:
            parts = tuple(file_part(name, value, opened) for name, value in files.items())
            fields = tuple((name, value_text(name, value)) for name, value in given.items())
            body = Form(fields, parts) if parts else Json(given)
            if endpoint_token is None:
                started = self._transport.call(
                    routes.TRIGGER_DEPLOYMENT, Request(body=body), name=endpoint_name
                )
            else:
                headers = _endpoint_headers(endpoint_token) | {"prefer": "respond-async"}
                started = self._transport.call(
                    routes.ENDPOINT_V1, Request(body=body, headers=headers), path=endpoint_name
                )
        execution_id: str = started["execution_id"]
        if not wait_for_completion:
            return {"execution_id": execution_id}
        return self.retrieve_endpoint_results(endpoint_name, execution_id, endpoint_token)

    def retrieve_endpoint_results(
        self, endpoint_name: str, execution_id: str, endpoint_token: str | None = None
    ) -> Object:
        """Wait for a call of an endpoint to end, and return its outputs.

        Args:
            endpoint_name: The deployment.
            execution_id: What :meth:`trigger_endpoint` returned.
            endpoint_token: The endpoint's token; without it, the SDK token is used.

        Returns:
            ``{"execution_id": str, "outputs": {name: value}}``; a file is ``bytes``.

        Raises:
            NotFound: There is no such endpoint, or it has no such execution.
            Unauthenticated: The token is not the endpoint's.
            PipelineExecutionFailed: It failed.
        """
        if endpoint_token is None:
            return self.retrieve_pipeline_execution_outputs(execution_id)
        request = Request(headers=_endpoint_headers(endpoint_token))

        def ask(left: float | None) -> Object | None:
            del left
            answer = self._transport.ask(
                routes.ENDPOINT_RESULTS_V1, request, path=endpoint_name, execution_id=execution_id
            )
            return None if answer.status == 303 else answer.value()

        found = self._wait(ask, f"Execution {execution_id}")
        outputs = {}
        for name, item in found["outputs"].items():
            if item.get("url") is None:
                outputs[name] = item.get("value")
                continue
            outputs[name] = self._transport.call(
                routes.ENDPOINT_FILE_V1,
                request,
                path=endpoint_name,
                execution_id=execution_id,
                name=name,
            )
        return {"execution_id": execution_id, "outputs": outputs}


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


def _endpoint_headers(token: str) -> dict[str, str]:
    return {"authorization": f"EndpointToken {token}"}
