"""Endpoints: call them as their users do, and change their tokens."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from headrace.client.executions import ExecutionCalls
from headrace.client.explaining import explained
from headrace.client.messages import Form, Json, Request
from headrace.client.parts import Object
from headrace.client.uploads import file_part, is_file, value_text
from headrace.wire import routes


class EndpointCalls(ExecutionCalls):
    """Calls of endpoints; without an endpoint's token, they are runs like any other."""

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
        """Call an endpoint with its token, as its users do; or any deployment with the SDK token.

        Args:
            endpoint_name: The deployment's name. With a token, the last part of the endpoint's URL
                will do as well.
            endpoint_token: The endpoint's token. Without it the call is made with the SDK token,
                which calls periodic deployments too.
            inputs: Values by the names that the endpoint gives to its inputs. Files are bytes,
                ``os.PathLike`` objects and readable binary objects; a text is always a value.
            wait_for_completion: Return when it ended, not before.

        Returns:
            ``{"execution_id": str}``, and if it was waited for ``"outputs": {name: value}``, where
            a file is ``bytes``. With a token, outputs have the names that the endpoint gives to
            them; without, those of the pipeline, and all of them.

        Raises:
            NotFound: There is no such endpoint or deployment.
            Unauthenticated: The token is not the endpoint's.
            Conflict: The deployment is disabled.
            InvalidValue: An input is missing, unknown or of the wrong type; nothing ran.
            TooLarge: The inputs are larger than the limits; nothing ran.
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

        with explained(self._transport):
            found = self._wait(
                ask,
                f"Execution {execution_id}",
                then=f"sdk.cancel_pipeline_execution({execution_id!r}) stops it, and "
                f"sdk.retrieve_endpoint_results({endpoint_name!r}, {execution_id!r}, …) waits "
                "for it.",
            )
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


def _endpoint_headers(token: str) -> dict[str, str]:
    return {"authorization": f"EndpointToken {token}"}
