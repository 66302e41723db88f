"""Commands about metrics: list them, as CSV too, and draw them."""

from __future__ import annotations

import csv
import sys
from datetime import timedelta
from typing import Annotated, Any

import typer

from headrace.cli.charts import chart, chart_width
from headrace.cli.completion import DeploymentOption, PipelineOption
from headrace.cli.flags import JsonFlag
from headrace.cli.option_groups import duration_option
from headrace.cli.output import short_time
from headrace.cli.resources import resources
from headrace.cli.session import Session, session
from headrace.cli.tables import Column
from headrace.core.cells import safe_cell
from headrace.core.clock import now

metrics = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List and draw what executions have recorded of themselves, and used.",
)

metrics.command("resources")(resources)

MAX_CHARTS = 20
_FIELDS = ("name", "value", "position", "created_at", "execution_id", "pipeline_name")

ExecutionOption = Annotated[
    str | None, typer.Option("--execution", metavar="ID", help="Only those of this execution.")
]
MaybeName = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Only those of this name.")
]


@metrics.command("list")
def list_metrics(
    context: typer.Context,
    name: MaybeName = None,
    pipeline: PipelineOption = None,
    deployment: DeploymentOption = None,
    execution: ExecutionOption = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, a line for each value.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """List metrics, oldest execution first; of list metrics, how many values they have."""
    current = session(context, as_json)
    singles, lists = _found(current, name, pipeline, deployment, execution)
    if as_csv:
        _print_csv([*singles, *lists])
        return
    found = [*singles, *lists]
    ids = current.screen.ids(metric["execution_id"] for metric in found)
    rows = [
        (
            ids[metric["execution_id"]],
            metric["name"],
            f"{metric['value']:.6g}" if "value" in metric else _summary(metric["values"]),
            metric["deployment_name"] or metric["pipeline_name"],
            short_time(metric["created_at"]),
        )
        for metric in found
    ]
    columns = (
        Column("EXECUTION"),
        Column("NAME", "folds"),
        Column("VALUE", "folds"),
        Column("OF", "folds"),
        Column("RECORDED"),
    )
    current.screen.table(columns, rows, found, "There are no metrics.")


@metrics.command("plot")
def plot(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the metric.")],
    pipeline: PipelineOption = None,
    deployment: DeploymentOption = None,
    execution: ExecutionOption = None,
    height: Annotated[int, typer.Option(min=1, max=50, help="Lines of one drawing.")] = 8,
    as_json: JsonFlag = False,
) -> None:
    """Draw a metric: a single one from execution to execution, a list for each execution."""
    current = session(context, as_json)
    singles, lists = _found(current, name, pipeline, deployment, execution)
    if as_json:
        current.screen.document([*singles, *lists])
        return
    if not singles and not lists:
        current.screen.note(f"There is no metric {name!r} in these executions.")
        raise typer.Exit(1)
    drawings = [(_title(metric), metric["values"]) for metric in lists[-MAX_CHARTS:]]
    if singles:
        of_all = f"{name}: {len(singles)} executions, oldest first"
        drawings.insert(0, (of_all, [metric["value"] for metric in singles]))
    for title, values in drawings:
        typer.echo(title)
        typer.echo("\n".join(chart(values, chart_width(), height)))
    if len(lists) > MAX_CHARTS:
        left = len(lists) - MAX_CHARTS
        current.screen.note(f"{left} older lists are not drawn: --execution names one.")


@metrics.command("machine")
def machine(
    context: typer.Context,
    since: Annotated[
        float | None, duration_option("--since", about="How far back; an hour unless given.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a line for each time.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Draw what the server's machine used: processor, memory, disk and network."""
    current = session(context, as_json)
    end = now()
    begin = end - timedelta(seconds=since or 3600)
    if as_csv:
        typer.echo(current.sdk.get_resource_metrics(begin, end, csv=True).decode(), nl=False)
        return
    found = current.sdk.get_resource_metrics(begin, end)
    if as_json:
        current.screen.document(found)
        return
    for name, series in found["metrics"].items():
        for one in series:
            values = [value for _, value in one["values"]]
            typer.echo(f"{name} of {one['metric']['worker']}: now {values[-1]:.6g}")
            typer.echo("\n".join(chart(values, chart_width(), 4)))
    if not any(found["metrics"].values()):
        current.screen.note("Nothing is written down of this time; the first look takes a while.")


def _found(
    current: Session,
    name: str | None,
    pipeline: str | None,
    deployment: str | None,
    execution: str | None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    sdk = current.sdk
    whose = None if execution is None else sdk.find_execution_id(execution)
    wanted = (name, pipeline, deployment, whose)
    return sdk.get_metrics(*wanted), sdk.get_list_metrics(*wanted)


def _print_csv(found: list[dict[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*_FIELDS, "deployment_name"])
    for metric in found:
        values = metric["values"] if "values" in metric else [metric["value"]]
        for position, value in enumerate(values):
            line = {**metric, "value": value, "position": position}
            writer.writerow([safe_cell(line[field]) for field in (*_FIELDS, "deployment_name")])


def _summary(values: list[float]) -> str:
    last = f", last {values[-1]:.6g}"
    return f"{len(values):,} values{last}"


def _title(metric: dict[str, Any]) -> str:
    return f"{metric['name']}: execution {metric['execution_id']}, {len(metric['values']):,} values"
