"""Executions: one recorded run each, and the transitions that are legal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from headrace.core.attachments import Attachment
from headrace.core.destinations import OutputDestination
from headrace.core.outcomes import Failure
from headrace.core.retries import Retries
from headrace.core.sources import InputSource
from headrace.core.values import DataType, Value


class Status(StrEnum):
    """The life of an execution, spelled as on the wire (wire contract, 5.4)."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"

    @property
    def is_terminal(self) -> bool:
        """Whether an execution with this status never changes again."""
        return self in TERMINAL


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.ERROR})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.RUNNING, Status.FAILED, Status.ERROR}),
    Status.RUNNING: TERMINAL | {Status.PENDING},
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.ERROR: frozenset(),
}
"""From each status to those that may follow. A pending execution fails only by being cancelled or
by losing what it needs; a running one that failed is pending again if another attempt follows; a
terminal one never changes."""


@dataclass(frozen=True, slots=True)
class InputRecord:
    """An input of one execution: what it was connected to, and the value it had.

    ``value`` is None while a late source has not resolved, and stays None where the value is a
    secret (an environment variable), which is recorded by name alone.
    """

    name: str
    data_type: DataType
    source: InputSource
    value: Value


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """An output of one execution: where it goes, and the value it got (None before the end)."""

    name: str
    data_type: DataType
    destination: OutputDestination
    value: Value


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at an execution that failed and was followed by another one.

    Attributes:
        number: Which attempt it was, from 1.
        started_at: When it began, UTC.
        ended_at: When it had failed, UTC.
        failure: Why.
    """

    number: int
    started_at: datetime
    ended_at: datetime
    failure: Failure


@dataclass(frozen=True, slots=True)
class Execution:
    """One recorded run.

    Attributes:
        id: Its id; ids sort by creation.
        pipeline_id: The pipeline it runs.
        pipeline_name: Name of that pipeline.
        deployment_name: The deployment that it came by, or None for a plain run.
        status: Where it is in its life.
        created_at: When it was accepted, UTC.
        created_by: Id of the user who ran it, or who created the deployment.
        started_at: When it left ``Pending``, UTC.
        ended_at: When it became terminal, UTC.
        inputs: In the order of declaration.
        outputs: In the order of declaration.
        failure: Why it did not succeed.
        attempt: Which try this is, from 1.
        deployment_id: Id of that deployment, or None; None as well once it is deleted.
        timeout_s: The deployment's limit on the time of one execution, in seconds.
        retries: How often it is attempted again.
        not_before: When a pending one may start at the earliest, UTC.
        waits: Whether a pending one starts only after the earlier ones of its deployment have
            ended.
        is_low_latency: Whether it is for the pods of its deployment, and not for a slot.
        fire_at: The fire time of a schedule that it was recorded for, UTC.
        pipeline_version: Number of the version that it runs, chosen when it was accepted.
        rerun_of: Id of the execution that it repeats, or None.
        attachments: Files that go along with its code.
        attempts: The earlier attempts, oldest first.
    """

    id: str
    pipeline_id: str
    pipeline_name: str
    deployment_name: str | None
    status: Status
    created_at: datetime
    created_by: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    inputs: tuple[InputRecord, ...] = ()
    outputs: tuple[OutputRecord, ...] = ()
    failure: Failure | None = None
    attempt: int = 1
    deployment_id: str | None = None
    timeout_s: float | None = None
    retries: Retries = Retries()
    not_before: datetime | None = None
    waits: bool = False
    is_low_latency: bool = False
    fire_at: datetime | None = None
    pipeline_version: int = 1
    rerun_of: str | None = None
    attachments: tuple[Attachment, ...] = ()
    attempts: tuple[Attempt, ...] = ()


def status_after(failure: Failure | None) -> Status:
    """Return the terminal status: ``Failed`` is the user's side, ``Error`` the platform's."""
    if failure is None:
        return Status.SUCCEEDED
    return Status.ERROR if failure.kind.is_platform_fault else Status.FAILED
