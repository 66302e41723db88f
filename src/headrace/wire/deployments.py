"""Deployments as they are shown (wire contract, 5.5)."""

from __future__ import annotations

from headrace.core.deployments import Deployment
from headrace.core.health import Health
from headrace.core.loglines import LogLine
from headrace.core.low_latency import LowLatency
from headrace.core.mappings import MappedInput, MappedOutput
from headrace.core.pods import PodSetState, PodStatus
from headrace.core.sources import EndpointValue, Rule
from headrace.wire.bodies import Body, attachment_items, log_item, timestamp
from headrace.wire.mappings import destination_fields, source_fields

_PLANNED_ONES_LACK = frozenset(
    {
        *("id", "status", "health", "is_archived", "endpoint_token"),
        *("created_at", "created_by", "updated_at", "updated_by"),
        *("pods", "running", "waiting", "is_changing", "rollout", "failure"),
    }
)

SHOWN_FIRE_TIMES = 5
"""The number of next fire times that a deployment shows."""


def deployment_item(deployment: Deployment, pods: PodSetState | None, health: Health) -> Body:
    """Return a deployment as an element of a list; ``pods`` are those of a low-latency one."""
    return {
        "name": deployment.name,
        "pipeline_name": deployment.pipeline.name,
        "execution_rule": deployment.rule.value,
        "mode": deployment.mode.value,
        "status": deployment.status(pods).value,
        "is_enabled": deployment.is_enabled,
        "created_at": timestamp(deployment.created_at),
        "health": health_body(health),
    } | _item_schedule(deployment)


def deployment_body(
    deployment: Deployment,
    token: str | None,
    public_url: str,
    pods: PodSetState | None,
    health: Health,
) -> Body:
    """Return a deployment.

    Args:
        deployment: The deployment.
        token: Its token, if it is an endpoint.
        public_url: Root URL of the server.
        pods: The visible state of its pods, if it has some.
        health: The ends of its latest executions.
    """
    body: Body = {
        "id": deployment.id,
        "name": deployment.name,
        "mode": deployment.mode.value,
        "pipeline": {
            "name": deployment.pipeline.name,
            "id": deployment.pipeline.id,
            "version": deployment.pipeline.version.number,
            "is_pinned": deployment.pinned_version is not None,
        },
        "execution_rule": deployment.rule.value,
        "status": deployment.status(pods).value,
        "inputs_mapping": [_input_mapping(item) for item in deployment.inputs],
        "outputs_mapping": [_output_mapping(item) for item in deployment.outputs],
        "created_at": timestamp(deployment.created_at),
        "created_by": deployment.created_by,
        "updated_at": timestamp(deployment.updated_at),
        "updated_by": deployment.updated_by,
        "is_enabled": deployment.is_enabled,
        "is_archived": False,
        "description": deployment.description,
        "execution_timeout_s": deployment.timeout_s,
        "retries": deployment.retries.most,
        "retry_backoff_s": deployment.retries.backoff_s,
        "probe": deployment.probe,
        "health": health_body(health),
        "attachments": attachment_items(deployment.attachments),
    }
    if deployment.schedule is not None:
        body |= schedule_fields(deployment)
    if deployment.low_latency is not None and pods is not None:
        body |= _pod_fields(deployment.low_latency, pods)
    if deployment.rule is Rule.ENDPOINT:
        body["endpoint_token"] = token
        body["endpoint_url_path"] = deployment.url_path
        body["endpoint_url"] = f"{public_url}/endpoints/{deployment.url_path}"
    return body


def planned_body(deployment: Deployment, public_url: str) -> Body:
    """Return a planned deployment, without the fields that only an existing one has.

    Args:
        deployment: The deployment.
        public_url: Root URL of the server.
    """
    pods = PodSetState(PodStatus.STANDBY)
    body = deployment_body(deployment, None, public_url, pods, Health())
    return {key: value for key, value in body.items() if key not in _PLANNED_ONES_LACK}


def health_body(health: Health) -> Body:
    """Return the ends of the latest executions of a deployment."""
    last = health.failed[0] if health.failed else None
    return {
        "state": health.state.value,
        "recent": len(health.endings),
        "failed": len(health.failed),
        "last_failure": None
        if last is None or last.failure is None
        else {
            "execution_id": last.execution_id,
            "ended_at": timestamp(last.ended_at),
            "kind": last.failure.kind.value,
            "message": last.failure.message,
        },
    }


def deployment_log_item(line: LogLine) -> Body:
    """Return a line of a deployment's log (wire contract, 5.5): its message begins with the pod."""
    pod_id, _, message = line.message.partition(" ")
    return log_item(line) | {"message": message, "pod_id": pod_id, "type": "deployment"}


def schedule_fields(deployment: Deployment) -> Body:
    """Return when a periodic deployment fires, with the policies and the next fire times.

    The fire times go on while it is disabled; the ledger will say that it was paused.
    """
    schedule, at = deployment.schedule, deployment.next_fire_at
    if schedule is None or at is None:
        return {}
    upcoming = [at]
    while len(upcoming) < SHOWN_FIRE_TIMES:
        upcoming.append(schedule.cron.next_after(upcoming[-1]))
    return {
        "schedule": schedule.cron.expression,
        "human_readable_schedule": schedule.cron.description,
        "timezone": schedule.cron.timezone,
        "missed": schedule.missed.value,
        "missed_window_s": schedule.missed_window_s,
        "overlap": schedule.overlap.value,
        "jitter_s": schedule.jitter_s,
        "next_fire_times": [timestamp(fire_at) for fire_at in upcoming],
    }


def _pod_fields(low_latency: LowLatency, pods: PodSetState) -> Body:
    body: Body = {
        "pods": [{"pod_id": pod.id, "status": pod.status.value} for pod in pods.pods],
        "enable_parallel_executions": low_latency.max_parallel is not None,
        "pods_wanted": low_latency.pods,
        "ram_request": low_latency.ram_request,
        "gpu_request": 0,
        "idle_timeout_s": low_latency.idle_timeout_s,
        "max_queue": low_latency.max_queue,
        "running": pods.running,
        "waiting": pods.waiting,
        "is_changing": pods.is_changing,
        "rollout": None
        if pods.rollout is None
        else {
            "version": pods.rollout.version,
            "status": pods.rollout.status.value,
            "reason": pods.rollout.reason,
        },
        "failure": None
        if pods.failure is None
        else {"kind": pods.failure.kind.value, "message": pods.failure.message},
    }
    if low_latency.max_parallel is not None:
        body["max_parallel_executions_per_pod"] = low_latency.max_parallel
    return body


def _item_schedule(deployment: Deployment) -> Body:
    if deployment.schedule is None:
        return {}
    return {
        "schedule": deployment.schedule.cron.expression,
        "timezone": deployment.schedule.cron.timezone,
        "next_fire_at": timestamp(deployment.next_fire_at),
    }


def _input_mapping(item: MappedInput) -> Body:
    parameter, source = item.parameter, item.source
    body: Body = {
        "pipeline_input_name": parameter.name,
        "step_input_name": parameter.name,
        "data_type": parameter.data_type.value,
        "description": parameter.description,
    } | source_fields(source)
    if isinstance(source, EndpointValue):
        # What holds for a caller, whether the mapping says it or the pipeline.
        body |= {
            "is_required": source.is_required_for(parameter),
            "default_value": source.default_for(parameter),
        }
    return body


def _output_mapping(item: MappedOutput) -> Body:
    return {
        "pipeline_output_name": item.parameter.name,
        "step_output_name": item.parameter.name,
        "data_type": item.parameter.data_type.value,
        "description": item.parameter.description,
    } | destination_fields(item.destination)
