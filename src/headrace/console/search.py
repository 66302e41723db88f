"""Search: pipelines and deployments by a part of their names, executions by how their ids begin."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.responses import Response

from headrace.console.rendering import page, see_other
from headrace.core.execution_filters import ExecutionFilter
from headrace.core.executions import Execution
from headrace.web.exchange import Exchange

SHOWN = 50
"""Of each kind, at most."""

_ID = re.compile(r"[0-9a-f][0-9a-f-]{3,35}")


async def search(exchange: Exchange) -> Response:
    """Show what fits a text; if that is one thing alone, go there."""
    services, scope = exchange.services, exchange.scope
    text = exchange.request.query_params.get("text", "").strip()[:200]
    part = text.lower()
    lookups, most = services.lookups, SHOWN + 1
    pipelines = [item.name for item in await lookups.pipeline_page(scope, part, limit=most, skip=0)]
    deployments = [
        item.name for item in await lookups.deployment_page(scope, part, limit=most, skip=0)
    ]
    executions: Sequence[Execution] = ()
    if _ID.fullmatch(part):
        found_by_id = await lookups.search(scope, ExecutionFilter(prefix=part), limit=SHOWN)
        executions = found_by_id.executions
    found = [
        *(f"/pipelines/{name}" for name in pipelines),
        *(f"/deployments/{name}" for name in deployments),
        *(f"/executions/{item.id}" for item in executions),
    ]
    if len(found) == 1:
        return see_other(found[0])
    return page(
        exchange.request,
        "search.html",
        title="Search",
        text=text,
        pipelines=pipelines[:SHOWN],
        deployments=deployments[:SHOWN],
        executions=executions,
        is_cut=max(len(pipelines), len(deployments), len(executions) + 1) > SHOWN,
    )
