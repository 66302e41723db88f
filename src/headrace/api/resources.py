"""The route of what machines, executions and pods used (wire contract, 5.10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from starlette.responses import Response

from headrace.core.clock import now_s
from headrace.core.resources import Sample, Totals
from headrace.core.usage import Series, UsageFilter, UsageReport, UsageSample, Used
from headrace.web.exchange import Exchange
from headrace.web.tables import csv_response
from headrace.wire.answers import Answer

MAX_INSTANT_MS = 253_402_300_799_000

SERIES: Mapping[str, Callable[[Sample], float | None]] = {
    "cpu_usage": lambda sample: sample.cpu,
    "disk_usage": lambda sample: sample.disk,
    "ram_usage": lambda sample: sample.ram,
    "network_input_usage": lambda sample: sample.received,
    "network_output_usage": lambda sample: sample.sent,
    "gpu_usage": lambda sample: sample.gpu,
    "vram_usage": lambda sample: sample.vram,
}
"""What is answered, by its name: percents, and bytes of the time that a sample stands for."""

OPTIONAL = ("gpu_usage", "vram_usage")
"""Names that are left out where no machine has such a thing."""

USAGE: Mapping[str, Callable[[UsageSample, Totals], float | None]] = {
    "cpu_usage": lambda sample, _: sample.cpu,
    "ram_usage": lambda sample, totals: sample.memory / totals.ram * 100,
    "ram_bytes": lambda sample, _: sample.memory,
    "disk_read_bytes": lambda sample, _: sample.read,
    "disk_written_bytes": lambda sample, _: sample.written,
}
"""The same of executions and pods."""


async def resource_metrics(exchange: Exchange) -> Answer | Response:
    """Show what was used from ``start`` to ``end`` (milliseconds since 1970).

    By the machines of servers; by executions and pods, if ``filters[…]`` name some, whose period
    is the whole one unless it is given. ``download`` asks for CSV.
    """
    query = exchange.request.query_params
    fields = ("pipeline_name", "deployment_name", "execution_id")
    whose = UsageFilter(**{key: query.get(f"filters[{key}]") or None for key in fields})
    # What is about to end now is asked for with it.
    default_end = int(now_s() * 1000) + 1000 if whose else 0
    begin = exchange.integer("start", 0, at_least=0, at_most=MAX_INSTANT_MS)
    end = exchange.integer("end", default_end, at_least=0, at_most=MAX_INSTANT_MS)
    if whose:
        return await _of_executions(exchange, whose, begin, end)
    totals, samples = await exchange.services.resources.between(exchange.scope, begin, end)
    if exchange.flag("download"):
        return csv_response(_table(samples))
    metrics = {
        name: [_line({"worker": worker}, found, value) for worker, found in samples.items()]
        for name, value in SERIES.items()
    }
    for name in OPTIONAL:
        metrics[name] = [line for line in metrics[name] if line["values"]]
        if not metrics[name]:
            del metrics[name]
    return Answer({"additional_data": _totals(totals), "metrics": metrics})


async def _of_executions(
    exchange: Exchange, whose: UsageFilter, begin: int, end: int
) -> Answer | Response:
    totals, report = await exchange.services.resources.used(exchange.scope, whose, begin, end)
    if exchange.flag("download"):
        return csv_response(_usage_table(report, totals))
    metrics = {}
    for name, value in USAGE.items():

        def measured(sample: UsageSample, value: Any = value) -> float | None:
            found: float | None = value(sample, totals)
            return found

        metrics[name] = [_line(_whose(one), one.samples, measured) for one in report.series]
    told = {
        "processors": totals.processors,
        "executions": report.executions,
        "total": _total(report.total),
        "is_shared": report.is_shared,
    }
    return Answer({"additional_data": {**_totals(totals), **told}, "metrics": metrics})


def _line(
    metric: Mapping[str, str | None],
    samples: Sequence[Any],
    value: Callable[[Any], float | None],
) -> dict[str, Any]:
    measured = ((sample.at_ms / 1000, value(sample)) for sample in samples)
    return {
        "metric": metric,
        "values": [[at, found] for at, found in measured if found is not None],
    }


def _whose(series: Series) -> dict[str, str | None]:
    kind = "execution_id" if series.consumer.deployment_id is None else "pod_id"
    return {"worker": series.worker, kind: series.consumer.id}


def _totals(totals: Totals) -> dict[str, int]:
    found = {"total_disk": totals.disk, "total_ram": totals.ram}
    return found if totals.vram is None else {**found, "total_vram": totals.vram}


def _total(used: Used | None) -> dict[str, Any] | None:
    if used is None:
        return None
    return {
        "cpu_seconds": used.cpu_s,
        "peak_ram_bytes": used.memory,
        "disk_read_bytes": used.read,
        "disk_written_bytes": used.written,
    }


def _table(samples: Mapping[str, Sequence[Sample]]) -> Iterable[Sequence[object]]:
    everything = [sample for found in samples.values() for sample in found]
    columns = {
        name: value
        for name, value in SERIES.items()
        if name not in OPTIONAL or any(value(sample) is not None for sample in everything)
    }
    yield ["timestamp", "worker", *columns]
    for worker, found in samples.items():
        for sample in found:
            yield [sample.at_ms / 1000, worker, *(value(sample) for value in columns.values())]


def _usage_table(report: UsageReport, totals: Totals) -> Iterable[Sequence[object]]:
    yield ["timestamp", "worker", "execution_id", "pod_id", *USAGE]
    for series in report.series:
        metric = _whose(series)
        whose = (metric["worker"], metric.get("execution_id"), metric.get("pod_id"))
        for sample in series.samples:
            values = (value(sample, totals) for value in USAGE.values())
            yield [sample.at_ms / 1000, *whose, *values]
