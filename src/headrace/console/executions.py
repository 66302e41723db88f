"""The list of executions, filtered by what stands in its address."""

from __future__ import annotations

from starlette.datastructures import QueryParams
from starlette.responses import Response

from headrace.console.navigation import EXECUTIONS, address
from headrace.console.rendering import page
from headrace.core.errors import NotFound
from headrace.core.executions import Execution, Status
from headrace.web.exchange import Exchange
from headrace.web.execution_filters import executions_asked_for, read_status
from headrace.wire.routes import EXECUTIONS as LIST

PAGE = 100

_FILTERS = ("pipeline_name", "deployment_name", "version", "id_prefix")


async def executions(exchange: Exchange) -> Response:
    """List executions, newest first."""
    query = exchange.request.query_params
    wanted = {name: query.get(name, "").strip() for name in _FILTERS}
    status = read_status(query["status"]) if query.get("status") else None
    # A field of the form that was left empty asks for nothing.
    kept = {name: text for name, text in wanted.items() if text}
    asked = kept | ({} if status is None else {"status": status.value})
    found: list[Execution] = []
    problem = ""
    try:
        found = await executions_asked_for(
            exchange, QueryParams(asked), limit=PAGE + 1, before=query.get("before") or None
        )
    except NotFound as error:
        problem = error.message
    shown = found[:PAGE]
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
            ("All", address(EXECUTIONS.path, **kept), status is None),
            *(
                (one.value, address(EXECUTIONS.path, **kept, status=one.value), one is status)
                for one in Status
            ),
        ],
        newest=address(EXECUTIONS.path, **asked) if query.get("before") else None,
        older=address(EXECUTIONS.path, **asked, before=shown[-1].id) if len(found) > PAGE else None,
        as_json=address(LIST.url(), **asked),
    )
