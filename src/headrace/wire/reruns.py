"""Reruns on the wire: what is asked, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.core.code_choices import CodeChoice, read_code
from headrace.core.errors import InvalidRequest
from headrace.core.reruns import Target
from headrace.core.values import FileValue, Value
from headrace.wire.fields import refuse_unknown

MAX_PLANNED = 200
"""How many executions one request asks about."""

_KEYS = ("execution_ids", "code", "inputs", "file_inputs")


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Executions of which somebody asks what would become of their reruns.

    Attributes:
        execution_ids: Their ids.
        code: The version that would run.
        given: What would take the place of recorded inputs.
    """

    execution_ids: tuple[str, ...]
    code: CodeChoice
    given: Mapping[str, Value]


def read_plan_request(body: Mapping[str, Any]) -> PlanRequest:
    """Return the request of a body.

    Raises:
        InvalidRequest: A key is unknown, or its value is not what it must be.
    """
    refuse_unknown(body, _KEYS, "The body")
    inputs = body.get("inputs") or {}
    if not isinstance(inputs, dict):
        raise InvalidRequest("inputs must be a JSON object: values by name.")
    ids = _texts(body.get("execution_ids"), "execution_ids")
    if len(ids) > MAX_PLANNED:
        raise InvalidRequest(f"execution_ids has {len(ids)} ids; at most {MAX_PLANNED} are taken.")
    files = {name: FileValue("", "", 0) for name in _texts(body.get("file_inputs"), "file_inputs")}
    return PlanRequest(ids, read_code(body.get("code", "current")), {**inputs, **files})


def rerun_body(
    execution_id: str, target: Target, code: CodeChoice, notes: Sequence[str]
) -> dict[str, Any]:
    """Return the answer to a request for a rerun."""
    return {
        "execution_id": execution_id,
        "rerun_of": target.execution.id,
        "pipeline_name": target.pipeline.name,
        "deployment_name": target.execution.deployment_name,
        "code": code,
        "version": target.pipeline.version.number,
        "original_version": target.execution.pipeline_version,
        "notes": list(notes),
    }


def plan_item(
    execution_id: str,
    version: int | None,
    rerun: str | None,
    problem: str | None,
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return what would become of one rerun."""
    return {
        "execution_id": execution_id,
        "version": version,
        "newest_rerun": rerun,
        "problem": problem,
        "notes": list(notes),
    }


def _texts(value: object, name: str) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [] if value is None else [None]
    if not all(isinstance(item, str) for item in items):
        raise InvalidRequest(f"{name} must be a JSON array of strings.")
    return tuple(items)
