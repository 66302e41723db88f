"""May a run start here, now? The worker answers; the verbs only ask."""

from __future__ import annotations

from typing import Protocol

from headrace.core.executions import Execution
from headrace.core.outcomes import Failure
from headrace.core.pipelines import Pipeline


class Admission(Protocol):
    """The worker of this process, seen from the verbs."""

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

    def start(self, execution: Execution, pipeline: Pipeline) -> None:
        """Run an execution that was recorded as running under this worker, in a reserved slot."""
        ...

    def stop(self, execution_id: str, failure: Failure) -> bool:
        """Stop an execution that runs here, to end with ``failure``; False if it does not."""
        ...
