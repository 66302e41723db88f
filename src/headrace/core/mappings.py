"""Does a mapping cover a pipeline, cell by cell of the specification's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from headrace.core.destinations import EndpointResult, OutputDestination, RunResult
from headrace.core.errors import InvalidMapping, InvalidValue
from headrace.core.parameters import Input, Output
from headrace.core.sources import (
    Bindings,
    EndpointValue,
    GivenValue,
    InputSource,
    Rule,
    RunValue,
)
from headrace.core.values import DataType, FileValue, Value

ALLOWED_INPUT_KEYS = {
    Rule.RUN: "constant_value, environment_variable_name, datastore_path or is_null",
    Rule.ENDPOINT: (
        "endpoint_input_name, constant_value, environment_variable_name, datastore_path or is_null"
    ),
    Rule.PERIODIC: "constant_value, environment_variable_name, datastore_path or is_null",
}
ALLOWED_OUTPUT_KEYS = {
    Rule.RUN: "datastore_path or is_null",
    Rule.ENDPOINT: "endpoint_output_name, datastore_path or is_null",
    Rule.PERIODIC: "datastore_path or is_null",
}

_SOURCES: Mapping[Rule, Callable[[str], InputSource]] = {
    Rule.RUN: RunValue,
    Rule.ENDPOINT: EndpointValue,
}
_GOALS: Mapping[Rule, Callable[[str], OutputDestination]] = {
    Rule.RUN: RunResult,
    Rule.ENDPOINT: EndpointResult,
}
"""What a parameter has that is not mapped; in a periodic deployment, nothing."""

P = TypeVar("P", Input, Output)
E = TypeVar("E", InputSource, OutputDestination)


@dataclass(frozen=True, slots=True)
class MappedInput:
    """An input and its source."""

    parameter: Input
    source: InputSource


@dataclass(frozen=True, slots=True)
class MappedOutput:
    """An output and its destination."""

    parameter: Output
    destination: OutputDestination


@dataclass(frozen=True, slots=True)
class GivenOnly:
    """Bindings that know what the caller sent and nothing else: enough for sources not late."""

    given: Mapping[str, Value]

    def variable(self, name: str) -> str | None:
        """Late sources are not asked before the execution starts."""
        raise LookupError(name)

    def object_at(self, path: str) -> None:
        """Late sources are not asked before the execution starts."""
        raise LookupError(path)


def map_inputs(
    rule: Rule, inputs: Sequence[Input], mapping: Sequence[tuple[str, InputSource]]
) -> tuple[MappedInput, ...]:
    """Return each input with its source, in the order of declaration.

    Unmapped inputs of a run or an endpoint are sent by the caller under their own names; those of
    a periodic deployment are refused (wire contract, 6.3).

    Raises:
        InvalidMapping: All that is wrong with the mapping, in one message.
    """
    mapped, problems = _mapped_inputs(rule, inputs, mapping)
    _refuse(problems)
    return mapped


def map_outputs(
    rule: Rule, outputs: Sequence[Output], mapping: Sequence[tuple[str, OutputDestination]]
) -> tuple[MappedOutput, ...]:
    """Return each output with its destination, in the order of declaration.

    Raises:
        InvalidMapping: All that is wrong with the mapping, in one message.
    """
    mapped, problems = _mapped_outputs(rule, outputs, mapping)
    _refuse(problems)
    return mapped


def map_parameters(
    rule: Rule,
    parameters: tuple[Sequence[Input], Sequence[Output]],
    inputs_mapping: Sequence[tuple[str, InputSource]],
    outputs_mapping: Sequence[tuple[str, OutputDestination]],
) -> tuple[tuple[MappedInput, ...], tuple[MappedOutput, ...]]:
    """Return what :func:`map_inputs` and :func:`map_outputs` do.

    Raises:
        InvalidMapping: All that is wrong with both mappings, in one message.
    """
    inputs, input_problems = _mapped_inputs(rule, parameters[0], inputs_mapping)
    outputs, output_problems = _mapped_outputs(rule, parameters[1], outputs_mapping)
    _refuse(input_problems + output_problems)
    return inputs, outputs


def resolve_given(mapped: Iterable[MappedInput], given: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values known when an execution is accepted: those of the sources not late.

    Raises:
        InvalidValue: All that is wrong with what the caller sent, in one message: unknown names,
            missing values, wrong types.
    """
    mapped = tuple(mapped)
    known = {i.source.name: i for i in mapped if isinstance(i.source, GivenValue)}
    problems = [_unknown(name, known, mapped) for name in given if name not in known]
    bindings: Bindings = GivenOnly(given)
    values: dict[str, Value] = {}
    for item in mapped:
        if item.source.is_late:
            continue
        try:
            values[item.parameter.name] = item.source.resolve(item.parameter, bindings)
        except InvalidValue as error:
            problems.append(error.message.rstrip("."))
    if problems:
        raise InvalidValue(_sentence("The inputs cannot be used", problems))
    return values


def takes_values(mapped: Iterable[MappedInput]) -> bool:
    """Check whether anything comes from the caller."""
    return any(isinstance(item.source, GivenValue) for item in mapped)


def check_given(mapped: Sequence[MappedInput], name: str, value: Value = None) -> None:
    """Refuse one thing that a caller sends if no input takes it.

    Args:
        mapped: The inputs.
        name: The name that it was sent under.
        value: What was sent, as far as it is known; None for anything but a file.

    Raises:
        InvalidValue: There is no such input, or it takes no file.
    """
    known = {i.source.name: i for i in mapped if isinstance(i.source, GivenValue)}
    if name not in known:
        problem = _unknown(name, known, mapped)
    elif isinstance(value, FileValue) and known[name].parameter.data_type is not DataType.FILE:
        kind = known[name].parameter.data_type.value
        problem = f"input {name!r} must be of type {kind}, but a file was sent"
    else:
        return
    raise InvalidValue(_sentence("The inputs cannot be used", [problem]))


def _mapped_inputs(
    rule: Rule, inputs: Sequence[Input], mapping: Sequence[tuple[str, InputSource]]
) -> tuple[tuple[MappedInput, ...], list[str]]:
    pairs, problems = _paired("input", rule, inputs, mapping, _SOURCES, ALLOWED_INPUT_KEYS)
    for parameter, source in pairs:
        problems += _of_one("input", parameter.name, source.problem_with(parameter))
    names = [source.name for _, source in pairs if isinstance(source, EndpointValue)]
    return tuple(MappedInput(*pair) for pair in pairs), problems + _doubled_names("input", names)


def _mapped_outputs(
    rule: Rule, outputs: Sequence[Output], mapping: Sequence[tuple[str, OutputDestination]]
) -> tuple[tuple[MappedOutput, ...], list[str]]:
    pairs, problems = _paired("output", rule, outputs, mapping, _GOALS, ALLOWED_OUTPUT_KEYS)
    for parameter, goal in pairs:
        problems += _of_one("output", parameter.name, goal.problem_with(parameter))
    names = [goal.name for _, goal in pairs if isinstance(goal, EndpointResult)]
    return tuple(MappedOutput(*pair) for pair in pairs), problems + _doubled_names("output", names)


def _of_one(noun: str, name: str, problem: str | None) -> list[str]:
    return [] if problem is None else [f"{noun} {name!r}: {problem}"]


def _paired(
    noun: str,
    rule: Rule,
    parameters: Sequence[P],
    mapping: Sequence[tuple[str, E]],
    unless_mapped: Mapping[Rule, Callable[[str], E]],
    allowed: Mapping[Rule, str],
) -> tuple[list[tuple[P, E]], list[str]]:
    """Return each parameter with its source or destination, and what is wrong with the others."""
    problems = _name_problems(noun, [p.name for p in parameters], [name for name, _ in mapping])
    given = dict(mapping)
    pairs = []
    for parameter in parameters:
        end = given.get(parameter.name)
        if end is None and rule in unless_mapped:
            end = unless_mapped[rule](parameter.name)
        about = f"{noun} {parameter.name!r}"
        if end is None:
            missing = "source" if noun == "input" else "destination"
            problems.append(f"{about} has no {missing}: map it to {allowed[rule]}")
        elif rule not in end.rules:
            problems.append(
                f"{about} is mapped to {_key_of(end)}, which {_article(rule)} does not have: "
                f"use {allowed[rule]}"
            )
        else:
            pairs.append((parameter, end))
    return pairs, problems


def _unknown(name: str, known: Mapping[str, MappedInput], mapped: Sequence[MappedInput]) -> str:
    if any(item.parameter.name == name for item in mapped):
        return f"input {name!r} is mapped to another source, so it cannot be given as well"
    names = ", ".join(sorted(known)) or "none"
    return f"there is no input {name!r} (the inputs are: {names})"


def _name_problems(noun: str, declared: list[str], mapped: list[str]) -> list[str]:
    names = ", ".join(declared) or "none"
    problems = [
        f"there is no {noun} {name!r} (the {noun}s of the pipeline are: {names})"
        for name in dict.fromkeys(mapped)
        if name not in declared
    ]
    problems += [
        f"{noun} {name!r} is mapped {count} times: map it once"
        for name, count in Counter(mapped).items()
        if count > 1
    ]
    return problems


def _doubled_names(noun: str, names: Iterable[str]) -> list[str]:
    return [
        f"{count} {noun}s use the endpoint name {name!r}: give each a name of its own"
        for name, count in Counter(names).items()
        if count > 1
    ]


def _key_of(end: InputSource | OutputDestination) -> str:
    of_endpoints = {EndpointValue: "endpoint_input_name", EndpointResult: "endpoint_output_name"}
    return of_endpoints.get(type(end), end.kind)


def _article(rule: Rule) -> str:
    return {
        Rule.RUN: "a run",
        Rule.ENDPOINT: "an endpoint deployment",
        Rule.PERIODIC: "a periodic deployment",
    }[rule]


def _refuse(problems: list[str]) -> None:
    if problems:
        details = {"problems": problems}
        raise InvalidMapping(_sentence("The mapping cannot be used", problems), details=details)


def _sentence(start: str, problems: list[str]) -> str:
    return f"{start}: {'; '.join(problems)}."
