"""What the verbs ask of those who run executions in this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from headrace.core.claims import Claim
from headrace.core.outcomes import Failure

Stop = Callable[[str, Failure], bool]
"""Stops an execution that runs here, to end with the failure; False if it does not run here."""

PutOnRecord = Callable[[str], Awaitable[bool]]
"""Records an execution that runs and is not on record yet; False if there is no such one."""


class Admission(Protocol):
    """The worker of this process: may a run start here, now?"""

    @property
    def worker_id(self) -> str:
        """The worker's id, under which it runs executions."""
        ...

    def reserve(self) -> bool:
        """Take a slot, if one is free and nobody has waited longer.

        After True, call :meth:`start` or :meth:`give_back`; after False, :meth:`queued`.
        """
        ...

    def queued(self) -> None:
        """Say that an execution was recorded as pending, or that it could not be."""
        ...

    def give_back(self) -> None:
        """Give a reserved slot back."""
        ...

    def start(self, claim: Claim) -> None:
        """Run an execution that was recorded as running under this worker, in a reserved slot."""
        ...


def first_of(*stops: Stop) -> Stop:
    """Return a function that stops an execution wherever in this process it runs."""

    def stop(execution_id: str, failure: Failure) -> bool:
        return any(each(execution_id, failure) for each in stops)

    return stop


def any_of(*records: PutOnRecord) -> PutOnRecord:
    """Return what makes sure that an execution is on record, whichever process has it."""

    async def record(execution_id: str) -> bool:
        for each in records:
            if await each(execution_id):
                return True
        return False

    return record


async def all_on_record(execution_id: str) -> bool:  # noqa: ARG001 - whichever it is
    """Return False: nothing runs that is not on record (:data:`PutOnRecord`)."""
    return False
