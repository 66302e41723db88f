"""A deployment as its author wants it, and what has to be done to the one that is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from headrace.client.attached import content_of
from headrace.client.deploying.attaching import ATTACH, changed_attachments
from headrace.client.mappings import (
    InputSource,
    OutputDestination,
    connection_text,
    input_name,
    output_name,
)
from headrace.core.deployments import Mode
from headrace.core.errors import Conflict, InvalidRequest
from headrace.core.low_latency import (
    OPTION_NAMES,
    read_low_latency,
)
from headrace.core.mappings import map_parameters
from headrace.core.names import check_name
from headrace.core.parameters import Input, Output
from headrace.core.schedule_requests import ScheduleOptions, ScheduleRequest, read_schedule
from headrace.core.sources import Rule
from headrace.core.values import DataType
from headrace.wire.mappings import read_input_mapping, read_output_mapping

FOLLOWS = "current"
"""The version of a deployment that is not pinned."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A deployment as its author wants it; what is not given stays as it is.

    Attributes:
        name: Its name.
        rule: What starts its executions.
        mode: A process for each execution, or pods; None for what it is, at first a process each.
        inputs_mapping: Where inputs come from.
        outputs_mapping: Where outputs go.
        options: Further arguments of ``create_deployment`` and ``update_deployment``.
    """

    name: str
    rule: Rule
    mode: Mode | None = None
    inputs_mapping: tuple[InputSource, ...] = ()
    outputs_mapping: tuple[OutputDestination, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Update:
    """What is to be changed of a deployment.

    Attributes:
        arguments: Arguments of ``update_deployment``; none if nothing differs.
        lines: The same for people, each line beginning with ``+`` or ``-``.
    """

    arguments: Mapping[str, Any]
    lines: tuple[str, ...]


def single_wish(
    pipeline_name: str,
    endpoint: str | None,
    every: str | None,
    timezone: str | None,
    *,
    low_latency: bool,
) -> Wish | None:
    """Return the deployment that goes along with a pipeline, or None if none does.

    Raises:
        InvalidRequest: Both an endpoint and a schedule are given, or an option that needs one.
    """
    if endpoint is not None and every is not None:
        raise InvalidRequest(
            "endpoint and every make two deployments: give one of them, and then the other in a "
            "second call, for which nothing is built again."
        )
    mode = Mode.LOW_LATENCY if low_latency else None
    if every is not None:
        options = {"schedule": every, "timezone": timezone}
        given = {key: value for key, value in options.items() if value is not None}
        return Wish(pipeline_name, Rule.PERIODIC, mode, options=given)
    if timezone is not None:
        raise InvalidRequest("timezone is that of every: give every as well.")
    if endpoint is not None:
        return Wish(check_name(endpoint, "endpoint"), Rule.ENDPOINT, mode)
    if low_latency:
        raise InvalidRequest("low_latency is said of a deployment: give endpoint or every as well.")
    return None


def fitted(wish: Wish, inputs: Sequence[Input], outputs: Sequence[Output]) -> Wish:
    """Return a wish that a pipeline can fulfil, once it is checked as the server checks it.

    A periodic deployment has nobody to ask: inputs with a default are mapped to it, other inputs
    that need none to nothing, and outputs are dropped.

    Raises:
        InvalidRequest: Of the kind that says what cannot be used.
    """
    if wish.rule is Rule.PERIODIC:
        wish = _with_defaults(wish, inputs, outputs)
        options = ScheduleOptions.read(wish.options)
        read_schedule(ScheduleRequest(wish.options.get("schedule"), options))
    read_low_latency({key: wish.options.get(key) for key in OPTION_NAMES})
    for place, file in wish.options.get(ATTACH, {}).items():
        content_of(place, Path(file))  # One that cannot be read is found before anything is sent.
    map_parameters(
        wish.rule,
        (inputs, outputs),
        [read_input_mapping(item.to_dict()) for item in wish.inputs_mapping],
        [read_output_mapping(item.to_dict()) for item in wish.outputs_mapping],
    )
    return wish


def check_mode(wish: Wish, there: Mapping[str, Any] | None) -> None:
    """Refuse options of pods for a deployment that has none.

    Raises:
        InvalidRequest: With the option.
    """
    mode = wish.mode or (there and there["mode"]) or Mode.ELASTIC
    of_pods = [name for name in (*OPTION_NAMES, "probe") if name in wish.options]
    if of_pods and mode != Mode.LOW_LATENCY:
        raise InvalidRequest(
            f"{of_pods[0]} is an option of pods, and deployment {wish.name!r} is {mode}: leave it "
            "out, or make it a low-latency one."
        )


def update_of(wish: Wish, there: Mapping[str, Any], pipeline_name: str) -> Update:
    """Return what has to be changed of a deployment so that it is as its author wants it.

    Raises:
        Conflict: No update can do it; the message says what to do instead.
    """
    _check_kind(wish, there, pipeline_name)
    arguments: dict[str, Any] = {}
    lines: list[str] = []
    for noun, items in (("input", wish.inputs_mapping), ("output", wish.outputs_mapping)):
        changed = list(_changed_mapping(wish.name, noun, items, there, lines))
        if changed:
            arguments[f"{noun}s_mapping"] = changed
    attached = changed_attachments(wish.options.get(ATTACH, {}), there, lines)
    if attached:
        arguments["attach"] = attached
    for name, value in wish.options.items():
        if name == ATTACH:
            continue
        before = present_value(there, name)
        if _normal(name, value) != _normal(name, before):
            arguments[name] = value
            lines += [f"- {name}: {before}", f"+ {name}: {value}"]
    return Update(arguments, tuple(lines))


def present_value(there: Mapping[str, Any], name: str) -> Any:
    """Return the value that a deployment has of an option."""
    if name == "pipeline_version":
        pipeline = there["pipeline"]
        return pipeline["version"] if pipeline["is_pinned"] else FOLLOWS
    return there.get("pods_wanted" if name == "pods" else name)


def _with_defaults(wish: Wish, inputs: Iterable[Input], outputs: Iterable[Output]) -> Wish:
    mapped = {input_name(item) for item in wish.inputs_mapping}
    sources = [
        InputSource(one.name, is_null=True)
        if one.default_value is None
        else InputSource(one.name, constant_value=one.default_value)
        for one in inputs
        if one.name not in mapped
        and not (one.is_required and one.default_value is None)
        and one.data_type is not DataType.FILE
    ]
    going = {output_name(item) for item in wish.outputs_mapping}
    dropped = [
        OutputDestination(one.name, is_null=True) for one in outputs if one.name not in going
    ]
    return replace(
        wish,
        inputs_mapping=(*wish.inputs_mapping, *sources),
        outputs_mapping=(*wish.outputs_mapping, *dropped),
    )


def _check_kind(wish: Wish, there: Mapping[str, Any], pipeline_name: str) -> None:
    delete = (
        f"Give another name, or delete it first, with its URL, token and schedule: "
        f"headrace deployments delete {wish.name}."
    )
    if there["pipeline"]["name"] != pipeline_name:
        raise Conflict(
            f"Deployment {wish.name!r} runs pipeline {there['pipeline']['name']!r}, not "
            f"{pipeline_name!r}. {delete}"
        )
    if there["execution_rule"] != wish.rule:
        is_endpoint = there["execution_rule"] == Rule.ENDPOINT
        what = "an endpoint" if is_endpoint else "periodic"
        raise Conflict(f"Deployment {wish.name!r} is {what}, and stays so. {delete}")
    if wish.mode is not None and there["mode"] != wish.mode:
        raise Conflict(f"Deployment {wish.name!r} is {there['mode']}, and stays so. {delete}")


def _changed_mapping(
    deployment: str,
    noun: str,
    items: Iterable[InputSource | OutputDestination],
    there: Mapping[str, Any],
    lines: list[str],
) -> Iterable[InputSource | OutputDestination]:
    """Yield the elements of a mapping that differ, and say so in ``lines``."""
    present = {one[f"pipeline_{noun}_name"]: one for one in there[f"{noun}s_mapping"]}
    for item in items:
        given = item.to_dict()
        name = given.pop(f"pipeline_{noun}_name", None) or given.pop(f"step_{noun}_name")
        before = present.get(name)
        if before is None:
            continue  # an input of the version to come, which it will be mapped for
        if all(_is_same(before.get(key), value) for key, value in given.items()):
            continue
        old, new = connection_text(before), connection_text(given)
        if old.partition(":")[0] != new.partition(":")[0] or new.startswith("endpoint"):
            raise Conflict(
                f"{noun} {name!r} of deployment {deployment!r} is mapped to {old}, and an update "
                f"cannot map it to {new}: only constants and paths of the data store change. Make "
                f"another deployment, or delete this one first: headrace deployments delete "
                f"{deployment}."
            )
        lines += [f"- {noun} {name}={old}", f"+ {noun} {name}={new}"]
        yield item


def _is_same(before: Any, value: Any) -> bool:
    # To Python, 1 and True are equal.
    return isinstance(before, bool) is isinstance(value, bool) and bool(before == value)


def _normal(name: str, value: Any) -> Any:
    """Return the value of an option as it is compared."""
    if value is None or name not in {"ram_request", "schedule", "idle_timeout_s"}:
        return value
    if name == "ram_request":
        return read_low_latency({name: value}).ram_request
    return " ".join(value.split()) if name == "schedule" else value or None
