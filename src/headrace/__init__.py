"""Headrace turns a Python function into a recorded run, an HTTP endpoint or a periodic job."""

from headrace.client.client import HeadraceSdk
from headrace.client.creation import CREATION_PARAMETER_VALUE
from headrace.client.mappings import InputSource, OutputDestination
from headrace.core.errors import (
    AlreadyExists,
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
    TooLarge,
    Unauthenticated,
    Unavailable,
    WaitTimeout,
)
from headrace.core.executions import Status as EXECUTION_STATUS  # noqa: N814 - its public name
from headrace.core.parameters import Input, Output
from headrace.core.values import DataType as INPUT_OUTPUT_TYPES  # noqa: N814 - its public name
from headrace.version import __version__

__all__ = [
    "CREATION_PARAMETER_VALUE",
    "EXECUTION_STATUS",
    "INPUT_OUTPUT_TYPES",
    "AlreadyExists",
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
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "WaitTimeout",
    "__version__",
]
