"""Which executions a query asks for: the same for programs and for pages."""

from __future__ import annotations

from starlette.datastructures import QueryParams

from headrace.core.errors import InvalidRequest
from headrace.core.executions import Execution, Status
from headrace.core.names import least_id
from headrace.web.exchange import Exchange, bounded
from headrace.web.instants import instant
from headrace.wire.fields import MAX_VERSION


async def executions_asked_for(
    exchange: Exchange, query: QueryParams, *, limit: int, before: str | None
) -> list[Execution]:
    """Return executions, newest first.

    Args:
        exchange: The request.
        query: What may be given: ``pipeline_name``, ``deployment_name``, ``status`` (several
            times), ``since`` and ``until`` (times in ISO 8601), ``version`` (a number, of the
            pipeline or deployment that is named), ``id_prefix``.
        limit: How many at most.
        before: Id of the last one already seen.

    Raises:
        NotFound: There is no such pipeline or deployment.
        InvalidRequest: Something else cannot be used.
    """
    services, scope = exchange.services, exchange.scope
    pipeline_id = deployment_id = None
    if "pipeline_name" in query:
        pipeline_id = (await services.pipelines.get(scope, query["pipeline_name"])).id
    if "deployment_name" in query:
        deployment_id = (await services.deployments.get(scope, query["deployment_name"])).id
    since, until = (instant(query.get(name), name) for name in ("since", "until"))
    version = None
    if "version" in query:
        version = bounded(query["version"], "version", at_least=1, at_most=MAX_VERSION)
        if pipeline_id is None and deployment_id is None:
            raise InvalidRequest(
                "A version is one of a pipeline: name the pipeline or the deployment beside it."
            )
    return await services.lookups.executions(
        scope,
        limit=limit,
        before=before,
        pipeline_id=pipeline_id,
        deployment_id=deployment_id,
        statuses=[read_status(text) for text in query.getlist("status")],
        since=None if since is None else least_id(since),
        until=None if until is None else least_id(until),
        version=version,
        prefix=query.get("id_prefix"),
    )


def read_status(text: str) -> Status:
    """Return a status that a query names, in whatever case.

    Raises:
        InvalidRequest: It names none.
    """
    for status in Status:
        if status.value.lower() == text.lower():
            return status
    names = ", ".join(status.value for status in Status)
    raise InvalidRequest(f"status must be one of {names}, not {text!r:.80}.")
