"""The schema, with the rules that the database itself keeps."""

from headrace.store.tables.activity import activity_counts, activity_open
from headrace.store.tables.deployments import deployments
from headrace.store.tables.executions import (
    FAILED,
    IS_ORPHAN,
    IS_RUNNING,
    OF_DELETED,
    UNFINISHED,
    attempts,
    executions,
    idempotency_keys,
    reruns,
    workers,
)
from headrace.store.tables.metadata import metadata
from headrace.store.tables.metrics import list_metric_parts, list_metrics, metrics
from headrace.store.tables.people import (
    passwords,
    removed_users,
    sdk_tokens,
    sessions,
    settings,
    users,
    variables,
)
from headrace.store.tables.pipelines import pipeline_versions, pipelines
from headrace.store.tables.resources import resource_samples
from headrace.store.tables.schedules import ledger, schedule_revisions, schedules
from headrace.store.tables.usage import execution_samples, execution_usages, pod_samples

__all__ = [
    "FAILED",
    "IS_ORPHAN",
    "IS_RUNNING",
    "OF_DELETED",
    "UNFINISHED",
    "activity_counts",
    "activity_open",
    "attempts",
    "deployments",
    "execution_samples",
    "execution_usages",
    "executions",
    "idempotency_keys",
    "ledger",
    "list_metric_parts",
    "list_metrics",
    "metadata",
    "metrics",
    "passwords",
    "pipeline_versions",
    "pipelines",
    "pod_samples",
    "removed_users",
    "reruns",
    "resource_samples",
    "schedule_revisions",
    "schedules",
    "sdk_tokens",
    "sessions",
    "settings",
    "users",
    "variables",
    "workers",
]
