"""Filters of executions, and what a search by one finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headrace.core.executions import Execution, Status
from headrace.core.sources import Rule

MOST_COUNTED = 10_000
"""So many are counted; a greater count is said to be more."""

FAILURES = (Status.FAILED, Status.ERROR)
"""The statuses of executions that have a reason."""


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """The executions that are meant; an attribute that is left out restricts nothing.

    Attributes:
        pipeline_id: Those of this pipeline.
        deployment_id: Those of this deployment.
        version: Those of this version of their pipeline.
        statuses: Those with one of these; all if there are none.
        since: What sorts before the first id that counts (:func:`~headrace.core.names.least_id`).
        until: What sorts before the first id that does not count any more, in the same way.
        prefix: How their ids begin.
        created_by: Those of this user: an id, a name or an e-mail address.
        rule: Those that started for this reason.
        reason: Those that failed with a message that contains this, in whatever case.
        is_unrepeated: Whether only those are meant that no other execution repeats.
    """

    pipeline_id: str | None = None
    deployment_id: str | None = None
    version: int | None = None
    statuses: tuple[Status, ...] = ()
    since: str | None = None
    until: str | None = None
    prefix: str | None = None
    created_by: str | None = None
    rule: Rule | None = None
    reason: str | None = None
    is_unrepeated: bool = False

    @property
    def wanted_statuses(self) -> tuple[Status, ...]:
        """The statuses that can fit, each once; empty for all."""
        several = tuple(dict.fromkeys(self.statuses))
        if self.reason is None:
            return several
        return tuple(one for one in several or FAILURES if one in FAILURES)

    @property
    def is_impossible(self) -> bool:
        """Whether nothing can fit: only what failed has a reason."""
        return bool(self.statuses) and not self.wanted_statuses

    def of_status(self, *statuses: Status) -> ExecutionFilter:
        """Return the same filter for other statuses."""
        return replace(self, statuses=statuses)


@dataclass(frozen=True, slots=True)
class Count:
    """How many executions fit.

    Attributes:
        number: So many were counted.
        is_exact: Whether there are no more.
    """

    number: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class ExecutionPage:
    """A piece of a search.

    Attributes:
        executions: What was found, newest first, without inputs and outputs.
        older: The search goes on with what is before this id; None at its end.
        newer: It goes on with what is after this id, in the other direction; None at its end.
    """

    executions: Sequence[Execution]
    older: str | None
    newer: str | None
