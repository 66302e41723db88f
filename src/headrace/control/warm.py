"""What the verbs ask of whoever keeps pods and makes their calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from headrace.core.deployments import Deployment
from headrace.core.outcomes import Failure
from headrace.core.pods import PodSetState
from headrace.core.values import Json
from headrace.engines.port import ItemReader


class WarmAnswer(NamedTuple):
    """How a call of a pod ended, its record being on disk.

    Attributes:
        execution_id: Id of the execution.
        outputs: What the caller gets, as a JSON object by the names that the caller knows.
        version: Number of the version that made it.
        failure: Why it did not succeed, or None.
    """

    execution_id: str
    outputs: str
    version: int
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class StillRunning:
    """A call that takes longer than its caller waits, and is on record.

    Attributes:
        execution_id: Id of the execution.
        version: Number of the version that makes it.
    """

    execution_id: str
    version: int


Held = WarmAnswer | StillRunning
"""What a caller who waits is told of a call that was begun."""

Made = Held | Exception
"""What a caller is told: how the call is, or why nothing can be said of it."""

OnAnswer = Callable[[Made], None]


@dataclass(frozen=True, slots=True)
class WarmStream:
    """A call whose items are read while it runs.

    Attributes:
        execution_id: Id of the execution, whose record is on disk.
        version: Number of the version that makes it.
        items: What it yields.
        ended: Gets how it ended, that being on disk.
    """

    execution_id: str
    version: int
    items: ItemReader
    ended: asyncio.Future[Held]


class Pods(Protocol):
    """The pods of low-latency deployments, seen from the verbs."""

    def state(self, deployment_id: str) -> PodSetState:
        """Return what is to be seen of a deployment's pods now; ``creation_pending`` before."""
        ...

    def served(self, deployment: Deployment) -> Deployment:
        """Return a deployment with the version that answers its calls now.

        While its pods change, and after a change that failed, that is another one than on record.
        """
        ...

    def versions(self) -> set[str]:
        """Return the ids of the versions that pods have or are to get."""
        ...

    def changed(self) -> None:
        """Have the pods follow what the database says of deployments; returns at once."""
        ...

    def are_released(self) -> bool:
        """Check whether there are no pods, and none to come."""
        ...

    def are_settled(self) -> bool:
        """Check whether all pods have come up or have failed to."""
        ...

    async def settled(self, deployment: Deployment, timeout_s: float) -> PodSetState:
        """Return the state once the pods are as a deployment says, or as it is after ``timeout_s``.

        So it is too once their creation has failed.
        """
        ...

    def begin_to_retire(self, deployment_id: str) -> None:
        """End the pods of a deployment that was disabled; returns at once, and none is seen."""
        ...

    async def retire(self, deployment_id: str) -> None:
        """End the pods of a deployment that is about to be deleted."""
        ...


class WarmCalls(Protocol):
    """Calls that are answered by pods and recorded before the answer leaves."""

    def can_answer(self, deployment: Deployment) -> bool:
        """Tell whether calls of a deployment may go this way now."""
        ...

    async def call(
        self, deployment: Deployment, values: Mapping[str, Json], hold_s: float
    ) -> Held | None:
        """Make a call; return the answer, or what is known of it after ``hold_s`` seconds.

        None is returned, and nothing was begun, if other pods have taken over since the values were
        read, so that another version would make the call than that of ``deployment``.

        Raises:
            InvalidValue, TooLarge: What was sent does not fit; nothing was recorded.
            Overloaded: Too many calls wait; nothing was recorded.
            Unavailable: The pods are gone, or the record could not be written.
        """
        ...

    def begin(
        self, deployment: Deployment, body: bytes, hold_s: float, on_answer: OnAnswer
    ) -> bool:
        """Begin a call, and return True; False if that takes more time, nothing having been read.

        Args:
            deployment: Whose pods; whichever version they have makes the call.
            body: What was sent: JSON, no longer than values may be together.
            hold_s: How long the answer is waited for; afterwards it is still running.
            on_answer: Told once, later, in the event loop's thread; it must not raise.

        Raises:
            InvalidRequest, InvalidValue, Overloaded, Unavailable: As by :meth:`call`; nothing was
                begun.
        """
        ...

    async def stream(self, deployment: Deployment, values: Mapping[str, Json]) -> WarmStream | None:
        """Make a call whose items are read while it runs; it is on record when this returns.

        None is returned as by :meth:`call`.

        Raises:
            InvalidValue, TooLarge, Overloaded, Unavailable: As by :meth:`call`.
            PipelineExecutionFailed: It failed before anything ran.
        """
        ...

    def stop(self, execution_id: str, failure: Failure) -> bool:
        """Stop a call, to end with ``failure``; False if there is no such call."""
        ...

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way, or waits to be on record."""
        ...

    def hold_back(self, *, is_held: bool) -> None:
        """Begin no calls from now on, as if there were no pods; or begin them again."""
        ...

    async def recorded(self) -> str:
        """Return that calls are being recorded; raises Unavailable if they wait for it long."""
        ...

    async def record(self, execution_id: str) -> bool:
        """Record a call that runs and is not on record yet; False if there is no such call."""
        ...
