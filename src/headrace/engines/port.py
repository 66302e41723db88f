"""The contracts of engines: one process per call, and warm processes that take many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

from headrace.core.calls import Call, Code, Material
from headrace.core.outcomes import Failure, Outcome
from headrace.core.pods import PodCall, PodPlan, PodSetState, QueueFull
from headrace.core.usage import Measurement
from headrace.core.values import Json

Say = Callable[[str], None]


class NeverBegan(asyncio.CancelledError):
    """The call was cancelled before its code had begun, so it can be made later."""


class Materials(Protocol):
    """Where a call runs, what the digests of its code stand for."""

    async def resolve(self, code: Code) -> Material:
        """Return the interpreter and the folder of code, both being ready on this machine.

        Asked before a process imports the code, and not for each call.

        Raises:
            Unavailable: One of them is not there; the message says which, and what to do.
        """
        ...


class Originals(Protocol):
    """The files that the digests of code stand for, for engines that take them elsewhere."""

    async def archive(self, bundle: str) -> Path:
        """Return the archive of a pipeline's folder, whole and on this machine.

        Raises:
            Unavailable: It is gone.
        """
        ...

    async def attachment(self, digest: str) -> Path:
        """Return an attached file, whole and on this machine.

        Raises:
            InvalidEnvironment: It is gone.
            Unavailable: It cannot be fetched now.
        """
        ...


class Images(Protocol):
    """Makes images of Dockerfiles ready on this machine. Equal folders share one image."""

    async def check(self) -> None:
        """Check that images can be built here.

        Raises:
            InvalidEnvironment: They cannot; the message says why, and what to install.
        """
        ...

    async def is_ready(self, digest: str) -> bool:
        """Check whether the image of this digest is there.

        Raises:
            InvalidEnvironment: As by :meth:`check`.
        """
        ...

    async def ready(self, digest: str, folder: Path, dockerfile: str, say: Say) -> None:
        """Build an image unless it is there.

        Args:
            digest: By what it is known (:func:`headrace.core.dockerfiles.image_digest`).
            folder: The pipeline's folder, all that the build sees.
            dockerfile: The Dockerfile in it.
            say: Receives the words of the build, line by line.

        Raises:
            InvalidEnvironment: It cannot be built.
        """
        ...

    async def discard_unused(self, keep: Collection[str], *, unused_for_s: float) -> list[str]:
        """Remove images outside ``keep`` that nobody asked for lately; return digests."""
        ...


class Metering(Protocol):
    """Measures what calls and pods use of this machine."""

    async def take(self) -> list[Measurement]:
        """Sample what is due; return all measurements since the last time.

        To be called about once a second. Never raises for what user code does.
        """
        ...


class Engine(Protocol):
    """Runs calls of user code. Records nothing, and never raises for what user code does."""

    async def run(self, call: Call) -> Outcome:
        """Run one call to its end and return what became of it.

        Log lines are complete in ``call.log`` when this returns, and no process of the call is
        left. Cancelling the await stops the call in the same way, then raises ``CancelledError``:
        :class:`NeverBegan` if it is known that user code has not begun.
        """
        ...

    def is_warm(self, code: Code, variables: Mapping[str, str]) -> bool:
        """Check whether a process has imported this code, so that a call now imports nothing."""
        ...

    async def warm(
        self, code: Code, variables: Mapping[str, str], say: Say | None = None
    ) -> Failure | None:
        """Import code, so that its next call starts sooner; return why it cannot be imported.

        It is imported where and as calls import it, once: what works here works in a call. Never
        raises. If it cannot be imported, ``say`` receives what it printed and its traceback.
        """
        ...

    async def close(self) -> None:
        """Stop everything that this engine started."""
        ...


class ItemReader(Protocol):
    """What a function yields, for one reader, while it runs."""

    @property
    def is_cut(self) -> bool:
        """Whether the reader was given up for taking too long, or has left."""
        ...

    def __aiter__(self) -> AsyncIterator[Json]:
        """Return an iterator that ends with the call."""
        ...

    def leave(self) -> None:
        """Say that nobody reads any more; the function goes on, and its items are recorded."""
        ...


class Ticket(Protocol):
    """A submitted call. All of it belongs to the event loop's thread."""

    @property
    def ended(self) -> asyncio.Future[Outcome]:
        """Gets the outcome; log and output files are complete by then. Do not cancel it."""
        ...

    @property
    def items(self) -> ItemReader | None:
        """What it yields; None if the call was not to be streamed."""
        ...

    @property
    def started_us(self) -> int:
        """When user code began, in microseconds since 1970 UTC; 0 before."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether user code has begun, and the outcome is not known."""
        ...

    @property
    def may_have_begun(self) -> bool:
        """Whether a pod has the call, or had it; one that only waits has surely not begun."""
        ...

    def when_started(self, callback: Callable[[], None]) -> None:
        """Have a function called when user code begins; at once if it has."""
        ...

    def stop(self, failure: Failure) -> None:
        """End the call; ``failure`` becomes its outcome. Nothing happens if it has ended.

        A call that waits never begins. One that is awaited is cancelled. One in a thread of its
        own is given up: it has its outcome at once, and keeps its slot until it really ends. A
        plain one that runs alone in its pod ends with the pod, which is replaced.
        """
        ...


class PodEngine(Protocol):
    """Keeps warm processes that have imported user code, and has them make calls.

    Records nothing, and never raises for what user code does.
    """

    async def deploy(self, plan: PodPlan, on_switch: Callable[[], None] = ...) -> Failure | None:
        """Start the pods of a plan; return when all are up, or why none can be.

        If the deployment has pods that do not fit the plan, new ones are started first. Once these
        are up they take all new calls; the old ones finish those that they have and those that wait
        for them, and end. If the first new one does not start, the old ones go on as before, with
        the limits of the plan; so they do if this is cancelled. A change of limits or of the number
        of pods restarts none.

        Args:
            plan: What the pods are for.
            on_switch: Called when pods of this plan are those that take calls, in the step of the
                event loop in which they begin to.
        """
        ...

    async def retire(self, deployment_id: str, grace_s: float) -> None:
        """End the pods of a deployment; return when nothing of them is left.

        Calls that wait end at once, those that run after at most ``grace_s`` seconds.
        """
        ...

    def submit(
        self,
        deployment_id: str,
        call: PodCall,
        on_end: Callable[[Outcome], None] | None = None,
    ) -> Ticket | QueueFull:
        """Queue a call for the pod that is free first, in order of arrival.

        To be called in the event loop's thread; it never waits. The outcome is a failure at once
        if the creation of the pods has failed.

        Args:
            deployment_id: Whose pods.
            call: What they are to do.
            on_end: Called with the outcome as soon as it is known, which may be before this
                returns. It costs less than waiting for :attr:`Ticket.ended`, and must not raise.

        Raises:
            KeyError: There is no such deployment, or its pods of that generation are gone.
        """
        ...

    def state(self, deployment_id: str) -> PodSetState:
        """Return the visible state of the pods of a deployment."""
        ...

    async def close(self) -> None:
        """End all pods; calls that run or wait are lost."""
        ...
