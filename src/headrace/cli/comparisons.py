"""``headrace executions compare``: executions side by side."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from headrace.cli.flags import JsonFlag
from headrace.cli.session import session
from headrace.cli.tables import Column


def compare(
    context: typer.Context,
    ids: Annotated[
        list[str], typer.Argument(metavar="ID...", help="Executions, by the beginnings of ids.")
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(help="Only this one, such as took_s or input.seed; repeatable."),
    ] = None,
    differences: Annotated[
        bool, typer.Option("--differences", help="Only what is not the same in all.")
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, a line for each execution.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Compare executions: inputs, outputs, metrics, times; `*` marks what differs."""
    current = session(context, as_json)
    found = [current.execution_id(one) for one in ids]
    if as_csv:
        typer.echo(current.sdk.compare_executions(found, column, csv=True).decode(), nl=False)
        return
    comparison = current.sdk.compare_executions(found, column)
    short = current.screen.ids(comparison["execution_ids"])
    rows = [
        ("*" if one["differs"] else "", one["name"], *(_cell(value) for value in one["values"]))
        for one in comparison["columns"]
        if one["differs"] or not differences
    ]
    heads = [Column(short[one], "is cut") for one in comparison["execution_ids"]]
    current.screen.table(("", "WHAT", *heads), rows, comparison, "They are the same in all.")


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
