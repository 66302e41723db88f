"""Commands about the nodes of a cluster."""

from __future__ import annotations

import typer

from headrace.cli.flags import JsonFlag
from headrace.cli.session import session
from headrace.cli.tables import Column
from headrace.client.local_files import size_text

nodes = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Show the nodes of the Ray cluster on which elastic executions run.",
)


@nodes.callback()
def _group() -> None:
    """Keep ``list`` a command of its own, as long as it is the only one."""


@nodes.command("list")
def list_nodes(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the nodes with what they have, how busy they are, and their last sign of life."""
    current = session(context, as_json)
    found = current.sdk.list_nodes()
    rows = [
        (
            node["name"],
            node["address"],
            f"{node['processors']:g}",
            f"{size_text(node['memory_free'])} of {size_text(node['memory'])}",
            f"{node['gpus']:g}",
            f"{node['load']:.2f}",
            str(node["executions"]),
            current.screen.time(node["last_seen"]),
            node["problem"] or "",
        )
        for node in found
    ]
    columns = (
        Column("NAME", "folds"),
        "ADDRESS",
        "PROCESSORS",
        "MEMORY FREE",
        "GPUS",
        "LOAD",
        "EXECUTIONS",
        "LAST SEEN",
        Column("PROBLEM", "folds"),
    )
    none = (
        "There are no nodes: executions run on the server's own machine (HEADRACE_ENGINE), or the "
        "cluster has none that takes them."
    )
    current.screen.table(columns, rows, found, none)
