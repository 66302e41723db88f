"""Routes of metrics (wire contract, 5.9)."""

from __future__ import annotations

from typing import Any

from headrace.core.errors import InvalidRequest
from headrace.core.metrics import Metric, MetricFilter
from headrace.web.exchange import Exchange
from headrace.wire.answers import Answer
from headrace.wire.bodies import timestamp
from headrace.wire.fields import text_or_none

ITEMS_PER_PAGE = 5000
MAX_PAGE = 1_000_000


async def record_metric(exchange: Exchange) -> Answer:
    """Record a value: ``{"value", "execution_id"}``."""
    body, name = await exchange.json_object(), exchange.name()
    execution_id = _execution_id(body)
    await exchange.services.metrics.record_value(
        exchange.scope, execution_id, name, body.get("value")
    )
    return Answer({"name": name})


async def record_list_metric(exchange: Exchange) -> Answer:
    """Add values: ``{"values", "execution_id"}``."""
    body, name = await exchange.json_object(), exchange.name()
    execution_id = _execution_id(body)
    await exchange.services.metrics.record_values(
        exchange.scope, execution_id, name, body.get("values")
    )
    return Answer({"name": name}, 201)


async def list_metrics(exchange: Exchange) -> Answer:
    """List single metrics, oldest execution first."""
    limit, skip = _page(exchange)
    found, total = await exchange.services.metrics.values(
        exchange.scope, _filter(exchange), limit=limit, skip=skip
    )
    items = [{**_item(metric), "value": metric.values[0]} for metric in found]
    return Answer({"metrics": items, "total_count": total})


async def list_list_metrics(exchange: Exchange) -> Answer:
    """List list metrics, oldest execution first."""
    limit, skip = _page(exchange)
    found, total = await exchange.services.metrics.lists(
        exchange.scope, _filter(exchange), limit=limit, skip=skip
    )
    items = [{**_item(metric), "values": metric.values} for metric in found]
    return Answer({"metrics": items, "total_count": total})


def _execution_id(body: dict[str, Any]) -> str:
    execution_id = text_or_none(body.get("execution_id"), "execution_id")
    if execution_id is None:
        raise InvalidRequest(
            "execution_id is missing: metrics belong to an execution, whose code finds its id in "
            "CRAFT_AI_EXECUTION_ID."
        )
    return execution_id


def _page(exchange: Exchange) -> tuple[int, int]:
    limit = exchange.integer("items_per_page", ITEMS_PER_PAGE, at_least=1, at_most=ITEMS_PER_PAGE)
    return limit, limit * (exchange.integer("page", 1, at_least=1, at_most=MAX_PAGE) - 1)


def _filter(exchange: Exchange) -> MetricFilter:
    query = exchange.request.query_params
    fields = ("name", "pipeline_name", "deployment_name", "execution_id")
    return MetricFilter(**{key: query.get(f"filters[{key}]") for key in fields})


def _item(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "created_at": timestamp(metric.created_at),
        "execution_id": metric.execution_id,
        "deployment_name": metric.deployment_name,
        "pipeline_name": metric.pipeline_name,
    }
