"""Plans of replays: which executions would run again, in which code, and which cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.client.chosen_executions import Choice, Chosen, chosen_executions, grouped
from headrace.client.parts import Object
from headrace.client.reruns import RerunCalls
from headrace.core.code_choices import CodeChoice
from headrace.core.values import DataType

ASKED = 200
"""How many executions one request asks about."""

EXAMPLES = 3

NO_REASON = ("", "")


@dataclass(slots=True)
class Plan:
    """What a replay would do.

    Attributes:
        choice: Which executions are meant, with an end.
        code: Which version runs.
        inputs: Values in the place of recorded ones.
        types: The types of inputs, if any are given.
        todo: What would run again, oldest first.
        versions: How many would run each version.
        already: What was run again before, with the newest execution that repeats it.
        refused: What cannot be repeated, and why.
        notes: What would not be as it was, in sentences.
        left: How many are beyond the limit, and were not looked at.
    """

    choice: Choice
    code: CodeChoice
    inputs: Mapping[str, Any]
    types: Mapping[str, DataType] = field(default_factory=dict)
    todo: list[Chosen] = field(default_factory=list)
    versions: Counter[int] = field(default_factory=Counter)
    already: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left: int = 0

    def summary(self) -> Object:
        """Return the plan as JSON."""
        reasons = [(*(one.reason or NO_REASON), one.execution_id) for one in self.todo]
        return {
            "code": self.code,
            "since": _text(self.choice.since),
            "until": _text(self.choice.until),
            "count": len(self.todo),
            "statuses": dict(Counter(one.status for one in self.todo)),
            "reasons": grouped([reason for reason in reasons if reason[0]]),
            "versions": {str(number): count for number, count in self.versions.items()},
            "original_versions": {
                str(number): count
                for number, count in Counter(one.version for one in self.todo).items()
            },
            "first": [one.execution_id for one in self.todo[:EXAMPLES]],
            "already_run_again": len(self.already),
            "refused": self.problems(),
            "notes": self.notes,
            "beyond_limit": self.left,
        }

    def problems(self) -> list[Object]:
        """Return why executions cannot be repeated, with how often and an example."""
        return [
            {"problem": one["message"], "count": one["count"], "example": one["example"]}
            # The sentences name their execution, which is no reason.
            for one in grouped([("", text.replace(key, "…"), key) for key, text in self.refused])
        ]


def plan_replay(
    calls: RerunCalls,
    choice: Choice,
    code: CodeChoice,
    inputs: Mapping[str, Any],
    types: Mapping[str, DataType],
    limit: int | None,
) -> Plan:
    """Return what a replay would do, of the oldest ``limit`` that can be repeated."""
    choice, found = chosen_executions(calls, choice)
    plan = Plan(choice, code, inputs, types)
    found.reverse()
    seen = 0
    for some in _pieces(found, ASKED):
        for one, fate in zip(some, calls.plan_reruns(_ids(some), code, inputs, types), strict=True):
            if limit is not None and len(plan.todo) == limit:
                break
            seen += 1
            _place(plan, one, fate)
    plan.left = len(found) - seen
    return plan


def _place(plan: Plan, one: Chosen, fate: Object) -> None:
    if fate["newest_rerun"] is not None:
        plan.already.append((one.execution_id, fate["newest_rerun"]))
    elif fate["problem"] is not None:
        plan.refused.append((one.execution_id, fate["problem"]))
    else:
        plan.todo.append(one)
        plan.versions[fate["version"]] += 1
        plan.notes += [note for note in fate["notes"] if note not in plan.notes]


def _ids(some: Sequence[Chosen]) -> list[str]:
    return [one.execution_id for one in some]


def _pieces(found: list[Chosen], size: int) -> Iterator[list[Chosen]]:
    for at in range(0, len(found), size):
        yield found[at : at + size]


def _text(at: Any) -> str | None:
    return None if at is None else at.isoformat()
