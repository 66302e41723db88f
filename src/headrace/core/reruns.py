"""Reruns: executions that repeat recorded ones, with the same inputs, in this code or that."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, field, replace

from headrace.core.absence import Absent
from headrace.core.attachments import Attachment
from headrace.core.deployments import Deployment
from headrace.core.destinations import DataStorePath, OutputDestination, RunResult
from headrace.core.errors import Conflict, InvalidValue
from headrace.core.executions import Execution, InputRecord
from headrace.core.mappings import GivenOnly, MappedInput, MappedOutput
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import Pipeline
from headrace.core.schedules import Overlap
from headrace.core.sources import (
    DataStoreFile,
    EnvironmentVariable,
    GivenValue,
    InputSource,
    RunValue,
)
from headrace.core.values import Value


@dataclass(frozen=True, slots=True)
class Target:
    """An execution that is to be repeated, and what the repetition runs.

    Attributes:
        execution: The execution, on record.
        pipeline: Its pipeline, with the version that is to run.
        deployment: The deployment that it came by, as it is now; None for a plain run.
        rerun: Id of the newest execution that repeats it already, or None.
        attachments: The files that go along with the code.
    """

    execution: Execution
    pipeline: Pipeline
    deployment: Deployment | None = None
    rerun: str | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Repetition:
    """What a rerun is given, and where its outputs go.

    Attributes:
        inputs: The inputs of the version with their sources.
        outputs: Its outputs with their destinations.
        values: The values that are known before it starts, by input.
        notes: What is not as it was, in sentences.
    """

    inputs: tuple[MappedInput, ...]
    outputs: tuple[MappedOutput, ...]
    values: Mapping[str, Value]
    notes: tuple[str, ...]


def check_target(target: Target) -> None:
    """Refuse to repeat what has not ended, or has lost its deployment.

    Raises:
        Conflict: With what is in the way and what to do.
    """
    execution, deployment = target.execution, target.deployment
    if not execution.status.is_terminal:
        raise Conflict(
            f"Execution {execution.id} has not ended yet ({execution.status.value}): wait for its "
            "end, or cancel it, before it is run again."
        )
    if execution.deployment_name is not None:
        if deployment is None:
            raise Conflict(
                f"Deployment {execution.deployment_name!r} of execution {execution.id} was "
                f"deleted, so it cannot run again: run pipeline {execution.pipeline_name!r}."
            )
        if not deployment.is_enabled:
            raise Conflict(f"Deployment {deployment.name!r} is disabled: enable it first.")


def has_to_wait(deployment: Deployment | None) -> bool:
    """Tell whether a rerun starts only after the earlier executions of its deployment."""
    schedule = None if deployment is None else deployment.schedule
    return schedule is not None and schedule.overlap is not Overlap.PARALLEL


def repetition(
    target: Target,
    given: Mapping[str, Value],
    variables: Container[str],
    gone: Collection[str] = (),
) -> Repetition:
    """Return what a rerun is given: the recorded inputs, with ``given`` in the place of some.

    Args:
        target: What is repeated.
        given: Values and files that take the place of recorded ones, by input.
        variables: Names of the environment variables that are set.
        gone: Inputs whose recorded file, or whose file in the data store, is there no more.

    Raises:
        InvalidValue: All that keeps it from being repeated, in one message.
    """
    draft = _Draft(target, given, variables, gone)
    for parameter in target.pipeline.inputs:
        draft.take_input(parameter)
    for output in target.pipeline.outputs:
        draft.take_output(output)
    draft.look_for_losses()
    if draft.problems:
        raise InvalidValue(
            f"Execution {target.execution.id} cannot run again with version "
            f"{target.pipeline.version.number} of pipeline {target.pipeline.name!r}: "
            f"{'; '.join(draft.problems)}."
        )
    return Repetition(
        tuple(draft.inputs), tuple(draft.outputs), draft.values, tuple(dict.fromkeys(draft.notes))
    )


@dataclass(slots=True)
class _Draft:
    """A repetition under way."""

    target: Target
    given: Mapping[str, Value]
    variables: Container[str]
    gone: Collection[str]
    inputs: list[MappedInput] = field(default_factory=list)
    outputs: list[MappedOutput] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def recorded(self) -> dict[str, InputRecord]:
        """The inputs of the execution that is repeated."""
        return {record.name: record for record in self.target.execution.inputs}

    def take_input(self, parameter: Input) -> None:
        """Find the source of an input and its value."""
        source, value = self._source_of(parameter)
        problem = source.problem_with(parameter) or self._lateness(source, parameter)
        if problem is not None:
            self.problems.append(f"input {parameter.name!r}: {problem}")
        elif not source.is_late:
            name = source.name if isinstance(source, GivenValue) else parameter.name
            known = {} if isinstance(value, Absent) else {name: value}
            try:
                self.values[parameter.name] = source.resolve(parameter, GivenOnly(known))
            except InvalidValue as error:
                self.problems.append(error.message.rstrip("."))
        self.inputs.append(MappedInput(parameter, source))

    def take_output(self, parameter: Output) -> None:
        """Find the destination of an output."""
        destination = self._destination_of(parameter)
        if problem := destination.problem_with(parameter):
            self.problems.append(f"output {parameter.name!r}: {problem}")
        self.outputs.append(MappedOutput(parameter, destination))

    def look_for_losses(self) -> None:
        """Note what the version does not take or return any more, and refuse what would be lost."""
        inputs = {parameter.name for parameter in self.target.pipeline.inputs}
        outputs = {parameter.name for parameter in self.target.pipeline.outputs}
        for name in self.given.keys() - inputs:
            names = ", ".join(sorted(inputs)) or "none"
            self.problems.append(f"there is no input {name!r} (the inputs are: {names})")
        for name, record in self.recorded.items():
            if name in inputs:
                continue
            if isinstance(record.source, GivenValue) and not _is_nothing(record.value):
                self.problems.append(f"it has no input {name!r}, which the execution was given")
            else:
                self.notes.append(f"Input {name!r} is left out: this version does not have it.")
        for output in self.target.execution.outputs:
            if output.name not in outputs and isinstance(output.destination, DataStorePath):
                self.problems.append(
                    f"it has no output {output.name!r}, which went to {output.destination.path!r} "
                    "in the data store"
                )

    def _source_of(self, parameter: Input) -> tuple[InputSource, Value]:
        name = parameter.name
        if name in self.given:
            return RunValue(name), self.given[name]
        record = self.recorded.get(name)
        if record is not None:
            return record.source, record.value
        deployment = self.target.deployment
        source = dict(deployment.sources).get(name) if deployment else None
        return source or RunValue(name), Absent()

    def _lateness(self, source: InputSource, parameter: Input) -> str | None:
        """Return why a file or a late source cannot be had again, and note those that are read."""
        if parameter.name in self.given:
            return None
        if isinstance(source, DataStoreFile):
            if parameter.name in self.gone:
                return f"the data store has no file at {source.path!r} any more: give it anew"
            self.notes.append(
                f"Input {parameter.name!r} is the data store's {source.path!r} as it is now."
            )
        elif parameter.name in self.gone:
            return "its file is not kept any more: give it anew"
        elif isinstance(source, EnvironmentVariable):
            return self._variable(source, parameter)
        return None

    def _variable(self, source: EnvironmentVariable, parameter: Input) -> str | None:
        if source.name in self.variables:
            self.notes.append(
                f"Input {parameter.name!r} is read anew from environment variable {source.name}."
            )
        elif parameter.is_required and parameter.default_value is None:
            return f"environment variable {source.name!r} is not set: set it, or give the value"
        else:
            self.notes.append(
                f"Input {parameter.name!r} has its default: environment variable {source.name} is "
                "not set."
            )
        return None

    def _destination_of(self, parameter: Output) -> OutputDestination:
        execution, deployment = self.target.execution, self.target.deployment
        for record in execution.outputs:
            if record.name == parameter.name:
                destination = record.destination
                if isinstance(destination, DataStorePath):
                    # To where the execution's own file went, or would have gone.
                    return replace(destination, path=destination.dated(execution.created_at))
                return destination
        known = dict(deployment.destinations).get(parameter.name) if deployment else None
        return known or RunResult(parameter.name)


def _is_nothing(value: Value) -> bool:
    return value is None or isinstance(value, Absent)
