"""The mapping of a deployment, fitted to the signature of the version that it runs.

The mapping is what the user gave. Versions come and go below it: what a version does not have is
passed over, and what it has besides is mapped as at the creation of a deployment, if that can be.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from headrace.core.destinations import EndpointResult, Nowhere, OutputDestination
from headrace.core.mappings import MappedInput, MappedOutput
from headrace.core.parameters import Input, Output
from headrace.core.sources import EndpointValue, InputSource, LeftOut, Rule
from headrace.core.values import DataType


def fit_inputs(
    rule: Rule, inputs: Sequence[Input], sources: Sequence[tuple[str, InputSource]]
) -> tuple[MappedInput, ...]:
    """Return each input with its source, in the order of declaration.

    An input that is not mapped, or to what cannot feed it, is sent by the caller of an endpoint
    under its own name, unless that is taken or would be a second file. Otherwise it is left out.
    """
    given = dict(sources)
    kept = {
        parameter.name: source
        for parameter in inputs
        if (source := given.get(parameter.name)) and not source.problem_with(parameter)
    }
    taken = {source.name for source in kept.values() if isinstance(source, EndpointValue)}
    fitted = {
        parameter.name: kept.get(parameter.name) or _source(rule, parameter, taken)
        for parameter in inputs
    }
    files = [
        parameter.name
        for parameter in inputs
        if parameter.data_type is DataType.FILE
        and isinstance(fitted[parameter.name], EndpointValue)
    ]
    fitted |= dict.fromkeys(_all_but_one(files, kept), LeftOut())
    return tuple(MappedInput(parameter, fitted[parameter.name]) for parameter in inputs)


def fit_outputs(
    rule: Rule, outputs: Sequence[Output], destinations: Sequence[tuple[str, OutputDestination]]
) -> tuple[MappedOutput, ...]:
    """Return each output with its destination, in the order of declaration.

    An output that is not mapped, or to where it cannot go, is answered by an endpoint under its
    own name, unless that is taken or would be a second file. Otherwise it goes nowhere.
    """
    given = dict(destinations)
    kept = {
        parameter.name: goal
        for parameter in outputs
        if (goal := given.get(parameter.name)) and not goal.problem_with(parameter)
    }
    taken = {goal.name for goal in kept.values() if isinstance(goal, EndpointResult)}
    fitted = {
        parameter.name: kept.get(parameter.name) or _destination(rule, parameter, taken)
        for parameter in outputs
    }
    files = [
        parameter.name
        for parameter in outputs
        if parameter.data_type is DataType.FILE
        and isinstance(fitted[parameter.name], EndpointResult)
    ]
    fitted |= dict.fromkeys(_all_but_one(files, kept), Nowhere())
    return tuple(MappedOutput(parameter, fitted[parameter.name]) for parameter in outputs)


def _all_but_one(files: Sequence[str], kept: Container[str]) -> Sequence[str]:
    """Return the files that a call has no place for; one that is mapped keeps its place."""
    return sorted(files, key=lambda name: name not in kept)[1:]


def _source(rule: Rule, parameter: Input, taken: set[str]) -> InputSource:
    if rule is not Rule.ENDPOINT or parameter.name in taken:
        return LeftOut()
    return EndpointValue(parameter.name)


def _destination(rule: Rule, parameter: Output, taken: set[str]) -> OutputDestination:
    if rule is not Rule.ENDPOINT or parameter.name in taken:
        return Nowhere()
    return EndpointResult(parameter.name)
