"""What became of a call: data, never an exception."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from headrace.core.values import Json


class FailureKind(StrEnum):
    """Why a call did not succeed."""

    USER_ERROR = "user_error"
    BAD_OUTPUT = "bad_output"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    EXITED = "exited"
    CANCELLED = "cancelled"
    BAD_INPUT = "bad_input"
    WORKER_LOST = "worker_lost"
    ENVIRONMENT = "environment"

    @property
    def is_platform_fault(self) -> bool:
        """Whether the platform, not the user's code or request, is to blame (``Error``)."""
        return self in {FailureKind.WORKER_LOST, FailureKind.ENVIRONMENT}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call did not succeed, for a person.

    Attributes:
        kind: The class of reason.
        message: One or two sentences; for an exception, the last line of its traceback.
    """

    kind: FailureKind
    message: str


CANCELLED = Failure(FailureKind.CANCELLED, "The execution was cancelled.")


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that user code returned, safe in the call's workspace.

    Attributes:
        path: Where the bytes are now; may be moved away.
        filename: Base name that user code gave it.
        size: Bytes.
    """

    path: Path
    filename: str
    size: int


class Returned(NamedTuple):
    """User code returned what it declared, after conversion to JSON.

    Attributes:
        values: Outputs of all types but file, by output name.
        files: Outputs of type file, by output name.
    """

    values: Mapping[str, Json] = {}
    files: Mapping[str, OutputFile] = {}


Outcome = Returned | Failure
