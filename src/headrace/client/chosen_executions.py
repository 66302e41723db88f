"""Executions that are chosen together: by deployment or pipeline, status, reason and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from headrace.client.execution_lists import ExecutionLists
from headrace.core.errors import InvalidRequest

PAGE = 500
"""How many executions one request lists."""

MAX_PARALLEL = 32


@dataclass(frozen=True, slots=True)
class Choice:
    """The choice of executions that a bulk call is about.

    Attributes:
        pipeline_name: Those of this pipeline.
        deployment_name: Those of this deployment.
        statuses: Those with one of these.
        since: Those created from this time on.
        until: Those created before this time.
        version: Those of this version.
        reasons: Those that failed for one of these kinds of reasons; empty for any.
        created_by: Those of this user: an id, a name or an e-mail address.
        execution_rule: Those that started so: ``run``, ``endpoint`` or ``periodic``.
        text: Those whose ids begin so, or that failed with a reason that contains it.
    """

    pipeline_name: str | None = None
    deployment_name: str | None = None
    statuses: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    version: int | None = None
    reasons: tuple[str, ...] = ()
    created_by: str | None = None
    execution_rule: str | None = None
    text: str | None = None

    @property
    def name(self) -> str:
        """What they are of, in words."""
        names = [("deployment", self.deployment_name), ("pipeline", self.pipeline_name)]
        return " and ".join(f"{noun} {name}" for noun, name in names if name)


@dataclass(frozen=True, slots=True)
class Chosen:
    """One execution that was chosen.

    Attributes:
        execution_id: Its id.
        status: Its status when it was listed.
        version: Number of its version.
        reason: Kind and message of its failure, or None.
    """

    execution_id: str
    status: str
    version: int
    reason: tuple[str, str] | None


def check_choice(
    choice: Choice, allowed: Collection[str], parallel: int, limit: int | None
) -> None:
    """Refuse a choice of everything, of the wrong statuses, or of too much at once.

    Raises:
        InvalidRequest: It is one of these.
    """
    if choice.pipeline_name is None and choice.deployment_name is None:
        raise InvalidRequest("Name a pipeline or a deployment: not all executions are meant.")
    for status in choice.statuses:
        if status.lower() not in {one.lower() for one in allowed}:
            raise InvalidRequest(
                f"status must be one of {', '.join(sorted(allowed))}, not {status!r}."
            )
    if not 1 <= parallel <= MAX_PARALLEL:
        raise InvalidRequest(f"parallel must be from 1 to {MAX_PARALLEL}, not {parallel}.")
    if limit is not None and limit < 1:
        raise InvalidRequest(f"limit must be at least 1, not {limit}.")


def chosen_executions(
    lists: ExecutionLists, choice: Choice, most: int | None = None
) -> tuple[Choice, list[Chosen]]:
    """Return the executions of a choice, newest first, page by page.

    Returns:
        The choice with an end, after the newest one: what comes later is not in it, so that it
        means the same whenever it is repeated. And the executions.
    """
    found: list[Chosen] = []
    newest: str | None = None
    cursor = None
    while most is None or len(found) < most:
        page = lists.list_executions(
            PAGE if most is None else min(PAGE, most),
            cursor,
            choice.statuses,
            choice.pipeline_name,
            choice.deployment_name,
            choice.since,
            until=choice.until,
            version=choice.version,
            created_by=choice.created_by,
            execution_rule=choice.execution_rule,
            text=choice.text,
        )
        items = page["items"]
        newest = newest or (items[0]["created_at"] if items else None)
        found += [_chosen(item) for item in items if _has_reason(item, choice.reasons)]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    if choice.until is None and newest is not None:
        until = datetime.fromisoformat(newest).astimezone(UTC) + timedelta(milliseconds=1)
        choice = replace(choice, until=until)
    return choice, found if most is None else found[:most]


def grouped(reasons: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Return reasons with how often each came and the first execution that it came with.

    Args:
        reasons: Kind, message and execution of each.
    """
    first: dict[tuple[str, str], str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for kind, message, execution_id in reasons:
        key = (kind, message.partition("\n")[0][:200])
        first.setdefault(key, execution_id)
        counts[key] += 1
    return [
        {"kind": kind, "message": message, "count": count, "example": first[kind, message]}
        for (kind, message), count in counts.most_common()
    ]


def _chosen(item: dict[str, Any]) -> Chosen:
    failure = item.get("failure")
    reason = None if failure is None else (failure["kind"], failure["message"])
    return Chosen(item["execution_id"], item["status"], item["version"], reason)


def _has_reason(item: dict[str, Any], reasons: tuple[str, ...]) -> bool:
    failure = item.get("failure")
    return not reasons or (failure is not None and failure["kind"] in reasons)
