"""Commands about executions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from headrace.cli.attached import attached_pairs
from headrace.cli.comparisons import compare
from headrace.cli.completion import DeploymentOption, ExecutionId, PipelineOption
from headrace.cli.execution_filters import ByUser, OfRule, OfText, OfVersion, Since, Until
from headrace.cli.flags import Follow, JsonFlag, Out, Timestamps
from headrace.cli.output import short_time
from headrace.cli.running import say_that_it_goes_on, show_outputs
from headrace.cli.session import Session, session
from headrace.cli.tables import Column
from headrace.cli.times import short_duration
from headrace.core.clock import now
from headrace.core.executions import Status

MOST_FOUND = 1000
"""So many lines with a text are printed."""

executions = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, show, follow and cancel executions."
)


@executions.command("list")
def list_some(
    context: typer.Context,
    pipeline: PipelineOption = None,
    deployment: DeploymentOption = None,
    status: Annotated[
        list[Status] | None,
        typer.Option(case_sensitive=False, help="Only those with this status; repeatable."),
    ] = None,
    since: Since = None,
    until: Until = None,
    version: OfVersion = None,
    by: ByUser = None,
    rule: OfRule = None,
    text: OfText = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="next_cursor of the page before.")] = None,
    after: Annotated[
        str | None, typer.Option(help="previous_cursor of the page after: what comes before it.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List executions, newest first, with how long they took and why they failed."""
    current = session(context, as_json)
    page = current.runs.list_executions(
        limit,
        cursor,
        status,
        pipeline,
        deployment_name=deployment,
        since=since,
        until=until,
        version=version,
        created_by=by,
        execution_rule=rule,
        text=text,
        after=after,
    )
    _show_page(current, page)


@executions.command("count")
def count(
    context: typer.Context,
    pipeline: PipelineOption = None,
    deployment: DeploymentOption = None,
    since: Since = None,
    until: Until = None,
    version: OfVersion = None,
    by: ByUser = None,
    rule: OfRule = None,
    text: OfText = None,
    as_json: JsonFlag = False,
) -> None:
    """Count executions by status, each up to a bound; `+` says that there may be more."""
    current = session(context, as_json)
    counts = current.sdk.count_executions(
        pipeline_name=pipeline,
        deployment_name=deployment,
        since=since,
        until=until,
        version=version,
        created_by=by,
        execution_rule=rule,
        text=text,
    )
    current.screen.fields(
        [
            (name, f"{one['count']:,}{'' if one['is_exact'] else '+'}")
            for name, one in counts.items()
        ],
        counts,
    )


@executions.command("show")
def show(context: typer.Context, execution_id: ExecutionId, as_json: JsonFlag = False) -> None:
    """Show an execution: its status, its inputs and its outputs."""
    current = session(context, as_json)
    execution_id = current.execution_id(execution_id)
    found = current.runs.get_pipeline_execution(execution_id, include_files=False)
    pairs: list[tuple[str, Any]] = [
        ("id", execution_id),
        ("pipeline", found["pipeline_name"]),
        ("version", _version(found["pipeline_version"])),
        ("status", found["status"]),
        ("created", short_time(found["created_at"])),
        ("started", short_time(found.get("start_date"))),
        ("ended", short_time(found["end_date"])),
        ("took", _took(found)),
    ]
    if found["deployment_name"]:
        pairs.append(("deployment", found["deployment_name"]))
    if found["rerun_of"]:
        pairs.append(("rerun of", found["rerun_of"]))
    if found["newest_rerun"]:
        pairs.append(("run again as", found["newest_rerun"]))
    if found["fire_at"]:
        pairs.append(("fire time", short_time(found["fire_at"])))
    if found["retries"]:
        pairs.append(("attempt", f"{found['attempt']} of {found['retries'] + 1}"))
    if found["status"] == Status.PENDING and found["not_before"]:
        pairs.append(("not before", short_time(found["not_before"])))
    pairs += [
        (f"attempt {earlier['attempt']}", earlier["failure"]["message"])
        for earlier in found["attempts"]
    ]
    if found.get("failure"):
        pairs.append(("failure", found["failure"]["message"]))
    pairs += attached_pairs(found)
    has_outputs = found["status"] == Status.SUCCEEDED
    pairs += [(f"input {i['pipeline_input_name']}", _input(i)) for i in found["inputs"]]
    pairs += [
        (f"output {o['pipeline_output_name']}", _output(o) if has_outputs else None)
        for o in found["outputs"]
    ]
    whole = f"headrace executions show {execution_id} --json"
    current.screen.fields(pairs, found, whole=whole)


executions.command("compare")(compare)


@executions.command("logs")
def logs(
    context: typer.Context,
    execution_id: ExecutionId,
    follow: Follow = False,
    timestamps: Timestamps = False,
    search: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Print the lines that have it, with their numbers."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the log of an execution, or the lines of it that have a text."""
    current = session(context, as_json)
    if search is not None:
        _show_found(current, current.execution_id(execution_id), search)
        return
    lines = current.runs.iter_execution_logs(current.execution_id(execution_id), follow=follow)
    current.screen.log(lines, timestamps=timestamps)


@executions.command("outputs")
def outputs(
    context: typer.Context, execution_id: ExecutionId, out: Out = None, as_json: JsonFlag = False
) -> None:
    """Wait for an execution to end, and print its outputs."""
    current = session(context, as_json)
    execution_id = current.execution_id(execution_id)
    found = _waited_for(current, execution_id)
    show_outputs(current, execution_id, found, out)


@executions.command("cancel")
def cancel(context: typer.Context, execution_id: ExecutionId, as_json: JsonFlag = False) -> None:
    """Stop an execution that is pending or running."""
    current = session(context, as_json)
    execution_id = current.execution_id(execution_id)
    found = current.runs.cancel_pipeline_execution(execution_id)
    current.screen.say(f"Cancelled execution {execution_id}.", found)


@executions.command("delete")
def delete(context: typer.Context, execution_id: ExecutionId, as_json: JsonFlag = False) -> None:
    """Delete an execution with its values and log; a running one is cancelled first."""
    current = session(context, as_json)
    execution_id = current.execution_id(execution_id)
    deleted = current.runs.delete_pipeline_execution(execution_id)
    current.screen.say(f"Deleted execution {execution_id}.", deleted)


def _show_page(current: Session, page: dict[str, Any]) -> None:
    shown = [item["execution_id"] for item in page["items"]]
    shown += [item["rerun_of"] for item in page["items"] if item["rerun_of"]]
    ids = current.screen.ids(shown)
    rows = [
        (
            ids[item["execution_id"]],
            item["pipeline_name"],
            item["deployment_name"],
            item["version"],
            item["status"],
            current.screen.time(item["created_at"]),
            _took(item),
            ids.get(item["rerun_of"]),
            _reason(item),
        )
        for item in page["items"]
    ]
    columns = (
        "ID",
        Column("PIPELINE", "folds"),
        Column("DEPLOYMENT", "goes"),
        Column("VERSION", "goes"),
        "STATUS",
        "CREATED",
        "TOOK",
        Column("RERUN OF", "goes"),
        Column("REASON", "is cut"),
    )
    none = "There are no executions."
    more = "There are more"
    if page["next_cursor"] and not rows:
        none, more = "None was found so far.", "Many were looked at; it goes on by"
    current.screen.table(columns, rows, page, none)
    if page["next_cursor"] and not current.screen.as_json:
        current.screen.note(f"{more}: --cursor {page['next_cursor']}")


def _show_found(current: Session, execution_id: str, text: str) -> None:
    found = current.sdk.search_execution_log(execution_id, text, limit=MOST_FOUND)
    if current.screen.as_json:
        current.screen.document(found)
        return
    for line in found["lines"]:
        typer.echo(f"{line['number']}: {line['message']}")
    more = "" if found["is_exact"] else " or more"
    have = "line has" if found["count"] == 1 else "lines have"
    current.screen.note(f"{found['count']:,}{more} {have} it.")


def _waited_for(current: Session, execution_id: str) -> list[dict[str, Any]]:
    try:
        with current.screen.activity(f"Waiting for {execution_id}"):
            return current.runs.wait_for_outputs(execution_id)
    except KeyboardInterrupt:
        say_that_it_goes_on(current, execution_id)
        raise typer.Exit(130) from None


def _version(shown: dict[str, Any]) -> str:
    commit_id = shown["commit_id"]
    commit = f", commit {commit_id[:12]}" if commit_id else ""
    return f"{shown['version']}{commit}, {shown['language']}"


def _took(item: dict[str, Any]) -> str | None:
    """Return how long an execution ran, or has run by this machine's clock."""
    if item.get("start_date") is None:
        return None
    start = datetime.fromisoformat(item["start_date"])
    is_over = item["end_date"] is not None
    end = datetime.fromisoformat(item["end_date"]) if is_over else now()
    return short_duration(max(end - start, timedelta())) + ("" if is_over else "…")


def _reason(item: dict[str, Any]) -> str:
    failure = item.get("failure")
    return failure["message"].partition("\n")[0] if failure else ""


def _input(item: dict[str, Any]) -> Any:
    if item["data_type"] != "file":
        return item["value"]
    return None if item["source"] == "is_null" else "a file"


def _output(item: dict[str, Any]) -> Any:
    if item["data_type"] != "file":
        return item["value"]
    return None if item["destination"] == "is_null" else "a file"
