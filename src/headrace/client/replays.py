"""Replays and bulk cancellations: one thing done to many executions, to each of them once."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from headrace.client.batches import Batch
from headrace.client.chosen_executions import Chosen, grouped
from headrace.client.executions import ExecutionCalls
from headrace.client.parts import Object
from headrace.client.replay_plans import Plan
from headrace.client.reruns import RerunCalls
from headrace.client.waiting import PATIENCE_S
from headrace.core.errors import (
    Conflict,
    HeadraceError,
    NotFound,
    Unauthenticated,
    Unavailable,
)

FATAL = (Unauthenticated, Unavailable)
"""What ends a batch, because it would meet the next execution as well."""

PAUSE_S = 0.5
"""Between two questions to a server that does not answer."""

SETTLE_S = 10.0
"""Longest wait for what was just being asked for when somebody interrupted."""

T = TypeVar("T")

Progress = Callable[[int, int, int], None]
"""Told how many are done, of how many, and how many of them failed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one execution of a batch.

    Attributes:
        execution_id: The execution that was chosen.
        state: ``succeeded``, ``failed``, ``already``, ``refused``; of a cancellation, ``cancelled``
            or ``ended``.
        rerun_id: The execution that repeats it, or None.
        kind: Why it failed.
        message: The same, in a sentence.
    """

    execution_id: str
    state: str
    rerun_id: str | None = None
    kind: str = ""
    message: str = ""


class Many:
    """Something that is done to many executions.

    Attributes:
        is_interrupted: Whether somebody ended it before its end.
        error: What ended it before its end, or None.
        outcomes: What became of each that is done.
    """

    def __init__(
        self, todo: Sequence[Chosen], parallel: int, on_progress: Progress | None = None
    ) -> None:
        self.is_interrupted = False
        self.error: HeadraceError | None = None
        self.outcomes: list[Outcome] = []
        self._todo = todo
        self._on_progress = on_progress or (lambda *_: None)
        self._lock = threading.Lock()
        self._under_way: dict[str, str | None] = {}
        self._batch = Batch(todo, self._tracked, min(parallel, len(todo)))

    def carry_out(self) -> None:
        """Do it; an interruption begins nothing further, and waits for what is being asked for."""
        failed = 0
        try:
            for outcome in self._batch.results():
                self.outcomes.append(outcome)
                failed += outcome.state in {"failed", "refused"}
                self._on_progress(len(self.outcomes), len(self._todo), failed)
        except KeyboardInterrupt:
            self.is_interrupted = True
        except HeadraceError as error:
            self.error = error
        if self.is_interrupted or self.error is not None:
            self._batch.stop()
            with contextlib.suppress(KeyboardInterrupt):
                self._settle()

    @property
    def going_on(self) -> dict[str, str]:
        """What was asked for and has not ended, by the execution that was chosen."""
        done = {outcome.execution_id for outcome in self.outcomes}
        with self._lock:
            known = dict(self._under_way)
        return {key: value for key, value in known.items() if value and key not in done}

    @property
    def not_started(self) -> int:
        """How many were not begun."""
        return len(self._todo) - len(self.outcomes) - len(self.going_on)

    def having(self, state: str) -> list[Outcome]:
        """Return the outcomes of a kind."""
        return [outcome for outcome in self.outcomes if outcome.state == state]

    def reasons(self, state: str) -> list[Object]:
        """Return the reasons of the outcomes of a kind, the most frequent first."""
        return grouped(
            [
                (one.kind, one.message, one.rerun_id or one.execution_id)
                for one in self.having(state)
            ]
        )

    def _tracked(self, chosen: Chosen) -> Outcome:
        with self._lock:
            self._under_way[chosen.execution_id] = None
        try:
            return self._do(chosen)
        finally:
            with self._lock:
                # What was asked for stays known to whoever does not wait for the outcome any more.
                if self._under_way[chosen.execution_id] is None or not self._batch.is_stopped:
                    del self._under_way[chosen.execution_id]

    def _note(self, chosen: Chosen, asked_for: str) -> None:
        """Note what was asked for an execution, before its end is waited for."""
        with self._lock:
            self._under_way[chosen.execution_id] = asked_for

    def _do(self, chosen: Chosen) -> Outcome:
        raise NotImplementedError

    def _asked(self, ask: Callable[[], T]) -> T:
        """Return what a request returns; a server that restarts is asked again for a while."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return ask()
            except Unavailable:
                if self._batch.is_stopped or time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE_S)

    def _settle(self) -> None:
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            with self._lock:
                if all(self._under_way.values()):
                    return
            time.sleep(0.02)


class Replay(Many):
    """A replay that is carried out."""

    def __init__(
        self,
        calls: RerunCalls,
        plan: Plan,
        parallel: int,
        on_progress: Progress | None = None,
    ) -> None:
        super().__init__(plan.todo, parallel, on_progress)
        self._calls = calls
        self._plan = plan

    def result(self) -> Object:
        """Return what became of it, as JSON."""
        reruns = [
            {
                "execution_id": one.execution_id,
                "rerun_id": one.rerun_id,
                "status": {"succeeded": "Succeeded"}.get(one.state, "Failed"),
            }
            for one in self.outcomes
            if one.rerun_id is not None and one.state != "already"
        ]
        reruns += [
            {"execution_id": key, "rerun_id": value, "status": "Running"}
            for key, value in self.going_on.items()
        ]
        refused = self.reasons("refused")
        return {
            "plan": self._plan.summary(),
            "started": len(reruns),
            "succeeded": len(self.having("succeeded")),
            "failed": len(self.having("failed")),
            "failures": self.reasons("failed"),
            "already_run_again": len(self.having("already")),
            "refused": sum(one["count"] for one in refused),
            "refusals": refused,
            "going_on": len(self.going_on),
            "not_started": self.not_started,
            "is_interrupted": self.is_interrupted,
            "error": None if self.error is None else self.error.message,
            "reruns": reruns,
        }

    def _do(self, chosen: Chosen) -> Outcome:
        plan, execution_id = self._plan, chosen.execution_id
        try:
            started = self._asked(
                lambda: self._calls.start_rerun(
                    execution_id, plan.code, plan.inputs, plan.types, once=True
                )
            )
            rerun_id = started["execution_id"]
        except FATAL:
            raise
        except HeadraceError as error:
            known = error.details.get("rerun_id") if isinstance(error, Conflict) else None
            if known is None:
                return Outcome(execution_id, "refused", None, error.code, error.message)
            return Outcome(execution_id, "already", known)
        self._note(chosen, rerun_id)
        return self._waited(chosen, rerun_id)

    def _waited(self, chosen: Chosen, rerun_id: str) -> Outcome:
        try:
            ended = self._calls.wait_until_ended(rerun_id, lambda: self._batch.is_stopped)
        except NotFound:
            return Outcome(chosen.execution_id, "failed", rerun_id, "deleted", "It was deleted.")
        failure = ended.get("failure")
        if failure is None:
            return Outcome(chosen.execution_id, "succeeded", rerun_id)
        return Outcome(chosen.execution_id, "failed", rerun_id, failure["kind"], failure["message"])


class Cancellation(Many):
    """Executions that are cancelled together."""

    def __init__(
        self,
        calls: ExecutionCalls,
        todo: Sequence[Chosen],
        parallel: int,
        on_progress: Progress | None = None,
    ) -> None:
        super().__init__(todo, parallel, on_progress)
        self._calls = calls

    def result(self) -> Object:
        """Return what became of it, as JSON."""
        refused = self.reasons("refused")
        return {
            "chosen": len(self._todo),
            "cancelled": len(self.having("cancelled")),
            "ended_before": len(self.having("ended")),
            "refused": sum(one["count"] for one in refused),
            "refusals": refused,
            "going_on": len(self.going_on),
            "not_started": self.not_started,
            "is_interrupted": self.is_interrupted,
            "error": None if self.error is None else self.error.message,
        }

    def _do(self, chosen: Chosen) -> Outcome:
        execution_id = chosen.execution_id
        self._note(chosen, execution_id)
        try:
            self._asked(lambda: self._calls.stop_execution(execution_id))
        except FATAL:
            raise
        except (Conflict, NotFound):
            return Outcome(execution_id, "ended")
        except HeadraceError as error:
            return Outcome(execution_id, "refused", None, error.code, error.message)
        return Outcome(execution_id, "cancelled")
