"""The command that shows what executions and pods used of their machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from headrace.cli.charts import chart, chart_width
from headrace.cli.completion import DeploymentOption, MaybeExecutionId, PipelineOption
from headrace.cli.flags import JsonFlag
from headrace.cli.option_groups import duration_option
from headrace.cli.session import Session, session
from headrace.cli.usage import wrong
from headrace.client.local_files import size_text
from headrace.core.clock import now

_MEBIBYTE = 1 << 20
_LINES: Mapping[str, tuple[str, float]] = {
    "cpu_usage": ("processors, %", 1),
    "ram_bytes": ("memory, MB", _MEBIBYTE),
    "disk_read_bytes": ("read from disks, MB", _MEBIBYTE),
    "disk_written_bytes": ("written to disks, MB", _MEBIBYTE),
}
"""What is drawn: its title, and by what its values are divided."""

_DISKS = ("disk_read_bytes", "disk_written_bytes")
_HEIGHT = 4
_DAY_S = 86_400
MAX_DRAWN = 10
"""Executions and pods that are drawn at most, the newest."""


def resources(
    context: typer.Context,
    execution: MaybeExecutionId = None,
    pipeline: PipelineOption = None,
    deployment: DeploymentOption = None,
    since: Annotated[
        float | None,
        duration_option("--since", about="How far back; a day unless an execution is named."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a line for each time.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Draw what an execution used: processors, memory and disks.

    Of a pipeline or a deployment, what its executions and pods used.
    """
    current = session(context, as_json)
    whose = _whose(current, execution, pipeline, deployment)
    end = now() + timedelta(seconds=1)
    begin: datetime | None = None
    if since is not None or execution is None:
        begin = end - timedelta(seconds=since or _DAY_S)
    if as_csv:
        found = current.sdk.get_resource_metrics(begin, end, csv=True, **whose)
        typer.echo(found.decode(), nl=False)
        return
    found = current.sdk.get_resource_metrics(begin, end, **whose)
    if as_json:
        current.screen.document(found)
        return
    _say_total(found["additional_data"])
    _draw(found["metrics"])
    if found["additional_data"]["is_shared"]:
        current.screen.note(
            "Calls of pods are not measured one by one: the figures of a pod belong to all calls "
            "that it makes."
        )
    if not found["metrics"]["cpu_usage"]:
        current.screen.note("Nothing was measured in this time.")


def _whose(
    current: Session, execution: str | None, pipeline: str | None, deployment: str | None
) -> dict[str, Any]:
    if execution is None and pipeline is None and deployment is None:
        raise wrong(
            "EXECUTION",
            "name an execution, or a --pipeline or a --deployment; the machine is shown by "
            "headrace metrics machine",
        )
    found = None if execution is None else current.sdk.find_execution_id(execution)
    return {"pipeline_name": pipeline, "deployment_name": deployment, "execution_id": found}


def _say_total(told: Mapping[str, Any]) -> None:
    total, count = told["total"], told["executions"]
    if total is None:
        return
    words = [
        f"{total['cpu_seconds']:,.2f} s of processor time",
        f"at most {size_text(total['peak_ram_bytes'])} of memory"
        + (" in one" if count > 1 else ""),
    ]
    if total["disk_read_bytes"] is not None:
        words.append(f"{size_text(total['disk_read_bytes'])} read")
    if total["disk_written_bytes"] is not None:
        words.append(f"{size_text(total['disk_written_bytes'])} written")
    who = "execution" if count == 1 else "executions"
    typer.echo(f"{count:,} {who}: {', '.join(words)}")


def _draw(metrics: Mapping[str, Sequence[Any]]) -> None:
    count = len(metrics["cpu_usage"])
    for at in range(max(count - MAX_DRAWN, 0), count):
        for name, (title, unit) in _LINES.items():
            line = metrics[name][at]
            values = [value / unit for _, value in line["values"]]
            # An execution that ended before a second sample is told by its total.
            is_told = len(values) < 2 and "pod_id" not in line["metric"]
            if not values or is_told or (name in _DISKS and not any(values)):
                continue
            typer.echo(f"{title}, of {_consumer(line['metric'])}: last {values[-1]:.6g}")
            if len(values) > 1:
                typer.echo("\n".join(chart(values, chart_width(), _HEIGHT)))
    if count > MAX_DRAWN:
        typer.echo(f"{count - MAX_DRAWN} more are not drawn: --csv and --json have them all.")


def _consumer(metric: Mapping[str, str]) -> str:
    pod = metric.get("pod_id")
    return f"pod {pod}" if pod else f"execution {metric['execution_id']}"
