"""The mapping, drawn: sources on the left, the function, destinations on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.console import words
from headrace.core.deployments import Deployment
from headrace.core.destinations import (
    DataStorePath,
    EndpointResult,
    Nowhere,
    OutputDestination,
    RunResult,
)
from headrace.core.executions import Execution
from headrace.core.pipelines import Pipeline
from headrace.core.sources import (
    Constant,
    DataStoreFile,
    EndpointValue,
    EnvironmentVariable,
    GivenValue,
    InputSource,
    Null,
    RunValue,
)
from headrace.core.values import FileValue, Value


@dataclass(frozen=True, slots=True)
class Node:
    """One end of a line.

    Attributes:
        name: The input or output.
        kind: Its type.
        origin: The source or destination, in words.
        value: What went along the line, or what will; in one line.
        is_dead: Whether nothing goes along it.
        link: Address of the file that went along it, or None.
    """

    name: str
    kind: str
    origin: str
    value: str
    is_dead: bool = False
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Diagram:
    """A function, or the container of an image, with all that is connected to it."""

    called: str
    file: str
    sources: Sequence[Node]
    destinations: Sequence[Node]


def of_execution(execution: Execution, pipeline: Pipeline) -> Diagram:
    """Return the mapping of an execution with the values that it had."""
    root = f"/executions/{execution.id}"
    sources = [
        Node(
            record.name,
            record.data_type.value,
            origin_of(record.source),
            _recorded(record.source, record.value),
            isinstance(record.source, Null),
            f"{root}/inputs/{record.name}" if isinstance(record.value, FileValue) else None,
        )
        for record in execution.inputs
    ]
    has_ended_well = execution.failure is None and execution.status.is_terminal
    destinations = [
        Node(
            record.name,
            record.data_type.value,
            goal_of(record.destination),
            words.value(record.value) if has_ended_well else words.NO_VALUE,
            not has_ended_well or isinstance(record.destination, Nowhere),
            f"{root}/outputs/{record.name}" if isinstance(record.value, FileValue) else None,
        )
        for record in execution.outputs
    ]
    return _diagram(pipeline, sources, destinations)


def of_deployment(deployment: Deployment, last: Execution | None = None) -> Diagram:
    """Return the mapping of a deployment, with the values of an execution of it."""
    drawn = None if last is None else of_execution(last, deployment.pipeline)
    into = {} if drawn is None else {node.name: node for node in drawn.sources}
    out = {} if drawn is None else {node.name: node for node in drawn.destinations}
    sources = [
        into.get(item.parameter.name)
        or Node(
            item.parameter.name,
            item.parameter.data_type.value,
            origin_of(item.source),
            _recorded(item.source, None),
            isinstance(item.source, Null),
        )
        for item in deployment.inputs
    ]
    destinations = [
        out.get(item.parameter.name)
        or Node(
            item.parameter.name,
            item.parameter.data_type.value,
            goal_of(item.destination),
            words.NO_VALUE,
            isinstance(item.destination, Nowhere),
        )
        for item in deployment.outputs
    ]
    return _diagram(deployment.pipeline, sources, destinations)


def of_pipeline(pipeline: Pipeline) -> Diagram:
    """Return the inputs and outputs of a pipeline, connected to nothing yet."""
    sources = [
        Node(
            item.name,
            item.data_type.value,
            "required" if item.is_required else "optional",
            item.description or _default(item.default_value),
        )
        for item in pipeline.inputs
    ]
    destinations = [
        Node(item.name, item.data_type.value, "output", item.description or words.NO_VALUE)
        for item in pipeline.outputs
    ]
    return _diagram(pipeline, sources, destinations)


def origin_of(source: InputSource) -> str:
    """Return the kind of a source in words."""
    match source:
        case RunValue():
            return "given to the run"
        case EndpointValue():
            return f"call, as {source.name}"
        case Constant():
            return "constant"
        case EnvironmentVariable():
            return "environment variable"
        case DataStoreFile():
            return "data store"
    return "nothing"


def goal_of(destination: OutputDestination) -> str:
    """Return the kind of a destination in words."""
    match destination:
        case RunResult():
            return "result"
        case EndpointResult():
            return f"answer, as {destination.name}"
        case DataStorePath():
            return f"data store, {destination.path}"
    return "nothing"


def wires(count: int, *, is_left: bool) -> list[str]:
    """Return the lines between so many nodes and the function, in a square of 100 units."""
    paths = []
    for number in range(count):
        height = round(100 * (number + 0.5) / count, 2)
        begin, end = (height, 50) if is_left else (50, height)
        paths.append(f"M0 {begin} C50 {begin} 50 {end} 100 {end}")
    return paths


def _diagram(pipeline: Pipeline, sources: Sequence[Node], destinations: Sequence[Node]) -> Diagram:
    version = pipeline.version
    path = version.function_path or version.config.dockerfile_path or ""
    called = f"{version.function_name}()" if version.function_name else "container"
    return Diagram(called, path, sources, destinations)


def _recorded(source: InputSource, value: Value) -> str:
    """Return the value of an input, or what stands for it where it is a secret or not there yet."""
    match source:
        case EnvironmentVariable():
            return source.name
        case DataStoreFile() if value is None:
            return source.path
        case Constant():
            return words.value(source.value)
        case GivenValue() if value is None and source.default_value is not None:
            return words.value(source.default_value)
    return words.value(value) if value is not None else words.NO_VALUE


def _default(value: object) -> str:
    return words.NO_VALUE if value is None else f"default {words.value(value)}"
