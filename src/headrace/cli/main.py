"""The command put together: its options, its commands, and its exit codes."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from headrace.cli import accounts, operate, runs
from headrace.cli.clock import clock
from headrace.cli.data_store import store
from headrace.cli.deployments import deployments
from headrace.cli.executions import executions
from headrace.cli.pipelines import pipelines
from headrace.cli.projects import project, variables
from headrace.cli.schedules import schedules
from headrace.cli.selftest import selftest
from headrace.cli.session import JsonFlag, Session, session
from headrace.cli.triggers import trigger
from headrace.core.errors import HeadraceError, Unauthenticated, Unavailable
from headrace.version import __version__

EXIT_FAILED = 1
EXIT_NO_SERVER = 3

EPILOG = (
    "Exit codes: 0 success; 1 the execution, the build or the request failed; 2 wrong usage; "
    "3 no server answers, or it does not accept the token; 130 interrupted."
)

app = typer.Typer(
    name="headrace",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def headrace(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(help="Server; better HEADRACE_ENVIRONMENT_URL or a login.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="SDK token; better HEADRACE_SDK_TOKEN or a login, because others on this machine "
            "can see command lines."
        ),
    ] = None,
    as_json: JsonFlag = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print it.")
    ] = False,
) -> None:
    """Turn a Python function into a recorded run, an HTTP endpoint or a periodic job."""
    del version  # Its callback has exited if it was given.
    current = session(context, as_json)
    current.url, current.token = url, token


app.command()(operate.serve)
app.command()(operate.check)
app.command()(selftest)
app.command()(accounts.login)
app.command()(accounts.logout)
app.command()(accounts.whoami)
app.add_typer(accounts.tokens, name="tokens")
app.add_typer(pipelines, name="pipelines")
app.command()(runs.run)
app.add_typer(deployments, name="deployments")
app.command()(trigger)
app.add_typer(schedules, name="schedules")
app.add_typer(executions, name="executions")
app.add_typer(store, name="store")
app.add_typer(variables, name="variables")
app.add_typer(project, name="project")
app.add_typer(clock, name="clock")


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line and return its exit code; errors are printed, not raised."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What user code logged may hold characters that this terminal cannot show.
            stream.reconfigure(errors="backslashreplace")
    current = Session()
    try:
        app(args=list(arguments), prog_name="headrace", obj=current)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_FAILED
    except HeadraceError as error:
        current.screen.error(error)
        return EXIT_NO_SERVER if isinstance(error, Unauthenticated | Unavailable) else EXIT_FAILED
    finally:
        current.close()
    return 0
