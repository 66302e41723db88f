"""``headrace run``: run a pipeline and show what it returns."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli.completion import PipelineName
from headrace.cli.flags import Detach, JsonFlag, Out, ShowLog
from headrace.cli.running import Run, carry_out
from headrace.cli.session import session


def run(
    context: typer.Context,
    name: PipelineName,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="NAME=VALUE",
            help="Value of an input; NAME=@FILE reads it from a file and NAME=@- from stdin "
            "(@@ begins a value that begins with @). Repeatable.",
        ),
    ] = None,
    detach: Detach = False,
    logs: ShowLog = False,
    out: Out = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a pipeline and print its outputs."""
    carry_out(session(context, as_json), Run(name, tuple(inputs or ()), detach, logs, out))
