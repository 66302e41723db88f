"""Response bodies of the contract, made from core values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from headrace.core.absence import Absent
from headrace.core.attachments import Attachment
from headrace.core.executions import Execution, InputRecord, OutputRecord
from headrace.core.loglines import LogLine
from headrace.core.nodes import NodeState
from headrace.core.objects import ObjectInfo
from headrace.core.outcomes import Failure
from headrace.core.pipelines import Pipeline
from headrace.core.projects import Project
from headrace.core.steps import shown_name
from headrace.core.tokens import TokenInfo, User
from headrace.core.users import Account
from headrace.core.values import FileValue, Value
from headrace.wire.mappings import destination_fields, source_fields
from headrace.wire.parameter_bodies import input_body, output_body
from headrace.wire.pipeline_templates import reference_body

Body = dict[str, Any]


def timestamp(at: datetime | None) -> str | None:
    """Return a time as ISO 8601 in UTC with milliseconds and ``Z``."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def user_body(user: User) -> Body:
    """Return a user (wire contract, 2)."""
    return {"id": user.id, "name": user.name, "email": user.email}


def account_body(account: Account) -> Body:
    """Return a user with what others may know of it."""
    return {
        **user_body(account.user),
        "created_at": timestamp(account.created_at),
        "has_password": account.has_password,
    }


def node_body(node: NodeState) -> Body:
    """Return a node of a cluster."""
    return {**asdict(node), "last_seen": timestamp(node.last_seen), "problem": node.problem or None}


def token_body(token: TokenInfo) -> Body:
    """Return the public facts about an SDK token."""
    return {
        "id": token.id,
        "name": token.name,
        "created_at": timestamp(token.created_at),
        "user": user_body(token.user),
    }


def pipeline_body(pipeline: Pipeline) -> Body:
    """Return a pipeline (wire contract, 5.1)."""
    version, config = pipeline.version, pipeline.version.config
    return {
        "parameters": {
            "pipeline_name": pipeline.name,
            "function_path": version.function_path or None,
            "function_name": version.function_name or None,
            "description": pipeline.description,
            "inputs": [input_body(parameter) for parameter in version.inputs],
            "outputs": [output_body(parameter) for parameter in version.outputs],
            "container_config": {
                "language": config.language,
                "repository_url": config.repository_url,
                "repository_branch": config.repository_branch,
                "included_folders": _list_or_none(config.included_folders),
                "system_dependencies": _list_or_none(config.system_dependencies),
                "dockerfile_path": config.dockerfile_path,
                "requirements_path": config.requirements_path,
            },
        },
        "creation_info": {
            "id": pipeline.id,
            "created_at": timestamp(pipeline.created_at),
            "created_by": pipeline.created_by,
            "commit_id": version.commit_id,
            "status": version.status.value,
            "origin": version.origin.value,
            "pipeline_template": version.template and reference_body(version.template),
            "step_name": pipeline.step_name,
            "is_archived": False,
            "failure": version.failure,
            "version": version.number,
        },
    }


def step_body(step: Pipeline) -> Body:
    """Return a step (wire contract, 5.2), given as the pipeline that it is kept as."""
    body = pipeline_body(step)
    named = {"step_name": shown_name(step.name), **body["parameters"]}
    del named["pipeline_name"]
    at = timestamp(step.version.created_at)
    return {"parameters": named, "creation_info": body["creation_info"] | {"updated_at": at}}


def step_item(step: Pipeline) -> Body:
    """Return a step as an element of a list."""
    body = step_body(step)
    config = body["parameters"]["container_config"]
    keys = ("status", "created_at", "updated_at", "commit_id", "origin")
    return {
        "step_name": shown_name(step.name),
        **{key: body["creation_info"][key] for key in keys},
        **{key: config[key] for key in ("repository_url", "repository_branch")},
    }


def pipeline_item(pipeline: Pipeline) -> Body:
    """Return a pipeline as an element of a list."""
    return {
        "pipeline_name": pipeline.name,
        "created_at": timestamp(pipeline.created_at),
        "status": pipeline.status.value,
    }


def execution_item(execution: Execution) -> Body:
    """Return an execution as an element of a list, without its inputs and outputs."""
    return {
        "execution_id": execution.id,
        "status": execution.status.value,
        "created_at": timestamp(execution.created_at),
        "created_by": execution.created_by,
        "start_date": timestamp(execution.started_at),
        "end_date": timestamp(execution.ended_at),
        "pipeline_name": execution.pipeline_name,
        "deployment_name": execution.deployment_name,
        "attempt": execution.attempt,
        "fire_at": timestamp(execution.fire_at),
        "version": execution.pipeline_version,
        "rerun_of": execution.rerun_of,
        "not_before": timestamp(execution.not_before),
        "failure": _failure(execution.failure),
    }


def _failure(failure: Failure | None) -> Body | None:
    return None if failure is None else {"kind": failure.kind.value, "message": failure.message}


def execution_body(
    execution: Execution, pipeline: Pipeline, rerun: str | None = None, *, with_values: bool
) -> Body:
    """Return an execution (wire contract, 5.4), with the newest one that repeats it."""
    return execution_item(execution) | {
        "inputs": [_input_item(record, with_values=with_values) for record in execution.inputs],
        "outputs": [output_item(record, with_values=with_values) for record in execution.outputs],
        "pipeline_version": _version(pipeline),
        "newest_rerun": rerun,
        "attachments": attachment_items(execution.attachments),
        "retries": execution.retries.most,
        "attempts": [
            {
                "attempt": attempt.number,
                "start_date": timestamp(attempt.started_at),
                "end_date": timestamp(attempt.ended_at),
                "failure": _failure(attempt.failure),
            }
            for attempt in execution.attempts
        ],
        "steps": [
            {
                "name": pipeline.step_name or execution.pipeline_name,
                "status": execution.status.value,
                "start_date": timestamp(execution.started_at),
                "end_date": timestamp(execution.ended_at),
                "commit_id": pipeline.version.commit_id,
                "repository_url": pipeline.version.config.repository_url,
                "repository_branch": pipeline.version.config.repository_branch,
                "requirements_path": pipeline.version.config.requirements_path,
                "origin": pipeline.version.origin.value,
            }
        ],
    }


def _version(pipeline: Pipeline) -> Body:
    """Return what an execution shows of its version."""
    version = pipeline.version
    return {
        "version": version.number,
        "digest": version.digest,
        "commit_id": version.commit_id,
        "requirements_digest": version.environment,
        "language": version.config.language,
        "created_by": version.created_by,
    }


def attachment_items(attachments: Iterable[Attachment]) -> list[Body]:
    """Return attached files; ``object`` is the path in the data store."""
    return [asdict(one) for one in attachments]


def output_item(record: OutputRecord, *, with_values: bool = True) -> Body:
    """Return an output of an execution, under the names of both eras."""
    body: Body = {
        "pipeline_output_name": record.name,
        "step_output_name": record.name,
        "data_type": record.data_type.value,
        "mapping_type": record.destination.kind,
        "mapping_value": destination_fields(record.destination),
    }
    return body | {"value": json_value(record.value)} if with_values else body


def json_value(value: Value) -> Any:
    """Return a value as JSON shows it; a file is fetched on its own, so it is null here."""
    return None if isinstance(value, FileValue | Absent) else value


def object_body(info: ObjectInfo) -> Body:
    """Return a file of the data store (wire contract, 5.7); its size is a number of bytes."""
    return {
        "path": info.path,
        "last_modified": timestamp(info.last_modified),
        "size": info.size,
    }


def log_item(line: LogLine) -> Body:
    """Return a log line (wire contract, 5.1), with the stream that it came by."""
    return {
        "timestamp": log_time(line.at_us),
        "message": line.message,
        "stream": line.stream,
    }


def log_page(lines: Iterable[Body], cursor: int, *, is_complete: bool) -> Body:
    """Return a piece of a log that is followed.

    ``cursor`` is where the next piece begins; ``is_complete`` says that none will come.
    """
    return {
        "lines": list(lines),
        "cursor": cursor,
        "is_complete": is_complete,
    }


def project_body(project: Project) -> Body:
    """Return the project information (wire contract, 3.4)."""
    return {
        "language": project.language,
        "requirements_path": project.requirements_path,
        "included_folders": _list_or_none(project.included_folders),
        "system_dependencies": _list_or_none(project.system_dependencies),
        "repository_url": project.repository_url,
        "repository_branch": project.repository_branch,
    }


def _input_item(record: InputRecord, *, with_values: bool) -> Body:
    body: Body = {
        "pipeline_input_name": record.name,
        "step_input_name": record.name,
        "data_type": record.data_type.value,
        "mapping_type": record.source.kind,
        "mapping_value": source_fields(record.source),
    }
    if isinstance(record.value, Absent):
        # Nothing was given, and the function had its own default, or None.
        body["is_absent"] = True
    return body | {"value": json_value(record.value)} if with_values else body


def _list_or_none(items: tuple[str, ...] | None) -> list[str] | None:
    return None if items is None else list(items)


def log_time(at_us: int) -> str:
    """Return the time of a log line, in ISO 8601 with microseconds."""
    # Integer arithmetic, because a float of seconds loses the last digits.
    whole = datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(microsecond=at_us % 1_000_000)
    return whole.isoformat(timespec="microseconds").replace("+00:00", "Z")
