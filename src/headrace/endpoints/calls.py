"""Calls of endpoints, with the endpoint's own token, from any language (wire contract, 5.6)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import Response

from headrace.control.warm import StillRunning
from headrace.core.deployments import Deployment
from headrace.core.destinations import EndpointResult
from headrace.core.errors import InvalidRequest, NotFound
from headrace.core.executions import Execution, OutputRecord, Status
from headrace.core.values import DataType, FileValue
from headrace.endpoints.streams import MEDIA_TYPE, streamed
from headrace.web.attachments import BYTES, attachment, is_old_client, type_for
from headrace.web.call_bodies import ReadCall, read_call
from headrace.web.exchange import Exchange
from headrace.web.files import file_response
from headrace.wire.answers import MAX_HOLD_S, VERSION, Answer
from headrace.wire.bodies import json_value
from headrace.wire.call_answers import ended, headers_of, results_url, see_other, succeeded
from headrace.wire.codec import parts_of
from headrace.wire.problems import execution_failed
from headrace.wire.routes import ENDPOINT_FILE_V1, ENDPOINT_RESULTS_V1, ENDPOINT_V1

_NUMBER = re.compile(r"[1-9]\d{0,8}")
_WAIT = re.compile(r"\bwait=(\d{1,6})\b")


async def endpoint_results(exchange: Exchange) -> Answer | Response:
    """Answer with the outputs of a call, as the call itself would; held until there are some."""
    return await _answer(exchange, await _execution(exchange, MAX_HOLD_S))


async def endpoint_file_v1(exchange: Exchange) -> Answer | Response:
    """Send the file of one output of a call."""
    execution = await _execution(exchange, 0)
    record = _answered(execution).get(exchange.name())
    if record is None or not isinstance(record.value, FileValue):
        raise NotFound(f"This call has no file {exchange.name()!r}.")
    media_type = type_for(exchange.request.headers, record.value.filename)
    return await file_response(exchange.services, record.value, media_type)


async def call_endpoint(exchange: Exchange) -> Answer | Response:
    """Call an endpoint; answer with its outputs: flat, or below ``v1`` each in an object."""
    services, headers = exchange.services, exchange.request.headers
    deployment = await services.versions.of_call(
        exchange.scope, exchange.endpoint.deployment, _asked_version(headers)
    )
    prefer = headers.get("prefer", "")
    is_held = "craft-ai-client" not in headers and "respond-async" not in prefer
    async with read_call(exchange.request, services, deployment) as call:
        is_plain = is_held and not call.files and call.idempotency_key is None
        if is_plain and services.warm_calls.can_answer(deployment):
            answer = await _warm_answer(exchange, deployment, call)
            if answer is not None:
                return answer
        execution_id = await services.deployments.trigger(
            exchange.scope, deployment, call.values, call.files, call.idempotency_key
        )
    if is_held:
        execution = await services.executions.wait(exchange.scope, execution_id, _hold_s(prefer))
        return await _answer(exchange, execution)
    version = deployment.pipeline.version.number
    if call.idempotency_key is not None:
        # It may be an earlier call's.
        execution = await services.executions.get(exchange.scope, execution_id)
        version = execution.pipeline_version
    location = _location(exchange, execution_id)
    if "craft-ai-client" in headers:
        return see_other(execution_id, location, version)
    return Answer(
        {"execution_id": execution_id, "status": "accepted", "results_url": location},
        202,
        {"Location": location, **headers_of(execution_id, version)},
    )


async def _warm_answer(
    exchange: Exchange, deployment: Deployment, call: ReadCall
) -> Answer | Response | None:
    """Answer with what a pod makes of a call that needs nothing but values.

    None if no pod has the version any more that the call was read for; nothing was begun then.
    """
    warm_calls, headers = exchange.services.warm_calls, exchange.request.headers
    if MEDIA_TYPE in headers.get("accept", ""):
        stream = await warm_calls.stream(deployment, call.values)
        return None if stream is None else streamed(stream, str(uuid.uuid4()))
    made = await warm_calls.call(deployment, call.values, _hold_s(headers.get("prefer", "")))
    if made is None:
        return None
    if isinstance(made, StillRunning):
        return see_other(made.execution_id, _location(exchange, made.execution_id), made.version)
    answer = ended(made.execution_id, made.outputs, made.failure, made.version)
    if not _is_wrapped(exchange):
        return answer
    outputs = {name: {"value": value} for name, value in parts_of(made.outputs).items()}
    return _wrapped_outputs(made.execution_id, outputs, made.version)


def _asked_version(headers: Headers) -> int | None:
    asked = headers.get(VERSION)
    if asked is None or _NUMBER.fullmatch(asked):
        return None if asked is None else int(asked)
    raise InvalidRequest(
        f"{VERSION} must be the number of a version, such as 3, not {asked!r:.80}."
    )


def _hold_s(prefer: str) -> float:
    wait = _WAIT.search(prefer)
    return min(MAX_HOLD_S, float(wait[1])) if wait else MAX_HOLD_S


async def _answer(exchange: Exchange, execution: Execution) -> Answer | Response:
    if not execution.status.is_terminal:
        location = _location(exchange, execution.id)
        return see_other(execution.id, location, execution.pipeline_version)
    if execution.failure is not None:
        raise execution_failed(execution, execution.failure)
    if _is_wrapped(exchange):
        outputs = {
            name: _wrapped(exchange, execution, name, record)
            for name, record in _answered(execution).items()
        }
        return _wrapped_outputs(execution.id, outputs, execution.pipeline_version)
    for name, record in _answered(execution).items():
        if isinstance(record.value, FileValue):
            return await _file_answer(exchange, execution, name, record.value)
    flat = {name: json_value(record.value) for name, record in _answered(execution).items()}
    return succeeded(execution.id, flat, execution.pipeline_version)


async def _file_answer(
    exchange: Exchange, execution: Execution, name: str, value: FileValue
) -> Response:
    """Send the file that is the answer to a call."""
    asks = exchange.request.headers
    # A call is answered to whoever has no client; only results may be asked for by an old one.
    is_old = exchange.request.method == "GET" and is_old_client(asks)
    return await file_response(
        exchange.services,
        value,
        BYTES if is_old else type_for(asks, value.filename),
        {
            **headers_of(execution.id, execution.pipeline_version),
            "Execution-Id": execution.id,
            # Old clients read the output's name from the end of this header, unquoted.
            **attachment(value.filename, f"result=result_{execution.id}_{name}"),
        },
    )


def _wrapped_outputs(execution_id: str, outputs: Mapping[str, object], version: int) -> Answer:
    """Return the answer with wrapped outputs; callers of this URL look for the status."""
    body = {
        "execution_id": execution_id,
        "status": Status.SUCCEEDED.value,
        "outputs": dict(outputs),
    }
    return Answer(body, 200, headers_of(execution_id, version))


def _wrapped(
    exchange: Exchange, execution: Execution, name: str, record: OutputRecord
) -> dict[str, object]:
    if record.data_type is not DataType.FILE:
        return {"value": json_value(record.value)}
    if not isinstance(record.value, FileValue):
        return {"url": None}
    path = ENDPOINT_FILE_V1.url(
        path=quote(exchange.name("path")), execution_id=execution.id, name=quote(name)
    )
    return {"url": exchange.services.public_url + path}


def _answered(execution: Execution) -> dict[str, OutputRecord]:
    """Return the outputs that the caller gets, by the names that the caller knows."""
    return {
        record.destination.name: record
        for record in execution.outputs
        if isinstance(record.destination, EndpointResult)
    }


async def _execution(exchange: Exchange, hold_s: float) -> Execution:
    execution_id = exchange.name("execution_id")
    present = await exchange.services.executions.get(exchange.scope, execution_id)
    if present.deployment_id != exchange.endpoint.deployment.id:
        raise NotFound(f"The endpoint has no execution {execution_id!r}.")
    if present.status.is_terminal or hold_s == 0:
        return present
    return await exchange.services.executions.wait(exchange.scope, execution_id, hold_s)


def _location(exchange: Exchange, execution_id: str) -> str:
    url, path, token = exchange.services.public_url, exchange.name("path"), exchange.endpoint.token
    return results_url(url, path, execution_id, token, is_wrapped=_is_wrapped(exchange))


def _is_wrapped(exchange: Exchange) -> bool:
    return exchange.route in {ENDPOINT_V1, ENDPOINT_RESULTS_V1}
