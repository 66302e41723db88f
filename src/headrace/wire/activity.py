"""Activity as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.core.activity import Cause, Overview, Period
from headrace.wire.bodies import Body, timestamp


def overview_body(found: Overview) -> Body:
    """Return what goes on, and what went wrong since a time."""
    load = found.load
    return {
        "since": timestamp(found.since),
        "running": load.running,
        "pending": load.pending,
        "oldest_running_at": timestamp(load.oldest_running),
        "oldest_pending_at": timestamp(load.oldest_pending),
        "failures": [_cause(one) for one in found.failures.causes],
        "has_more_failures": found.failures.is_cut,
        "fire_times_without_execution": [
            {
                "deployment_name": one.deployment_name,
                "fate": one.fate.value,
                "count": one.count,
                "last_at": timestamp(one.last_at),
                "detail": one.detail,
            }
            for one in found.unfired
        ],
        "next_fire_times": [
            {"deployment_name": one.deployment_name, "at": timestamp(one.at)}
            for one in found.next_fires
        ],
    }


def period_bodies(periods: Sequence[Period]) -> list[Body]:
    """Return periods, oldest first."""
    return [
        {
            "begin": timestamp(period.begin),
            "calls": period.calls,
            "failed": period.failed,
            "p50_s": period.p50_s,
            "p95_s": period.p95_s,
        }
        for period in periods
    ]


def _cause(cause: Cause) -> Body:
    return {
        "pipeline_name": cause.pipeline_name,
        "deployment_name": cause.deployment_name,
        "kind": cause.kind.value,
        "message": cause.message,
        "count": cause.count,
        "in_a_row": cause.in_a_row,
        "last_execution_id": cause.last_id,
        "last_at": timestamp(cause.last_at),
    }
