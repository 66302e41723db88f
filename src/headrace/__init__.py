"""Headrace turns a Python function into a recorded run, an HTTP endpoint or a periodic job."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from headrace.version import __version__

if TYPE_CHECKING:
    from headrace.client.client import HeadraceSdk
    from headrace.client.creation import CREATION_PARAMETER_VALUE
    from headrace.client.mappings import InputSource, OutputDestination
    from headrace.core.errors import (
        AlreadyExists,
        AmbiguousId,
        BreakingChange,
        Conflict,
        DeploymentCreationFailed,
        HeadraceError,
        IllegalTransition,
        InUse,
        InvalidCode,
        InvalidEnvironment,
        InvalidMapping,
        InvalidName,
        InvalidRequest,
        InvalidSchedule,
        InvalidValue,
        NotFound,
        Overloaded,
        PermissionDenied,
        PipelineCreationFailed,
        PipelineExecutionFailed,
        ServerPaused,
        TooLarge,
        TooManyTries,
        Unauthenticated,
        Unavailable,
        WaitTimeout,
    )
    from headrace.core.executions import Status as EXECUTION_STATUS  # noqa: N814 - its public name
    from headrace.core.parameters import Input, Output
    from headrace.core.values import DataType as INPUT_OUTPUT_TYPES  # noqa: N814 - its public name

__all__ = [
    "CREATION_PARAMETER_VALUE",
    "EXECUTION_STATUS",
    "INPUT_OUTPUT_TYPES",
    "AlreadyExists",
    "AmbiguousId",
    "BreakingChange",
    "Conflict",
    "DeploymentCreationFailed",
    "HeadraceError",
    "HeadraceSdk",
    "IllegalTransition",
    "InUse",
    "Input",
    "InputSource",
    "InvalidCode",
    "InvalidEnvironment",
    "InvalidMapping",
    "InvalidName",
    "InvalidRequest",
    "InvalidSchedule",
    "InvalidValue",
    "NotFound",
    "Output",
    "OutputDestination",
    "Overloaded",
    "PermissionDenied",
    "PipelineCreationFailed",
    "PipelineExecutionFailed",
    "ServerPaused",
    "TooLarge",
    "TooManyTries",
    "Unauthenticated",
    "Unavailable",
    "WaitTimeout",
    "__version__",
]

_OTHERS = {
    "HeadraceSdk": ("headrace.client.client", "HeadraceSdk"),
    "CREATION_PARAMETER_VALUE": ("headrace.client.creation", "CREATION_PARAMETER_VALUE"),
    "InputSource": ("headrace.client.mappings", "InputSource"),
    "OutputDestination": ("headrace.client.mappings", "OutputDestination"),
    "EXECUTION_STATUS": ("headrace.core.executions", "Status"),
    "Input": ("headrace.core.parameters", "Input"),
    "Output": ("headrace.core.parameters", "Output"),
    "INPUT_OUTPUT_TYPES": ("headrace.core.values", "DataType"),
}
"""Where each public name comes from that is no error. They are loaded when first asked for, because
the command uses few of them, and starts often."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, inner = _OTHERS.get(name, ("headrace.core.errors", name))
    value = globals()[name] = getattr(import_module(module), inner)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
