"""Whether what deployments map and callers send still fits when another version becomes current."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from headrace.core.absence import Absent
from headrace.core.deployments import Deployment
from headrace.core.destinations import DataStorePath, EndpointResult, Nowhere
from headrace.core.errors import BreakingChange, InvalidValue
from headrace.core.executions import InputRecord
from headrace.core.mappings import GivenOnly, MappedInput, MappedOutput, resolve_given
from headrace.core.parameters import Input
from headrace.core.pipelines import PipelineVersion
from headrace.core.sources import GivenValue, LeftOut, Null
from headrace.core.values import FileValue, Value

MAX_CALLS = 1000
"""Recorded calls of each endpoint that another version is compared with, the newest ones."""

_SHOWN_VALUE = 80
_SHOWN_BREAKS = 5

RecordedCall = tuple[str, Sequence[InputRecord]]
"""Id and inputs of an execution."""


@dataclass(frozen=True, slots=True)
class Break:
    """One thing that would not work any more.

    Attributes:
        deployment: Name of the deployment.
        noun: ``input``, ``output`` or ``probe``.
        name: Its name; of a probe its values.
        why: What is wrong, as the end of a sentence.
        execution_id: An execution that shows it, or None.
        value: What that execution was given, as short JSON.
    """

    deployment: str
    noun: str
    name: str
    why: str
    execution_id: str | None = None
    value: str | None = None

    def facts(self) -> dict[str, str | None]:
        """Return it for programs."""
        return {
            "deployment": self.deployment,
            self.noun: self.name,
            "reason": self.why,
            "execution_id": self.execution_id,
            "value": self.value,
        }

    def __str__(self) -> str:
        example = f" (execution {self.execution_id} sent {self.value})" if self.execution_id else ""
        return f"deployment {self.deployment!r}: {self.noun} {self.name!r} {self.why}{example}"


@dataclass(frozen=True, slots=True)
class ChangedInput:
    """An input that callers send, on other terms than before.

    Attributes:
        before: The input of the version before.
        after: The input of the version to come.
        source: What the caller sends, under which name.
    """

    before: Input
    after: Input
    source: GivenValue


def with_version(deployment: Deployment, version: PipelineVersion) -> Deployment:
    """Return a deployment as it is with another version of its pipeline, its mapping fitted."""
    return replace(deployment, pipeline=replace(deployment.pipeline, version=version))


def has_same_signature(one: PipelineVersion, other: PipelineVersion) -> bool:
    """Tell whether two versions take and return the same, so that nothing can break."""
    return (one.inputs, one.outputs) == (other.inputs, other.outputs)


def broken_mapping(before: Deployment, after: Deployment) -> list[Break]:
    """Return what the mapping of a deployment loses with another version.

    What is mapped in another way at the same time is what its user wants.

    Args:
        before: The deployment with the version that it has.
        after: The same with the other one (:func:`with_version`).
    """
    new = _remapped(before.sources, after.sources)
    new_goals = _remapped(before.destinations, after.destinations)
    inputs = {item.parameter.name: item for item in after.inputs}
    outputs = {item.parameter.name: item for item in after.outputs}
    found = [
        Break(before.name, "input", item.parameter.name, why)
        for item in before.inputs
        if item.parameter.name not in new
        and (why := _problem_of_input(item, inputs.get(item.parameter.name)))
    ]
    known = {item.parameter.name: item for item in before.inputs}
    found += [
        Break(before.name, "input", item.parameter.name, why)
        for item in after.inputs
        if item.parameter.name not in new
        and (why := _problem_of_need(known.get(item.parameter.name), item))
    ]
    why_not = _problem_of_probe(after)
    if why_not is not None and _problem_of_probe(before) is None:
        found.append(Break(before.name, "probe", _short(dict(after.probe or {})), why_not))
    return found + [
        Break(before.name, "output", item.parameter.name, why)
        for item in before.outputs
        if item.parameter.name not in new_goals
        and (why := _problem_of_output(item, outputs.get(item.parameter.name)))
    ]


def changed_inputs(before: Deployment, after: Deployment) -> tuple[ChangedInput, ...]:
    """Return the inputs for which recorded calls have to be looked at.

    Those are sent by callers with both versions, under the same name but on other terms.
    """
    known = {item.parameter.name: item for item in before.inputs}
    both = (
        ChangedInput(old.parameter, item.parameter, item.source)
        for item in after.inputs
        if (old := known.get(item.parameter.name)) is not None
        and isinstance(item.source, GivenValue)
        and item.source == old.source
    )
    return tuple(
        each for each in both if _terms(each.before, each.source) != _terms(each.after, each.source)
    )


def broken_calls(
    deployment: str,
    changed: Iterable[ChangedInput],
    calls: Iterable[RecordedCall],
) -> Iterator[Break]:
    """Yield one example for each input that recorded calls do not fit any more.

    A recorded value that equals the default of its time may not have been sent, and counts as if
    it had not.

    Args:
        deployment: Name of the deployment.
        changed: What :func:`changed_inputs` returned.
        calls: Recorded calls, the newest first.
    """
    left = list(changed)
    for execution_id, records in calls:
        if not left:
            return
        sent = {record.name: record.value for record in records}
        for each in tuple(left):
            name = each.before.name
            if name not in sent:
                continue
            why = _misfit(each, sent[name])
            if why is not None:
                left.remove(each)
                yield Break(deployment, "input", name, why, execution_id, _short(sent[name]))


def refuse(pipeline_name: str, number: int | None, breaks: Sequence[Break]) -> None:
    """Refuse a version that would break something.

    Raises:
        BreakingChange: Something would break; with all of it as ``details``.
    """
    if breaks:
        raise BreakingChange(
            f"{text_of(pipeline_name, number, breaks)} Keep what they use, pin those deployments "
            "to a version (pipeline_version), or repeat it with force.",
            details={"breaks": [found.facts() for found in breaks]},
        )


def text_of(pipeline_name: str, number: int | None, breaks: Sequence[Break]) -> str:
    """Return a sentence with what a version would break."""
    shown = "; ".join(str(found) for found in breaks[:_SHOWN_BREAKS])
    more = f"; and {len(breaks) - _SHOWN_BREAKS} more" if len(breaks) > _SHOWN_BREAKS else ""
    which = "This version" if number is None else f"Version {number}"
    return f"{which} of pipeline {pipeline_name!r} would break {shown}{more}."


def _remapped(
    before: Sequence[tuple[str, object]], after: Sequence[tuple[str, object]]
) -> set[str]:
    known = dict(before)
    return {name for name, place in after if known.get(name) != place}


def _problem_of_input(before: MappedInput, after: MappedInput | None) -> str | None:
    source = before.source
    if isinstance(source, Null):
        return None
    if after is None:
        return "is gone, but callers send it" if isinstance(source, GivenValue) else "is gone"
    return source.problem_with(after.parameter)


def _problem_of_need(before: MappedInput | None, item: MappedInput) -> str | None:
    """Return what is wrong with an input that has to be given and was not, or None."""
    parameter, source = item.parameter, item.source
    if isinstance(source, GivenValue):
        is_missed = before is None and _has_to_be_sent(parameter, source)
        return "is new and required, and no caller sends it" if is_missed else None
    is_other = before is None or before.parameter != parameter
    is_needed = parameter.is_required and parameter.default_value is None
    if isinstance(source, LeftOut) and is_other and is_needed:
        return "is required and has no source"
    return None


def _problem_of_probe(deployment: Deployment) -> str | None:
    """Return why new pods cannot be called with the probe of a deployment, or None."""
    if deployment.probe is None:
        return None
    try:
        resolve_given(deployment.inputs, deployment.probe)
    except InvalidValue as error:
        return f"does not fit: {error.message.rstrip('.')}"
    return None


def _problem_of_output(before: MappedOutput, after: MappedOutput | None) -> str | None:
    goal = before.destination
    if isinstance(goal, Nowhere):
        return None
    if after is None:
        where = "callers get it" if isinstance(goal, EndpointResult) else "it is stored"
        return f"is gone, but {where}"
    old, new = before.parameter.data_type.value, after.parameter.data_type.value
    if isinstance(goal, EndpointResult) and old != new:
        return f"becomes {new}, but callers get {old}"
    if isinstance(goal, DataStorePath):
        return goal.problem_with(after.parameter)
    return None


def _terms(parameter: Input, source: GivenValue) -> tuple[object, ...]:
    return parameter.data_type, _has_to_be_sent(parameter, source)


def _has_to_be_sent(parameter: Input, source: GivenValue) -> bool:
    return source.is_required_for(parameter) and source.default_for(parameter) is None


def _misfit(changed: ChangedInput, value: Value) -> str | None:
    """Return why a recorded value does not fit an input any more, or None."""
    source = changed.source
    default = source.default_for(changed.before)
    was_sent = not isinstance(value, Absent) and (default is None or value != default)
    try:
        source.resolve(changed.after, GivenOnly({source.name: value} if was_sent else {}))
    except InvalidValue as error:
        text = error.message.rstrip(".")
        return text.removeprefix(f"input {source.name!r} ")
    return None


def _short(value: Value) -> str:
    if isinstance(value, Absent):
        return "nothing"
    if isinstance(value, FileValue):
        return "a file"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_VALUE else f"{text[: _SHOWN_VALUE - 3]}..."
