"""The route of what machines used (wire contract, 5.10)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from starlette.responses import Response

from headrace.core.resources import Sample
from headrace.web.exchange import Exchange
from headrace.wire.answers import Answer

MAX_INSTANT_MS = 253_402_300_799_000

SERIES: Mapping[str, Callable[[Sample], float]] = {
    "cpu_usage": lambda sample: sample.cpu,
    "disk_usage": lambda sample: sample.disk,
    "ram_usage": lambda sample: sample.ram,
    "network_input_usage": lambda sample: sample.received,
    "network_output_usage": lambda sample: sample.sent,
}
"""What is answered, by its name: percents, and bytes of the time that a sample stands for."""


async def resource_metrics(exchange: Exchange) -> Answer | Response:
    """Show what machines used from ``start`` to ``end`` (milliseconds since 1970).

    ``download`` asks for CSV.
    """
    begin, end = (
        exchange.integer(name, 0, at_least=0, at_most=MAX_INSTANT_MS) for name in ("start", "end")
    )
    totals, samples = await exchange.services.resources.between(exchange.scope, begin, end)
    if exchange.flag("download"):
        return Response(_table(samples), media_type="text/csv")
    return Answer(
        {
            "additional_data": {"total_disk": totals.disk, "total_ram": totals.ram},
            "metrics": {
                name: [
                    {
                        "metric": {"worker": worker},
                        "values": [[sample.at_ms / 1000, value(sample)] for sample in found],
                    }
                    for worker, found in samples.items()
                ]
                for name, value in SERIES.items()
            },
        }
    )


def _table(samples: Mapping[str, Sequence[Sample]]) -> str:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(["timestamp", "worker", *SERIES])
    for worker, found in samples.items():
        for sample in found:
            values = [value(sample) for value in SERIES.values()]
            writer.writerow([sample.at_ms / 1000, worker, *values])
    return target.getvalue()
