"""Many executions at once: replayed or cancelled, chosen by deployment, status and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from headrace.client.chosen_executions import (
    Choice,
    Chosen,
    check_choice,
    chosen_executions,
)
from headrace.client.parts import Object
from headrace.client.replay_plans import Plan, plan_replay
from headrace.client.replays import Cancellation, Many, Progress, Replay
from headrace.client.reruns import RerunCalls
from headrace.client.waiting import WaitInterrupted
from headrace.core.code_choices import CURRENT, CodeChoice
from headrace.core.values import DataType

PARALLEL = 4
"""How many executions are under way at a time, unless said otherwise."""

DID_NOT_SUCCEED = ("Failed", "Error")
HAVE_ENDED = (*DID_NOT_SUCCEED, "Succeeded")
HAVE_NOT_ENDED = ("Pending", "Running")


class BulkCalls(RerunCalls):
    """Many executions at once."""

    def replay_executions(
        self,
        *,
        deployment_name: str | None = None,
        pipeline_name: str | None = None,
        status: str | Sequence[str] = DID_NOT_SUCCEED,
        reason: str | Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        version: int | None = None,
        created_by: str | None = None,
        execution_rule: str | None = None,
        text: str | None = None,
        code: CodeChoice = CURRENT,
        inputs: Mapping[str, Any] | None = None,
        limit: int | None = None,
        parallel: int = PARALLEL,
        dry_run: bool = False,
        on_progress: Progress | None = None,
    ) -> Object:
        """Run executions again that did not succeed, each of them once, the oldest first.

        One that was run again before is left out: its newest rerun stands for it, and is chosen
        itself if it did not succeed. So whatever ended this call, it can be made again.

        Args:
            deployment_name: Those of this deployment.
            pipeline_name: Those of this pipeline.
            status: Those with this status, or with one of several that are final.
            reason: Those that failed for this kind of reason, such as ``"timeout"``, or for one of
                several.
            since: Those created from this time on.
            until: Those created before this time.
            version: Those of this version.
            created_by: Those of this user: an id, a name or an e-mail address.
            execution_rule: Those that started so: ``run``, ``endpoint`` or ``periodic``.
            text: Those whose ids begin so, or that failed with a reason that contains it.
            code: Which version runs; see :meth:`rerun_execution`.
            inputs: Values in the place of the recorded ones of all of them.
            limit: At most so many.
            parallel: How many are under way at a time, from 1 to 32.
            dry_run: Say what would be done, and do nothing.
            on_progress: Told how many are done, of how many, and how many of them failed.

        Returns:
            ``{"started", "succeeded", "failed", "failures", "refused", "already_run_again",
            "not_started", "reruns", "plan", ...}``; with ``dry_run``, the plan alone.

        Raises:
            NotFound: There is no such deployment or pipeline.
            InvalidRequest: An argument cannot be used.
            WaitInterrupted: By the user; what was started goes on, and the message says how much.
        """
        plan = self.plan_replay(
            Choice(
                pipeline_name,
                deployment_name,
                _several(status) or DID_NOT_SUCCEED,
                since,
                until,
                version,
                _several(reason),
                created_by,
                execution_rule,
                text,
            ),
            code,
            inputs,
            limit,
            parallel,
        )
        if dry_run:
            return plan.summary()
        replay = Replay(self, plan, parallel, on_progress)
        replay.carry_out()
        _raise(replay, "were started", "replay_executions")
        return replay.result()

    def plan_replay(
        self,
        choice: Choice,
        code: CodeChoice = CURRENT,
        inputs: Mapping[str, Any] | None = None,
        limit: int | None = None,
        parallel: int = PARALLEL,
        types: Mapping[str, DataType] | None = None,
    ) -> Plan:
        """Return what :meth:`replay_executions` would do, so that it can be shown before."""
        check_choice(choice, HAVE_ENDED, parallel, limit)
        if inputs and types is None:
            types = self.get_types_of_chosen(choice, code)
        return plan_replay(self, choice, code, inputs or {}, types or {}, limit)

    def get_types_of_chosen(self, choice: Choice, code: CodeChoice) -> dict[str, DataType]:
        """Return the types of the inputs that may be given to the newest one that is chosen."""
        _, newest = chosen_executions(self, choice, 1)
        return self.get_rerun_input_types(newest[0].execution_id, code) if newest else {}

    def cancel_executions(
        self,
        *,
        deployment_name: str | None = None,
        pipeline_name: str | None = None,
        status: str | Sequence[str] = HAVE_NOT_ENDED,
        since: datetime | None = None,
        until: datetime | None = None,
        version: int | None = None,
        created_by: str | None = None,
        execution_rule: str | None = None,
        text: str | None = None,
        limit: int | None = None,
        parallel: int = PARALLEL,
        dry_run: bool = False,
        on_progress: Progress | None = None,
    ) -> Object:
        """Cancel executions that have not ended, the newest first.

        Args:
            deployment_name: As :meth:`replay_executions`, and so are all others.
            pipeline_name: Those of this pipeline.
            status: Those that are ``"Pending"``, ``"Running"`` or both.
            since: Those created from this time on.
            until: Those created before this time.
            version: Those of this version.
            created_by: Those of this user: an id, a name or an e-mail address.
            execution_rule: Those that started so: ``run``, ``endpoint`` or ``periodic``.
            text: Those whose ids begin so, or that failed with a reason that contains it.
            limit: At most so many.
            parallel: How many are asked to end at a time.
            dry_run: Say how many would be cancelled, and do nothing.
            on_progress: Told how many are done.

        Returns:
            ``{"chosen", "cancelled", "ended_before", "refused", "not_started", ...}``.

        Raises:
            NotFound: There is no such deployment or pipeline.
            InvalidRequest: An argument cannot be used.
            WaitInterrupted: By the user.
        """
        choice = Choice(
            pipeline_name,
            deployment_name,
            _several(status) or HAVE_NOT_ENDED,
            since,
            until,
            version,
            (),
            created_by,
            execution_rule,
            text,
        )
        todo = Cancellation(
            self, self.choose_to_cancel(choice, limit, parallel), parallel, on_progress
        )
        if not dry_run:
            todo.carry_out()
            _raise(todo, "were cancelled", "cancel_executions")
        return todo.result()

    def choose_to_cancel(
        self, choice: Choice, limit: int | None = None, parallel: int = PARALLEL
    ) -> list[Chosen]:
        """Return what :meth:`cancel_executions` would cancel: what is pending before what runs."""
        check_choice(choice, HAVE_NOT_ENDED, parallel, limit)
        _, found = chosen_executions(self, choice)
        # What would start next comes last, so that nothing starts meanwhile only to be stopped.
        found.sort(key=lambda one: one.status != "Pending")
        return found[:limit]


def _several(one: str | Sequence[str]) -> tuple[str, ...]:
    return (str(one),) if isinstance(one, str) else tuple(str(each) for each in one)


def _raise(many: Many, what: str, again: str) -> None:
    """Raise what ended a batch before its end."""
    if many.error is not None:
        raise many.error
    if many.is_interrupted:
        raise WaitInterrupted(
            f"{len(many.outcomes) + len(many.going_on)} executions {what}, {many.not_started} were "
            f"not. sdk.{again}(…) with the same arguments goes on."
        )
