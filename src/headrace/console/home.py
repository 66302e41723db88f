"""The home page: what runs now, what failed, what comes next; on an empty server, the tutorial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from headrace.console import words
from headrace.console.drawing import plots
from headrace.console.navigation import HOME, address
from headrace.console.rendering import page
from headrace.console.visits import is_first, last_visit, remember
from headrace.control.activities import RANGES
from headrace.core.activity import IN_A_ROW, Period
from headrace.core.clock import now, now_s
from headrace.core.errors import InvalidRequest
from headrace.core.execution_filters import ExecutionFilter
from headrace.core.executions import Status
from headrace.core.pods import PodStatus
from headrace.web.exchange import Exchange

AT_WORK = 10
NEXT = 8

_SINCE = {"24h": timedelta(days=1), "7d": timedelta(days=7), "31d": timedelta(days=31)}
_LATEST_S = 120
"""What was measured of the machine longer ago than this is not what it does now."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much of something is in use.

    Attributes:
        name: What it is.
        percent: How much of it, out of 100.
        says: The same in words.
    """

    name: str
    percent: float
    says: str


async def home(exchange: Exchange) -> Response:
    """Show the home page."""
    services, scope, request = exchange.services, exchange.scope, exchange.request
    if not await services.lookups.has_pipelines(scope):
        return page(
            request, "welcome.html", title="Home", section=HOME.name, public_url=services.public_url
        )
    asked = request.query_params.get("since", "")
    since = _since(request, asked)
    chosen = request.query_params.get("range") or "24h"
    periods = await services.activities.periods(scope, chosen)
    unfinished = ExecutionFilter(statuses=(Status.RUNNING, Status.PENDING))
    at_work = (await services.lookups.search(scope, unfinished, limit=AT_WORK)).executions
    found = await services.activities.overview(scope, since, next_fires=NEXT)
    response = page(
        request,
        "home.html",
        title="Home",
        section=HOME.name,
        found=found,
        failed=sum(cause.count for cause in found.failures.causes),
        unfired=sum(one.count for one in found.unfired),
        in_a_row_most=IN_A_ROW,
        is_visit=not asked,
        is_first=is_first(request),
        sinces=[
            (label, address(HOME.path, since=key, range=chosen), key == asked)
            for label, key in (("last visit", ""), ("24 h", "24h"), ("7 d", "7d"), ("31 d", "31d"))
        ],
        at_work=at_work,
        ranges=[
            (name, address(HOME.path, since=asked, range=name), name == chosen) for name in RANGES
        ],
        chosen=chosen,
        calls=_calls(periods),
        calls_plot=plots.of_calls(periods, RANGES[chosen].point_s),
        durations_plot=plots.of_durations(periods),
        gauges=await _gauges(exchange),
        pods=await _pods(exchange),
    )
    remember(request, response)
    return response


def _since(request: Request, asked: str) -> datetime:
    if not asked:
        return last_visit(request)
    if asked not in _SINCE:
        raise InvalidRequest(f"since must be one of {', '.join(_SINCE)}, not {asked!r:.50}.")
    return now() - _SINCE[asked]


def _calls(periods: Sequence[Period]) -> tuple[int, int]:
    """Return how many calls there were, and how many of them failed."""
    return sum(one.calls for one in periods), sum(one.failed for one in periods)


async def _gauges(exchange: Exchange) -> list[Gauge]:
    """Return how much of this machine is in use; nothing before it was first looked at."""
    end_ms = int(now_s() * 1000)
    totals, samples = await exchange.services.resources.between(
        exchange.scope, end_ms - _LATEST_S * 1000, end_ms + 1
    )
    newest = [found[-1] for found in samples.values() if found]
    if not newest:
        return []
    sample = max(newest, key=lambda one: one.at_ms)
    return [
        Gauge("Processors", sample.cpu, f"{sample.cpu:.0f} % of {totals.processors}"),
        Gauge("Memory", sample.ram, f"{sample.ram:.0f} % of {words.size(totals.ram)}"),
        Gauge("Disk", sample.disk, f"{sample.disk:.0f} % of {words.size(totals.disk)}"),
    ]


async def _pods(exchange: Exchange) -> tuple[int, int, list[str]]:
    """Return how many pods are up, how many there are, and the deployments that have none up."""
    states = [
        (name, exchange.services.pods.state(deployment_id))
        for deployment_id, name in await exchange.services.activities.with_pods(exchange.scope)
    ]
    pods = [pod for _, state in states for pod in state.pods]
    up = sum(pod.status is PodStatus.UP for pod in pods)
    return up, len(pods), [name for name, state in states if state.status is not PodStatus.UP]
