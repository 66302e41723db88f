"""The list of executions, filtered by what stands in its address."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from headrace.console.navigation import EXECUTIONS
from headrace.console.rendering import page
from headrace.core.errors import InvalidRequest, NotFound
from headrace.core.executions import Status
from headrace.web.exchange import Exchange
from headrace.wire.fields import MAX_VERSION

PAGE = 100

_FILTERS = ("pipeline_name", "deployment_name", "version", "id_prefix")


async def executions(exchange: Exchange) -> Response:
    """List executions, newest first."""
    query, services, scope = exchange.request.query_params, exchange.services, exchange.scope
    wanted = {name: query.get(name, "").strip() for name in _FILTERS}
    status = _status(query.get("status"))
    problem = ""
    pipeline_id = deployment_id = None
    try:
        if wanted["pipeline_name"]:
            pipeline_id = (await services.pipelines.get(scope, wanted["pipeline_name"])).id
        if wanted["deployment_name"]:
            deployment_id = (await services.deployments.get(scope, wanted["deployment_name"])).id
    except NotFound as error:
        problem = error.message
    version = 0
    if wanted["version"]:
        version = exchange.integer("version", 0, at_least=1, at_most=MAX_VERSION)
    found = []
    if not problem:
        found = await services.lookups.executions(
            scope,
            limit=PAGE + 1,
            before=query.get("before") or None,
            pipeline_id=pipeline_id,
            deployment_id=deployment_id,
            version=version or None,
            statuses=() if status is None else (status,),
            prefix=wanted["id_prefix"] or None,
        )
    shown = found[:PAGE]
    kept = {name: text for name, text in wanted.items() if text}
    return page(
        exchange.request,
        "executions.html",
        title="Executions",
        section=EXECUTIONS.name,
        executions=shown,
        wanted=wanted,
        status_now=status,
        problem=problem,
        statuses=[
            (name, _url(kept | more), more.get("status", "") == (status.value if status else ""))
            for name, more in _tabs()
        ],
        newest=_url(kept | _of(status)) if query.get("before") else None,
        older=_url(kept | _of(status) | {"before": shown[-1].id}) if len(found) > PAGE else None,
        as_json=f"/api/v1/executions?{urlencode(kept | _of(status))}",
    )


def _tabs() -> list[tuple[str, dict[str, str]]]:
    return [("All", {}), *((status.value, {"status": status.value}) for status in Status)]


def _of(status: Status | None) -> dict[str, str]:
    return {} if status is None else {"status": status.value}


def _status(text: str | None) -> Status | None:
    if not text:
        return None
    for status in Status:
        if status.value.lower() == text.lower():
            return status
    raise InvalidRequest(
        f"status must be one of {', '.join(status.value for status in Status)}, not {text!r:.50}."
    )


def _url(given: dict[str, str]) -> str:
    return f"{EXECUTIONS.path}?{urlencode(given)}" if given else EXECUTIONS.path
