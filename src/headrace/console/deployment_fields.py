"""The fields of the form that creates a deployment, and the API's body for what was typed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.core.connections import destination_kinds, source_kinds
from headrace.core.deployments import Deployment, Mode
from headrace.core.destinations import DataStorePath, EndpointResult, Nowhere
from headrace.core.errors import InvalidRequest
from headrace.core.pipelines import Pipeline
from headrace.core.schedules import Missed, Overlap
from headrace.core.sources import (
    Constant,
    DataStoreFile,
    EndpointValue,
    EnvironmentVariable,
    Null,
    Rule,
)
from headrace.core.values import DataType
from headrace.wire.codec import decode
from headrace.wire.forms import short
from headrace.wire.mappings import destination_fields, source_fields

Typed = Mapping[str, str]

KEYS = {
    EndpointValue.kind: ("endpoint_input_name", "the caller sends it"),
    Constant.kind: ("constant_value", "a constant"),
    EnvironmentVariable.kind: ("environment_variable_name", "an environment variable"),
    DataStoreFile.kind: ("datastore_path", "a file of the data store"),
    Null.kind: ("is_null", "nothing"),
}
"""The key of the API for each kind of source, and its name on the page."""

GOALS = {
    EndpointResult.kind: ("endpoint_output_name", "the caller gets it"),
    DataStorePath.kind: ("datastore_path", "the data store"),
    Nowhere.kind: ("is_null", "nowhere"),
}
SOURCE, VALUE, DEFAULT, REQUIRED = "source.", "value.", "default.", "required."
GOAL, PLACE = "goal.", "place."
_OF_PARAMETERS = (SOURCE, VALUE, DEFAULT, REQUIRED, GOAL, PLACE)
_OWN = ("pipeline", "rule", "mode", "version", "name", "description", "disabled", "do", "csrf")


@dataclass(frozen=True, slots=True)
class Option:
    """A field beside the mapping.

    Attributes:
        key: Its key in the API.
        label: Its name on the page.
        choices: What it may be; nothing for free text.
        is_text: Whether what is typed is a text, and no JSON.
    """

    key: str
    label: str
    choices: Sequence[str] = ()
    is_text: bool = False


SCHEDULE = (
    Option("schedule", "Cron expression", is_text=True),
    Option("timezone", "Time zone", is_text=True),
)
MISSED = (
    Option("missed", "Fire times that nobody noticed", [one.value for one in Missed], is_text=True),
    Option("missed_window_s", "Caught up if no older than, seconds"),
    Option("overlap", "While an execution runs", [one.value for one in Overlap], is_text=True),
    Option("jitter_s", "Spread over, seconds"),
)
ADDRESS = (Option("endpoint_url_path", "Last segment of the URL", is_text=True),)
PODS = (
    Option("pods", "Pods"),
    Option("max_parallel_executions_per_pod", "Calls at once in each"),
    Option("ram_request", "Memory of each, such as 512MiB", is_text=True),
    Option("idle_timeout_s", "Ends without a call after, seconds"),
    Option("max_queue", "Calls that may wait"),
    Option("probe", "Trial call of new pods, JSON"),
)
LIMITS = (
    Option("execution_timeout_s", "Longest time of an execution, seconds"),
    Option("retries", "Attempts after a failed one"),
    Option("retry_backoff_s", "Before the second attempt, seconds"),
)
ALL = (*SCHEDULE, *MISSED, *ADDRESS, *PODS, *LIMITS)


def options_of(rule: Rule, mode: str) -> list[Option]:
    """Return the options that a deployment has under a rule and in a mode."""
    ruled = (*SCHEDULE, *MISSED) if rule is Rule.PERIODIC else ADDRESS
    return [*ruled, *(PODS if mode == Mode.LOW_LATENCY else ()), *LIMITS]


def keeps(name: str) -> bool:
    """Check whether the form has a field.

    Raises:
        InvalidRequest: It has not.
    """
    is_known = name in _OWN or name in {option.key for option in ALL}
    if not is_known and not name.startswith(_OF_PARAMETERS):
        raise InvalidRequest(f"The form has the unknown field {short(name)}.")
    return True


def rule_of(typed: Typed) -> Rule:
    """Return the rule that was chosen; that of an endpoint unless it is another."""
    return Rule.PERIODIC if typed.get("rule") == Rule.PERIODIC else Rule.ENDPOINT


def chosen_source(typed: Typed, rule: Rule, name: str, data_type: DataType) -> str:
    """Return the kind of source of an input: the one that was chosen, or the first there is."""
    kinds = [kind.kind for kind in source_kinds(rule, data_type)]
    return typed[SOURCE + name] if typed.get(SOURCE + name) in kinds else kinds[0]


def chosen_goal(typed: Typed, rule: Rule, name: str, data_type: DataType) -> str:
    """Return the kind of destination of an output: the chosen one, the caller, or nowhere."""
    kinds = [kind.kind for kind in destination_kinds(rule, data_type)]
    usual = EndpointResult.kind if EndpointResult.kind in kinds else Nowhere.kind
    return typed[GOAL + name] if typed.get(GOAL + name) in kinds else usual


def body_of(typed: Typed, pipeline: Pipeline) -> dict[str, Any]:
    """Return the body of an API request with the typed fields."""
    rule, mode = rule_of(typed), typed.get("mode") or Mode.ELASTIC.value
    body: dict[str, Any] = {
        "pipeline_name": pipeline.name,
        "name": typed.get("name", ""),
        "mode": mode,
        "description": typed.get("description") or None,
        "is_enabled": not typed.get("disabled"),
        "inputs_mapping": [
            source_of(typed, rule, one.name, one.data_type) for one in pipeline.inputs
        ],
        "outputs_mapping": [
            goal_of(typed, rule, one.name, one.data_type) for one in pipeline.outputs
        ],
    }
    if typed.get("version"):
        body["pipeline_version"] = typed["version"]
    for option in options_of(rule, mode):
        text = typed.get(option.key, "")
        if text:
            body[option.key] = option_value(option, text)
    if "max_parallel_executions_per_pod" in body:
        body["enable_parallel_executions"] = True
    return body


def typed_of(found: Deployment) -> dict[str, str]:
    """Return the fields that would create a copy of a deployment, without its name."""
    typed = {
        "rule": found.rule.value,
        "mode": found.mode.value,
        "description": found.description or "",
        "version": str(found.pinned_version or ""),
        "execution_timeout_s": _number(found.timeout_s),
        "retries": _number(found.retries.most),
        "retry_backoff_s": _number(found.retries.backoff_s),
        "probe": "" if found.probe is None else json.dumps(found.probe, ensure_ascii=False),
    }
    if found.schedule is not None:
        schedule = found.schedule
        typed |= {"schedule": schedule.cron.expression, "timezone": schedule.cron.timezone}
        typed |= {"missed": schedule.missed.value, "overlap": schedule.overlap.value}
        typed |= {"missed_window_s": _number(schedule.missed_window_s)}
        typed |= {"jitter_s": _number(schedule.jitter_s)}
    if found.low_latency is not None:
        pods = found.low_latency
        typed |= {"pods": str(pods.pods), "max_queue": str(pods.max_queue)}
        typed |= {"ram_request": pods.ram_request or ""}
        typed |= {"idle_timeout_s": _number(pods.idle_timeout_s)}
        typed |= {"max_parallel_executions_per_pod": _number(pods.max_parallel)}
    for item in found.inputs:
        name, fields = item.parameter.name, source_fields(item.source)
        kind = item.source.kind
        typed[SOURCE + name] = kind
        of_value = item.parameter.data_type if kind == Constant.kind else DataType.STRING
        typed[VALUE + name] = _shown(_given(kind, fields[KEYS[kind][0]]), of_value)
        typed[DEFAULT + name] = _shown(fields.get("default_value"), item.parameter.data_type)
        typed[REQUIRED + name] = _shown(fields.get("is_required"), DataType.JSON)
    for one in found.outputs:
        kind = one.destination.kind
        typed[GOAL + one.parameter.name] = kind
        place = destination_fields(one.destination)[GOALS[kind][0]]
        typed[PLACE + one.parameter.name] = _shown(_given(kind, place), DataType.STRING)
    return typed


def source_of(typed: Typed, rule: Rule, name: str, data_type: DataType) -> dict[str, Any]:
    """Return the element of the mapping that is typed for an input."""
    kind = chosen_source(typed, rule, name, data_type)
    text = typed.get(VALUE + name, "")
    mapped: dict[str, Any] = {"pipeline_input_name": name}
    match kind:
        case Constant.kind:
            mapped["constant_value"] = _value(text, data_type)
        case EndpointValue.kind:
            mapped["endpoint_input_name"] = text or name
            if typed.get(DEFAULT + name):
                mapped["default_value"] = _value(typed[DEFAULT + name], data_type)
            if typed.get(REQUIRED + name):
                mapped["is_required"] = _json(typed[REQUIRED + name])
        case _:
            mapped[KEYS[kind][0]] = True if kind == Null.kind else text
    return mapped


def goal_of(typed: Typed, rule: Rule, name: str, data_type: DataType) -> dict[str, Any]:
    """Return the element of the mapping that is typed for an output."""
    kind, text = chosen_goal(typed, rule, name, data_type), typed.get(PLACE + name, "")
    if kind == EndpointResult.kind:
        text = text or name
    return {
        "pipeline_output_name": name,
        GOALS[kind][0]: True if kind == Nowhere.kind else text,
    }


def option_value(option: Option, text: str) -> Any:
    """Return what is typed for an option as the API is sent it."""
    return text if option.is_text else _json(text) if text else None


def _value(text: str, data_type: DataType) -> Any:
    return text if data_type is DataType.STRING else _json(text)


def _json(text: str) -> Any:
    """Return what a text is as JSON; one that is none stays a text, which is refused as one."""
    try:
        return decode(text, "It")
    except InvalidRequest:
        return text


def _given(kind: str, value: Any) -> Any:
    return None if kind == Null.kind else value


def _shown(value: Any, data_type: DataType) -> str:
    """Return a value as it would be typed."""
    if value is None:
        return ""
    if isinstance(value, str) and data_type is DataType.STRING:
        return value
    return json.dumps(value, ensure_ascii=False)


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:g}"
