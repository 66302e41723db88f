"""``headrace cancel``: stop many executions."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from headrace.cli.bulk_options import How, Which, check_which, command_again, exit_after, is_agreed
from headrace.cli.exits import EXIT_FAILED
from headrace.cli.flags import JsonFlag
from headrace.cli.option_groups import with_groups
from headrace.cli.output import Cell
from headrace.cli.session import session
from headrace.client.bulk import HAVE_NOT_ENDED
from headrace.client.chosen_executions import Choice
from headrace.client.replays import Cancellation
from headrace.core.executions import Status

FIRST = 3


@with_groups
def cancel(
    context: typer.Context,
    *,
    which: Which,
    status: Annotated[
        list[Status] | None,
        typer.Option(
            case_sensitive=False,
            help="Only those with this status; repeatable.",
            show_default="Pending and Running",
        ),
    ] = None,
    how: How,
    as_json: JsonFlag = False,
) -> None:
    """Stop executions that are pending or running, the newest first.

    It shows what it would stop, and asks. `headrace executions cancel ID` stops a single one.
    """
    check_which(which, how)
    active = session(context, as_json)
    statuses = tuple(one.value for one in status or ()) or HAVE_NOT_ENDED
    choice = Choice(
        which.pipeline,
        which.deployment,
        statuses,
        which.since,
        which.until,
        which.of_version,
        (),
        which.by,
        which.rule,
        which.text,
    )
    with active.screen.activity(f"Looking at executions of {choice.name}"):
        todo = active.sdk.choose_to_cancel(choice, which.limit, how.parallel)
    counts = Counter(one.status for one in todo)
    inner = ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"
    first = "".join(f"\n  {one.execution_id}  {one.status}" for one in todo[:FIRST])
    many = Cancellation(
        active.sdk,
        todo,
        how.parallel,
        lambda done, of, _: active.screen.progress(f"{done:,} of {of:,} have ended"),
    )
    if how.dry_run:
        document = many.result() | {"statuses": counts}
        active.screen.say(f"{len(todo):,} would be cancelled ({inner}).{first}", document)
        return
    if not active.screen.as_json:
        active.screen.note(f"{len(todo):,} executions of {choice.name} ({inner}).{first}")
    if todo and not is_agreed(active.screen, f"Cancel {len(todo):,} executions?", how):
        raise typer.Exit(EXIT_FAILED)
    with active.screen.activity(f"Cancelling executions of {choice.name}"):
        many.carry_out()
    result = many.result()
    active.screen.fields(_summary(result), result)
    more = [word for value in statuses for word in ("--status", value)]
    again = command_again("cancel", which, how, which.until, more)
    exit_after(active.screen, many, again, has_failures=bool(result["refused"]))


def _summary(result: dict[str, Any]) -> list[tuple[str, Cell]]:
    pairs: list[tuple[str, Cell]] = [("cancelled", result["cancelled"])]
    for name, key in (
        ("ended before", "ended_before"),
        ("refused", "refused"),
        ("asked to end", "going_on"),
        ("not asked", "not_started"),
    ):
        if result[key]:
            pairs.append((name, result[key]))
    return pairs
