"""Does a mapping cover a pipeline, cell by cell of the specification's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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
    problems = _name_problems("input", [i.name for i in inputs], [name for name, _ in mapping])
    given = dict(mapping)
    mapped: list[MappedInput] = []
    for parameter in inputs:
        source = given.get(parameter.name) or _default_source(rule, parameter)
        if source is None:
            problems.append(
                f"input {parameter.name!r} has no source: map it to {ALLOWED_INPUT_KEYS[rule]}"
            )
        elif rule not in source.rules:
            problems.append(
                f"input {parameter.name!r} is mapped to {_key_of(source)}, which {_article(rule)} "
                f"does not have: use {ALLOWED_INPUT_KEYS[rule]}"
            )
        else:
            if problem := source.problem_with(parameter):
                problems.append(f"input {parameter.name!r}: {problem}")
            mapped.append(MappedInput(parameter, source))
    problems += _doubled_names("input", [_external_name(item.source) for item in mapped])
    return tuple(mapped), problems


def _mapped_outputs(
    rule: Rule, outputs: Sequence[Output], mapping: Sequence[tuple[str, OutputDestination]]
) -> tuple[tuple[MappedOutput, ...], list[str]]:
    problems = _name_problems("output", [o.name for o in outputs], [name for name, _ in mapping])
    given = dict(mapping)
    mapped: list[MappedOutput] = []
    for parameter in outputs:
        destination = given.get(parameter.name) or _default_destination(rule, parameter)
        if destination is None:
            problems.append(
                f"output {parameter.name!r} has no destination: "
                f"map it to {ALLOWED_OUTPUT_KEYS[rule]}"
            )
        elif rule not in destination.rules:
            problems.append(
                f"output {parameter.name!r} is mapped to endpoint_output_name, which "
                f"{_article(rule)} does not have: use {ALLOWED_OUTPUT_KEYS[rule]}"
            )
        else:
            if problem := destination.problem_with(parameter):
                problems.append(f"output {parameter.name!r}: {problem}")
            mapped.append(MappedOutput(parameter, destination))
    problems += _doubled_names(
        "output",
        [i.destination.name for i in mapped if isinstance(i.destination, EndpointResult)],
    )
    return tuple(mapped), problems


def _unknown(name: str, known: Mapping[str, MappedInput], mapped: Sequence[MappedInput]) -> str:
    if any(item.parameter.name == name for item in mapped):
        return f"input {name!r} is mapped to another source, so it cannot be given as well"
    names = ", ".join(sorted(known)) or "none"
    return f"there is no input {name!r} (the inputs are: {names})"


def _default_source(rule: Rule, parameter: Input) -> InputSource | None:
    match rule:
        case Rule.RUN:
            return RunValue(parameter.name)
        case Rule.ENDPOINT:
            return EndpointValue(parameter.name)
        case Rule.PERIODIC:
            return None


def _default_destination(rule: Rule, parameter: Output) -> OutputDestination | None:
    match rule:
        case Rule.RUN:
            return RunResult(parameter.name)
        case Rule.ENDPOINT:
            return EndpointResult(parameter.name)
        case Rule.PERIODIC:
            return None


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


def _external_name(source: InputSource) -> str | None:
    return source.name if isinstance(source, EndpointValue) else None


def _doubled_names(noun: str, names: Iterable[str | None]) -> list[str]:
    counts = Counter(name for name in names if name is not None)
    return [
        f"{count} {noun}s use the endpoint name {name!r}: give each a name of its own"
        for name, count in counts.items()
        if count > 1
    ]


def _key_of(source: InputSource) -> str:
    return "endpoint_input_name" if isinstance(source, EndpointValue) else source.kind


def _article(rule: Rule) -> str:
    return {
        Rule.RUN: "a run",
        Rule.ENDPOINT: "an endpoint deployment",
        Rule.PERIODIC: "a periodic deployment",
    }[rule]


def _refuse(problems: list[str]) -> None:
    if problems:
        raise InvalidMapping(_sentence("The mapping cannot be used", problems))


def _sentence(start: str, problems: list[str]) -> str:
    return f"{start}: {'; '.join(problems)}."
