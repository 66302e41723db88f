"""What is shown of a deployment, for a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from headrace.cli.output import Cell, Screen
from headrace.cli.tables import Column
from headrace.cli.times import duration_text, local_text, utc_text
from headrace.client.mappings import connection_text

COLUMNS = (
    Column("NAME", "folds"),
    Column("PIPELINE", "folds"),
    Column("RULE", "goes"),
    Column("MODE", "goes"),
    Column("STATUS"),
    Column("HEALTH", "is cut"),
    Column("NEXT FIRE TIME"),
    Column("CREATED", "goes"),
)
"""The list of deployments."""


def schedule_pairs(found: dict[str, Any]) -> list[tuple[str, Cell]]:
    """Return when a periodic deployment fires, for a person."""
    return [
        ("schedule", found["schedule"]),
        ("which means", found["human_readable_schedule"]),
        ("timezone", found["timezone"]),
        ("missed", _missed(found)),
        ("overlap", found["overlap"]),
        ("jitter", seconds_text(found["jitter_s"])),
        *(("fires at", fire_time_text(at, found["timezone"])) for at in found["next_fire_times"]),
    ]


def health_text(health: dict[str, Any]) -> str:
    """Return how the latest executions ended, such as ``failing: 9 of 10``."""
    state, failed = health["state"], health["failed"]
    if state == "unknown":
        return "-"
    return f"{state}: {failed} of {health['recent']}" if failed else str(state)


def health_pairs(health: dict[str, Any]) -> list[tuple[str, Cell]]:
    """Return how the latest executions ended, and why the last one that failed did."""
    if health["state"] == "unknown":
        return [("health", "nothing has ended yet")]
    said = f"{health['state']}: {health['failed']} of the latest {health['recent']} failed"
    last = health["last_failure"]
    if last is None:
        return [("health", said)]
    return [("health", said), ("last failure", f"{last['execution_id']} {last['message']}")]


def pod_pairs(found: dict[str, Any]) -> list[tuple[str, Cell]]:
    """Return what there is to see of a low-latency deployment's pods, for a person."""
    idle_s, most = found["idle_timeout_s"], found.get("max_parallel_executions_per_pod")
    pairs: list[tuple[str, Cell]] = [
        ("pods", f"{len(found['pods'])} of {found['pods_wanted']}"),
        *(("pod", f"{pod['pod_id']} {pod['status']}") for pod in found["pods"]),
        ("at once", f"{most} calls in each" if most else "one call in each"),
        ("memory", found["ram_request"] or "no limit"),
        ("idle", f"ends after {duration_text(timedelta(seconds=idle_s))}" if idle_s else "stays"),
        ("calls", f"{found['running']} running, {found['waiting']} waiting"),
        ("queue", f"at most {found['max_queue']:,}"),
    ]
    if found["failure"]:
        pairs.append(("failure", found["failure"]["message"]))
    return pairs


def version_text(found: dict[str, Any]) -> str:
    """Return which version a deployment runs, and which its pods are changing to."""
    pipeline, rollout = found["pipeline"], found.get("rollout")
    text = f"{pipeline['version']}, {'pinned' if pipeline['is_pinned'] else 'the current one'}"
    if rollout is None:
        return text
    if rollout["reason"]:
        return f"{text}; pods of version {rollout['version']} do not start: {rollout['reason']}"
    return f"{text}; pods of version {rollout['version']} are starting"


def with_pod(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of a deployment's log whose message begins with the pod's id."""
    return line | {"message": f"{line['pod_id']} {line['message']}"}


def mapping_pairs(found: dict[str, Any]) -> list[tuple[str, Cell]]:
    """Return the sources of inputs and the destinations of outputs as options of the command."""
    return [
        (noun, f"{item[f'pipeline_{noun}_name']}={connection_text(item)}")
        for noun in ("input", "output")
        for item in found[f"{noun}s_mapping"]
    ]


def show_plan(screen: Screen, planned: dict[str, Any]) -> None:
    """Print the deployment that a dry run returned."""
    pairs: list[tuple[str, Cell]] = [
        ("pipeline", planned["pipeline"]["name"]),
        ("version", version_text(planned)),
        ("rule", planned["execution_rule"]),
        ("mode", planned["mode"]),
    ]
    if planned["execution_rule"] == "periodic":
        pairs += schedule_pairs(planned)
    else:
        pairs.append(("url", planned["endpoint_url"]))
    screen.fields([*pairs, *mapping_pairs(planned)], planned)
    screen.note("Nothing was done: leave --dry-run out to do it.")


def fire_time_text(text: str, timezone: str) -> str:
    """Return a fire time in the schedule's zone, and in UTC if that is another."""
    at = datetime.fromisoformat(text)
    local = local_text(at, ZoneInfo(timezone))
    return local if timezone == "UTC" else f"{local} ({utc_text(at)})"


def retries_text(found: dict[str, Any]) -> str:
    """Return how often and when an execution of a deployment is attempted again."""
    most: int = found["retries"]
    return f"{most}, the first after {seconds_text(found['retry_backoff_s'])}" if most else "none"


def seconds_text(seconds: float | None) -> str | None:
    """Return a duration, or None if there is none."""
    return None if seconds is None else duration_text(timedelta(seconds=seconds))


def _missed(found: dict[str, Any]) -> str:
    policy: str = found["missed"]
    return (
        policy if policy == "skip" else f"{policy}, up to {seconds_text(found['missed_window_s'])}"
    )
