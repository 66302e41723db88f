"""Tables of failures, fire times without an execution, and the next fire times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.cli.output import Screen
from headrace.cli.tables import Column
from headrace.core.activity import IN_A_ROW


def print_failures(screen: Screen, found: dict[str, Any]) -> None:
    """Print what :meth:`HeadraceSdk.get_activity` returned."""
    failures, unfired = found["failures"], found["fire_times_without_execution"]
    since = screen.time(found["since"])
    screen.say("", None)
    if failures:
        screen.say(f"Failed since {since}:", None)
        ids = screen.ids([one["last_execution_id"] for one in failures])
        screen.table(
            ["NAME", "TIMES", "IN A ROW", "LAST", "EXECUTION", Column("WHY", "is cut")],
            [
                (
                    one["deployment_name"] or one["pipeline_name"],
                    one["count"],
                    _in_a_row(one["in_a_row"]),
                    screen.time(one["last_at"]),
                    ids[one["last_execution_id"]],
                    one["message"],
                )
                for one in failures
            ],
            failures,
            "",
        )
        if found["has_more_failures"]:
            screen.note("There were more; these are of the newest ones.")
    else:
        screen.say(f"Nothing failed since {since}.", None)
    for line in _of_schedules(screen, unfired, found["next_fire_times"]):
        screen.say(line, None)


def _in_a_row(count: int) -> str:
    if count >= IN_A_ROW:
        return f"{IN_A_ROW} or more"
    return str(count) if count else "works again"


def _of_schedules(
    screen: Screen, unfired: list[dict[str, Any]], coming: list[dict[str, Any]]
) -> Iterator[str]:
    for one in unfired:
        times = "fire time" if one["count"] == 1 else "fire times"
        yield (
            f"{one['deployment_name']}: {one['count']} {times} {one['fate']}, "
            f"the last one {screen.time(one['last_at'])}."
        )
    if coming:
        first = coming[0]
        yield f"Next: {first['deployment_name']} {screen.time(first['at'])}."
