"""The kinds of sources and destinations that a mapping may choose from."""

from __future__ import annotations

from headrace.core.destinations import (
    DataStorePath,
    EndpointResult,
    Nowhere,
    OutputDestination,
    RunResult,
)
from headrace.core.sources import (
    Constant,
    DataStoreFile,
    EndpointValue,
    EnvironmentVariable,
    InputSource,
    Null,
    Rule,
    RunValue,
)
from headrace.core.values import DataType

_SOURCES: tuple[type[InputSource], ...] = (
    RunValue,
    EndpointValue,
    Constant,
    EnvironmentVariable,
    DataStoreFile,
    Null,
)
_DESTINATIONS: tuple[type[OutputDestination], ...] = (
    RunResult,
    EndpointResult,
    DataStorePath,
    Nowhere,
)


def source_kinds(rule: Rule, data_type: DataType) -> list[type[InputSource]]:
    """Return the kinds of sources that can feed an input of a type under a rule."""
    return [kind for kind in _SOURCES if rule in kind.rules and not kind.refuses(data_type)]


def destination_kinds(rule: Rule, data_type: DataType) -> list[type[OutputDestination]]:
    """Return the kinds of destinations that an output of a type can go to under a rule."""
    return [kind for kind in _DESTINATIONS if rule in kind.rules and not kind.refuses(data_type)]
