"""``headrace run``: run a pipeline and show what it returns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.completion import PipelineName
from headrace.cli.flags import Detach, JsonFlag, Out, ShowLog
from headrace.cli.local_runs import run_locally
from headrace.cli.own_servers import EnvFile, Folder, Variables, wanted_variables
from headrace.cli.running import Run, carry_out
from headrace.cli.session import session
from headrace.cli.usage import wrong


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
    local: Annotated[
        bool,
        typer.Option(
            "--local",
            help="Run PATH/TO/FILE.py:FUNCTION, or a pipeline of headrace.toml, on a server of its "
            "own that ends with the command; its log is printed on stderr.",
        ),
    ] = False,
    folder: Folder = Path(),
    env: Variables = None,
    env_file: EnvFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a pipeline and print its outputs.

    --folder, --env and --env-file go with --local.
    """
    current = session(context, as_json)
    wanted = Run(name, tuple(inputs or ()), detach, logs or local, out)
    if local:
        if detach:
            raise wrong("--detach", "it cannot be given with --local, whose server ends.")
        run_locally(current, wanted, folder, wanted_variables(env, env_file, folder))
    elif folder != Path() or env or env_file:
        raise wrong("--folder, --env and --env-file", "they need --local.")
    else:
        carry_out(current, wanted)
