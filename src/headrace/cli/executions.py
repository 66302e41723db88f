"""Commands about executions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from headrace.cli.output import short_time
from headrace.cli.pipelines import Follow, Timestamps
from headrace.cli.runs import Out, show_outputs
from headrace.cli.session import JsonFlag, session
from headrace.core.executions import Status

executions = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, show, follow and cancel executions."
)

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the execution.")]


@executions.command("list")
def list_some(
    context: typer.Context,
    pipeline: Annotated[str | None, typer.Option(help="Only those of this pipeline.")] = None,
    status: Annotated[
        Status | None, typer.Option(case_sensitive=False, help="Only those with this status.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="next_cursor of the page before.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List executions, newest first."""
    current = session(context, as_json)
    page = current.sdk.list_executions(limit, cursor, status, pipeline)
    rows = [
        (e["execution_id"], e["pipeline_name"], e["status"], short_time(e["created_at"]))
        for e in page["items"]
    ]
    columns = ("ID", "PIPELINE", "STATUS", "CREATED")
    current.screen.table(columns, rows, page, "There are no executions.")
    if page["next_cursor"] and not current.screen.as_json:
        current.screen.note(f"There are more: --cursor {page['next_cursor']}")


@executions.command("show")
def show(context: typer.Context, execution_id: Id, as_json: JsonFlag = False) -> None:
    """Show an execution: its status, its inputs and its outputs."""
    current = session(context, as_json)
    found = current.sdk.get_pipeline_execution(execution_id, include_files=False)
    pairs: list[tuple[str, Any]] = [
        ("id", execution_id),
        ("pipeline", found["pipeline_name"]),
        ("status", found["status"]),
        ("created", short_time(found["created_at"])),
        ("started", short_time(found.get("start_date"))),
        ("ended", short_time(found["end_date"])),
    ]
    if found["deployment_name"]:
        pairs.append(("deployment", found["deployment_name"]))
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
    pairs += [(f"input {i['pipeline_input_name']}", _shown(i)) for i in found["inputs"]]
    pairs += [(f"output {o['pipeline_output_name']}", _shown(o)) for o in found["outputs"]]
    current.screen.fields(pairs, found)


@executions.command("logs")
def logs(
    context: typer.Context,
    execution_id: Id,
    follow: Follow = False,
    timestamps: Timestamps = False,
    as_json: JsonFlag = False,
) -> None:
    """Print the log of an execution."""
    current = session(context, as_json)
    lines = current.sdk.iter_execution_logs(execution_id, follow=follow)
    current.screen.log(lines, timestamps=timestamps)


@executions.command("outputs")
def outputs(
    context: typer.Context, execution_id: Id, out: Out = None, as_json: JsonFlag = False
) -> None:
    """Wait for an execution to end, and print its outputs."""
    current = session(context, as_json)
    with current.screen.activity(f"Waiting for {execution_id}"):
        current.sdk.retrieve_pipeline_execution_outputs(execution_id, include_files=False)
    show_outputs(current, execution_id, out)


@executions.command("cancel")
def cancel(context: typer.Context, execution_id: Id, as_json: JsonFlag = False) -> None:
    """Stop an execution that is pending or running."""
    current = session(context, as_json)
    found = current.sdk.cancel_pipeline_execution(execution_id)
    current.screen.say(f"Cancelled execution {execution_id}.", found)


@executions.command("delete")
def delete(context: typer.Context, execution_id: Id, as_json: JsonFlag = False) -> None:
    """Delete an execution with its values and log; a running one is cancelled first."""
    current = session(context, as_json)
    deleted = current.sdk.delete_pipeline_execution(execution_id)
    current.screen.say(f"Deleted execution {execution_id}.", deleted)


def _shown(item: dict[str, Any]) -> Any:
    return "a file" if item["data_type"] == "file" else item["value"]
