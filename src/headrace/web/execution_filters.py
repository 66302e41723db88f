"""Filters of executions in queries, the same for programs and for pages."""

from __future__ import annotations

import re

from starlette.datastructures import QueryParams

from headrace.core.errors import InvalidRequest
from headrace.core.execution_filters import ExecutionFilter
from headrace.core.executions import Status
from headrace.core.names import least_id
from headrace.core.sources import Rule
from headrace.web.exchange import Exchange, bounded
from headrace.web.instants import instant
from headrace.wire.fields import MAX_VERSION

NAMES = (
    "pipeline_name",
    "deployment_name",
    "version",
    "execution_rule",
    "created_by",
    "text",
    "id_prefix",
    "since",
    "until",
)
"""What a query may name once; ``status`` it may name several times."""

MAX_TEXT = 200
_BEGINNING_OF_ID = re.compile(r"[0-9a-fA-F]{4}[0-9a-fA-F-]{0,32}")


async def filter_asked_for(exchange: Exchange, query: QueryParams) -> ExecutionFilter:
    """Return the filter that a query has.

    Args:
        exchange: The request.
        query: What may be given: ``pipeline_name``, ``deployment_name``, ``status`` (several
            times), ``since`` and ``until`` (times in ISO 8601), ``version`` (a number, of the
            pipeline or deployment that is named), ``execution_rule``, ``created_by``, ``id_prefix``
            and ``text``: the beginning of an id; if no execution has it, what is in the reason.

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
    prefix, reason = await _prefix_or_reason(exchange, query)
    return ExecutionFilter(
        pipeline_id=pipeline_id,
        deployment_id=deployment_id,
        version=version,
        statuses=tuple(read_status(text) for text in query.getlist("status")),
        since=None if since is None else least_id(since),
        until=None if until is None else least_id(until),
        prefix=prefix,
        created_by=query.get("created_by"),
        rule=read_rule(query["execution_rule"]) if "execution_rule" in query else None,
        reason=reason,
    )


def position_asked_for(query: QueryParams) -> tuple[str | None, str | None]:
    """Return the ids that ``cursor`` and ``after`` name: what is older, what is newer.

    Raises:
        InvalidRequest: Both are given.
    """
    before, after = query.get("cursor"), query.get("after")
    if before is not None and after is not None:
        raise InvalidRequest(
            "Give cursor for what is older or after for what is newer, and not both."
        )
    return before, after


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


def read_rule(text: str) -> Rule:
    """Return an execution rule that a query names.

    Raises:
        InvalidRequest: It names none.
    """
    try:
        return Rule(text.lower())
    except ValueError:
        names = ", ".join(Rule)
        raise InvalidRequest(f"execution_rule must be one of {names}, not {text!r:.80}.") from None


async def _prefix_or_reason(
    exchange: Exchange, query: QueryParams
) -> tuple[str | None, str | None]:
    """Return the beginning of an id and the text of a reason that a query asks for."""
    prefix, text = query.get("id_prefix"), query.get("text", "").strip()
    if len(text) > MAX_TEXT:
        raise InvalidRequest(f"text must have at most {MAX_TEXT} characters, not {len(text):,}.")
    if "\0" in text:
        raise InvalidRequest("text must not have a null character.")
    if not text:
        return prefix, None
    if prefix is None and _BEGINNING_OF_ID.fullmatch(text):
        known = ExecutionFilter(prefix=text.lower())
        found = await exchange.services.lookups.search(exchange.scope, known, limit=1)
        if found.executions:
            return text.lower(), None
    return prefix, text
