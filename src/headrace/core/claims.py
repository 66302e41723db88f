"""Claims: the right to run an attempt at an execution, and to record its end."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.core.attachments import Attachment
from headrace.core.executions import Execution
from headrace.core.pipelines import Pipeline


@dataclass(frozen=True, slots=True)
class Imported:
    """What the pods of a deployment have imported, whose executions they may run.

    Attributes:
        deployment_id: The deployment.
        version: Number of the version.
        attachments: The files that were in the folder.
    """

    deployment_id: str
    version: int
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt that one worker may run. Nobody else may record its end.

    Attributes:
        execution: The execution, recorded as running under the worker.
        pipeline: Its pipeline.
        worker_id: The worker, by the id that it had when it claimed the attempt.
    """

    execution: Execution
    pipeline: Pipeline
    worker_id: str

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 1."""
        return self.execution.attempt
