"""``headrace replay``: run many recorded executions again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from headrace.cli.bulk_options import How, Which, check_which, command_again, exit_after, is_agreed
from headrace.cli.exits import EXIT_FAILED
from headrace.cli.flags import JsonFlag
from headrace.cli.inputs import given_inputs
from headrace.cli.option_groups import with_groups
from headrace.cli.output import Cell
from headrace.cli.reruns import Current, NewInputs, Original, Version, code_of
from headrace.cli.session import Session, session
from headrace.cli.usage import WrongUsage, usage
from headrace.client.bulk import DID_NOT_SUCCEED
from headrace.client.chosen_executions import Choice
from headrace.client.replay_plans import Plan
from headrace.client.replays import Replay
from headrace.core.code_choices import CURRENT, ORIGINAL, CodeChoice
from headrace.core.executions import Status
from headrace.core.outcomes import FailureKind

SHOWN = 5
"""How many reasons are shown of each kind; JSON has them all."""


@with_groups
def replay(
    context: typer.Context,
    *,
    which: Which,
    status: Annotated[
        list[Status] | None,
        typer.Option(
            case_sensitive=False,
            help="Only those with this status; repeatable.",
            show_default="Failed and Error",
        ),
    ] = None,
    reason: Annotated[
        list[FailureKind] | None,
        typer.Option(help="Only those that failed for this reason; repeatable."),
    ] = None,
    original: Original = False,
    current: Current = False,
    version: Version = None,
    inputs: NewInputs = None,
    how: How,
    as_json: JsonFlag = False,
) -> None:
    """Run executions again that did not succeed, each of them once, the oldest first.

    Those that were run again before are left out, so the command can be repeated. It shows what it
    would do, and asks. Ctrl-C stops it; what was started goes on.
    """
    code = code_of(original, current, version)
    check_which(which, how)
    active = session(context, as_json)
    choice = Choice(
        which.pipeline,
        which.deployment,
        tuple(one.value for one in status or ()) or DID_NOT_SUCCEED,
        which.since,
        which.until,
        which.of_version,
        tuple(one.value for one in reason or ()),
        which.by,
        which.rule,
        which.text,
    )
    plan = _planned(active, choice, code, inputs or [], which, how)
    if how.dry_run:
        active.screen.fields(_preview(plan), plan.summary())
        return
    for name, value in [] if active.screen.as_json else _preview(plan):
        active.screen.note(f"{name:<9}  {value}")
    question = f"Run {len(plan.todo):,} executions of {choice.name} again?"
    if plan.todo and not is_agreed(active.screen, question, how):
        raise typer.Exit(EXIT_FAILED)
    many = Replay(active.sdk, plan, how.parallel, lambda *at: _progress(active, *at))
    with active.screen.activity(f"Running executions of {choice.name} again"):
        many.carry_out()
    result = many.result()
    active.screen.fields(_summary(result), result)
    again = command_again("replay", which, how, plan.choice.until, _more(choice, code, inputs))
    has_failures = bool(result["failed"] or result["refused"] or plan.refused)
    exit_after(active.screen, many, again, has_failures=has_failures)


def _planned(
    active: Session, choice: Choice, code: CodeChoice, texts: list[str], which: Which, how: How
) -> Plan:
    with active.screen.activity(f"Looking at executions of {choice.name}"):
        types = active.sdk.get_types_of_chosen(choice, code) if texts else {}
        with usage("--input"):
            # Without an execution there are no inputs to compare with.
            values = given_inputs(texts, types) if types else {}
        if any(hasattr(value, "read") for value in values.values()):
            raise WrongUsage("stdin can be read once, and not for each execution: give a file.")
        return active.sdk.plan_replay(choice, code, values, which.limit, how.parallel, types)


def _preview(plan: Plan) -> list[tuple[str, Cell]]:
    found = plan.summary()
    name = {CURRENT: "current", ORIGINAL: "original"}.get(str(plan.code), "chosen")
    pairs: list[tuple[str, Cell]] = [
        ("again", _counted(found["count"], found["statuses"])),
        ("code", f"{name}: {_versions(found['versions'])}"),
        ("before", _versions(found["original_versions"])),
    ]
    pairs += [("reason", _reason(one)) for one in found["reasons"][:SHOWN]]
    pairs += [("first", one) for one in found["first"]]
    pairs += [("note", one) for one in found["notes"]]
    if found["already_run_again"]:
        pairs.append(("left out", f"{found['already_run_again']:,} were run again before"))
    pairs += [
        ("refused", f"{one['count']:,}: {one['problem']} (such as {one['example']})")
        for one in found["refused"][:SHOWN]
    ]
    if found["beyond_limit"]:
        pairs.append(("beyond", f"{found['beyond_limit']:,} more are beyond --limit"))
    return pairs


def _summary(result: dict[str, Any]) -> list[tuple[str, Cell]]:
    plan = result["plan"]
    pairs: list[tuple[str, Cell]] = [
        ("started", result["started"]),
        ("succeeded", result["succeeded"]),
        ("failed", result["failed"]),
    ]
    pairs += [("failure", _reason(one)) for one in result["failures"][:SHOWN]]
    pairs += [("refused", _reason(one)) for one in result["refusals"][:SHOWN]]
    refused = sum(one["count"] for one in plan["refused"])
    if refused:
        pairs.append(("refused", f"{refused:,} that cannot be repeated"))
    already = result["already_run_again"] + plan["already_run_again"]
    for name, count in (
        ("run again before", already),
        ("going on", result["going_on"]),
        ("not started", result["not_started"] + plan["beyond_limit"]),
    ):
        if count:
            pairs.append((name, count))
    return pairs


def _more(choice: Choice, code: CodeChoice, inputs: list[str] | None) -> list[str]:
    words = ["--version", str(code)] if isinstance(code, int) else [f"--{code}"]
    for option, values in (
        ("--status", choice.statuses),
        ("--reason", choice.reasons),
        ("--input", inputs or ()),
    ):
        words = [*words, *(word for value in values for word in (option, value))]
    return words


def _progress(active: Session, done: int, of: int, failed: int) -> None:
    bad = f", {failed:,} failed" if failed else ""
    active.screen.progress(f"{done:,} of {of:,} have ended{bad}")


def _counted(count: int, parts: dict[str, int]) -> str:
    inner = ", ".join(f"{number:,} {name}" for name, number in parts.items())
    return f"{count:,} executions" + (f" ({inner})" if inner else "")


def _versions(counts: dict[str, int]) -> str:
    return ", ".join(f"version {number} ({count:,})" for number, count in counts.items()) or "none"


def _reason(one: dict[str, Any]) -> str:
    return f"{one['count']:,} of {one['kind']}: {one['message']} (such as {one['example']})"
