"""What somebody has set of a deployment, and whoever describes it now does not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headrace.client.deploying.attaching import ATTACH
from headrace.client.deploying.wishes import FOLLOWS, Wish, present_value
from headrace.client.mappings import connection_text, input_name, output_name
from headrace.core.low_latency import DEFAULT_MAX_QUEUE, LowLatency
from headrace.core.retries import DEFAULT_BACKOFF_S
from headrace.core.schedules import DEFAULT_MISSED_WINDOW_S, Missed, Overlap

_DEFAULTS: Mapping[str, Any] = {
    "timezone": "UTC",
    "missed": Missed.SKIP,
    "missed_window_s": DEFAULT_MISSED_WINDOW_S,
    "overlap": Overlap.PARALLEL,
    "jitter_s": 0.0,
    "execution_timeout_s": None,
    "retries": 0,
    "retry_backoff_s": DEFAULT_BACKOFF_S,
    "pods": LowLatency().pods,
    "max_parallel_executions_per_pod": None,
    "ram_request": None,
    "idle_timeout_s": None,
    "max_queue": DEFAULT_MAX_QUEUE,
    "probe": None,
    "pipeline_version": FOLLOWS,
}
"""Options as they are where nobody said anything."""


def unsaid(wish: Wish, there: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what somebody has set of a deployment and a wish does not say: option and value."""
    for name, default in _DEFAULTS.items():
        value = present_value(there, name)
        if name not in wish.options and value is not None and value != default:
            yield name, value
    for item in there.get("attachments", ()):
        if item["path"] not in wish.options.get(ATTACH, {}):
            yield f"attach.{item['path']}", item["digest"][:12]
    said = {input_name(item) for item in wish.inputs_mapping}
    for item in there["inputs_mapping"]:
        name = item["pipeline_input_name"]
        if name not in said and item.get("endpoint_input_name") != name:
            yield f"inputs.{name}", connection_text(item)
    said = {output_name(item) for item in wish.outputs_mapping}
    for item in there["outputs_mapping"]:
        name = item["pipeline_output_name"]
        if name not in said and item.get("endpoint_output_name") != name:
            yield f"outputs.{name}", connection_text(item)
