"""The pages of what machines used and of what code measured, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from starlette.responses import Response

from headrace.console import words
from headrace.console.drawing.plots import Plot
from headrace.console.navigation import MONITORING, address
from headrace.console.rendering import page
from headrace.core.clock import now_s
from headrace.core.errors import InvalidRequest
from headrace.core.metrics import Metric, MetricFilter
from headrace.core.resources import SAMPLE_S, Sample, Totals, thinned
from headrace.web.exchange import Exchange
from headrace.wire.routes import RESOURCE_METRICS

RANGES: Mapping[str, int] = {
    "1h": 3600,
    "6h": 6 * 3600,
    "24h": 86_400,
    "7d": 7 * 86_400,
    "31d": 31 * 86_400,
}
"""Seconds, by how a range is called in an address."""

POINTS = 240
"""Points of a line, at most; more of them are averaged."""

METRICS = 500
"""Values of a metric on one plot: the newest ones."""


async def machines(exchange: Exchange) -> Response:
    """Show what the machine of each server used, and the nodes of the cluster if there is one."""
    query = exchange.request.query_params
    chosen = _range(query.get("range"))
    end_ms = int(now_s() * 1000)
    totals, samples = await exchange.services.resources.between(
        exchange.scope, end_ms - RANGES[chosen] * 1000, end_ms
    )
    server = query.get("server") or next(iter(samples), "")
    found = list(thinned(samples.get(server, ()), _distance_s(RANGES[chosen])))
    period = {"start": end_ms - RANGES[chosen] * 1000, "end": end_ms}
    return page(
        exchange.request,
        "monitoring.html",
        title="Monitoring",
        section=MONITORING.name,
        ranges=[
            (name, address(MONITORING.path, range=name, server=server), name == chosen)
            for name in RANGES
        ],
        chosen=chosen,
        servers=list(samples),
        server=server,
        plots=_plots(found, totals) if found else (),
        nodes=await exchange.services.nodes.all(exchange.scope),
        csv=address(RESOURCE_METRICS.url(), **period, download="true"),
    )


async def metrics(exchange: Exchange) -> Response:
    """Show a metric that code recorded, execution by execution."""
    query = exchange.request.query_params
    keys = ("name", "pipeline_name", "deployment_name")
    wanted = {key: query.get(key, "").strip() for key in keys}
    found: Sequence[Metric] = ()
    total = 0
    if wanted["name"]:
        filters = MetricFilter(**{key: value or None for key, value in wanted.items()})
        ask = exchange.services.metrics.values
        _, total = await ask(exchange.scope, filters, limit=1, skip=0)
        found, _ = await ask(exchange.scope, filters, limit=METRICS, skip=max(total - METRICS, 0))
    rows = [(metric.created_at, (metric.values[0],)) for metric in found]
    return page(
        exchange.request,
        "metrics.html",
        title="Metrics",
        section=MONITORING.name,
        wanted=wanted,
        found=found,
        total=total,
        plot=Plot(wanted["name"], "", (wanted["name"],), rows) if rows else None,
    )


def _plots(found: Sequence[Sample], totals: Totals) -> list[Plot]:
    times = [datetime.fromtimestamp(sample.at_ms / 1000, UTC) for sample in found]

    def plot(title: str, unit: str, top: float | None, **lines: Sequence[float]) -> Plot:
        rows = list(zip(times, zip(*lines.values(), strict=True), strict=True))
        return Plot(title, unit, [name.replace("_", " ") for name in lines], rows, top)

    plots = [
        plot("Processors", "%", 100, used=[sample.cpu for sample in found]),
        plot(
            f"Memory, of {words.size(totals.ram)}",
            "%",
            100,
            used=[sample.ram for sample in found],
        ),
        plot(
            f"Disk of the data directory, of {words.size(totals.disk)}",
            "%",
            100,
            used=[sample.disk for sample in found],
        ),
        plot(
            "Network",
            "KiB/s",
            None,
            received=[sample.received / sample.seconds / 1024 for sample in found],
            sent=[sample.sent / sample.seconds / 1024 for sample in found],
        ),
    ]
    if any(sample.gpu is not None for sample in found):
        # Of a time without one, as of another machine, there is nothing to draw but none used.
        plots.append(
            plot(
                f"Graphics processors, with {words.size(totals.vram)} of memory",
                "%",
                100,
                used=[sample.gpu or 0.0 for sample in found],
                memory=[sample.vram or 0.0 for sample in found],
            )
        )
    return plots


def _distance_s(range_s: int) -> int:
    """Return the seconds that a point stands for: each is made of as many samples as the others."""
    return -(-range_s // (POINTS * SAMPLE_S)) * SAMPLE_S


def _range(text: str | None) -> str:
    chosen = text or "1h"
    if chosen not in RANGES:
        raise InvalidRequest(f"range must be one of {', '.join(RANGES)}, not {chosen!r:.50}.")
    return chosen
