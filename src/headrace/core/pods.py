"""Warm workers: what a set of pods is told, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from headrace.core.calls import Code, InputFile
from headrace.core.outcomes import Failure
from headrace.core.values import DataType, Json

DEFAULT_MAX_PARALLEL = 6
"""Calls at once in one pod, if parallel ones are asked for without a number (the contract's)."""


class PodStatus(StrEnum):
    """Whether pods take calls, spelled as on the wire (wire contract, 5.5)."""

    CREATION_PENDING = "creation_pending"
    CREATION_FAILED = "creation_failed"
    UP = "up"
    DOWN_RETRYING = "down_retrying"
    STANDBY = "standby"


@dataclass(frozen=True, slots=True)
class PodPlan:
    """All that is needed to keep the pods of one deployment; None means no limit.

    Attributes:
        deployment_id: Whose pods they are.
        generation: Another one means that the pods must be replaced.
        code: What they import and call.
        outputs: Declared outputs: name to type.
        variables: The environment's variables, present at import time.
        owner: Id of the user in whose name the pods act.
        log: File that receives what belongs to no call; each message begins with the pod's id.
        log_bytes: What that file may hold; beyond it, the older half is dropped.
        count: Pods at once, at least 1.
        max_parallel: Calls at once in one pod; None for one after the other.
        ram_bytes: Resident memory of one pod with all that it starts.
        timeout_s: Seconds from the start of user code to its end.
        idle_timeout_s: Seconds without a call after which no pod is kept.
        max_queue: Calls that may wait; more are refused.
        probe: A call that a new pod has to pass before it takes others; None for no such call.
    """

    deployment_id: str
    generation: str
    code: Code
    outputs: Mapping[str, DataType]
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    log_bytes: int = 16 << 20
    count: int = 1
    max_parallel: int | None = None
    ram_bytes: int | None = None
    timeout_s: float | None = None
    idle_timeout_s: float | None = None
    max_queue: int = 1000
    probe: PodCall | None = None

    def fits(self, other: PodPlan) -> bool:
        """Check whether pods that were started for one plan serve the other as well."""
        return (
            self.generation == other.generation
            and self.code == other.code
            and self.outputs == other.outputs
            and self.owner == other.owner
            and self.log == other.log
            and self.log_bytes == other.log_bytes
            and (self.max_parallel is None) == (other.max_parallel is None)
        )

    def within(self, other: PodPlan) -> PodPlan:
        """Return this plan with the limits, the variables and the number of pods of another one."""
        is_parallel = self.max_parallel is not None and other.max_parallel is not None
        return replace(
            self,
            variables=other.variables,
            count=other.count,
            max_parallel=other.max_parallel if is_parallel else self.max_parallel,
            ram_bytes=other.ram_bytes,
            timeout_s=other.timeout_s,
            idle_timeout_s=other.idle_timeout_s,
            max_queue=other.max_queue,
        )


@dataclass(slots=True)
class PodCall:
    """One call of a deployment's function.

    Nobody changes one. That is not enforced, because a frozen value sets each field by a call; and
    paths are texts here, because building a path would take longer than sending it.

    Attributes:
        execution_id: Id of the execution that this call belongs to.
        values: Arguments of all types but file, by input name; None for null.
        variables: The environment's variables now. The same object as before means no change.
        log: File that receives the call's log lines; it is made with the first of them.
        workspace: Folder for the call's files; it is made only if there are any, and whoever
            made the call removes it when the outputs have been taken from it.
        files: Arguments of type file, by input name.
        absent: Inputs that nothing was given for, as in :class:`headrace.core.calls.Call`.
        stream: Whether somebody reads the items while the function yields them.
        is_on_record: Whether its execution was accepted already, so that it waits even if too many
            do.
        generation: Generation of the pods that it was read for, which alone may make it; None for
            those that take calls now.
    """

    execution_id: str
    values: Mapping[str, Json]
    variables: Mapping[str, str]
    log: str
    workspace: str
    files: Mapping[str, InputFile] | None = None
    stream: bool = False
    is_on_record: bool = False
    absent: Mapping[str, str | None] | None = None
    generation: str | None = None


@dataclass(frozen=True, slots=True)
class PodView:
    """One pod.

    Attributes:
        id: Its id; a pod that takes another one's place has another.
        status: ``up``, or ``creation_pending`` while it starts.
    """

    id: str
    status: PodStatus


class RolloutStatus(StrEnum):
    """Where the change of a deployment's pods to another version is."""

    STARTING = "starting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Rollout:
    """A change of pods to another version, while pods of the version before answer.

    Attributes:
        version: Number of the version that is to take over.
        status: Where it is.
        reason: Why it failed, or None.
    """

    version: int
    status: RolloutStatus
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PodSetState:
    """The pods of one deployment.

    Attributes:
        status: Of all together; ``up`` if there is one that takes calls.
        pods: Those there are.
        running: Calls that run.
        waiting: Calls that wait.
        failure: Why the last start of a pod failed, until one succeeds.
        is_changing: Whether a change of what was asked for is being carried out.
        rollout: The change to another version that is under way, or failed; None if all pods that
            take calls are as they were asked for.
    """

    status: PodStatus
    pods: tuple[PodView, ...] = ()
    running: int = 0
    waiting: int = 0
    failure: Failure | None = None
    is_changing: bool = False
    rollout: Rollout | None = None


@dataclass(frozen=True, slots=True)
class QueueFull:
    """A call was refused, because too many wait.

    Attributes:
        waiting: How many do.
        retry_after_s: Seconds until they are likely to have been served; at least 1.
    """

    waiting: int
    retry_after_s: int
