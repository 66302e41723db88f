"""The command put together: its options and its commands, each loaded when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, Exit, TyperException
from typer.main import get_command

from headrace.cli.exits import COMPLETION_VARIABLE, EXIT_INTERRUPTED, EXIT_USAGE
from headrace.cli.flags import JsonFlag
from headrace.cli.session import Session, session
from headrace.version import __version__

EPILOG = (
    "Exit codes: 0 success; 1 the execution, the build or the request failed; 2 wrong usage; "
    "3 no server answers, or it does not accept the token; 130 interrupted; 141 nobody reads the "
    "output any more."
)

COMMANDS = {
    "serve": "operate:serve",
    "dev": "dev:dev",
    "check": "operate:check",
    "move-files": "operate:move_files",
    "migrate": "operate:migrate",
    "selftest": "selftest:selftest",
    "login": "accounts:login",
    "logout": "accounts:logout",
    "whoami": "accounts:whoami",
    "tokens": "accounts:tokens",
    "users": "users:users",
    "nodes": "nodes:nodes",
    "deploy": "deploy:deploy",
    "diff": "deploy:diff",
    "versions": "versions:versions",
    "rollback": "versions:rollback",
    "pipelines": "pipelines:pipelines",
    "templates": "templates:templates",
    "run": "runs:run",
    "deployments": "deployments:deployments",
    "trigger": "triggers:trigger",
    "rerun": "reruns:rerun",
    "replay": "replays:replay",
    "cancel": "cancels:cancel",
    "schedules": "schedules:schedules",
    "executions": "executions:executions",
    "metrics": "metrics:metrics",
    "store": "data_store:store",
    "variables": "projects:variables",
    "project": "projects:project",
    "clock": "clock:clock",
    "status": "environment:status",
    "pause": "environment:pause",
    "resume": "environment:resume",
}
"""Module and name of each command. Loading all takes longer than most of them run."""


class _Loaded(MutableMapping[str, Any]):
    """The commands by name, each loaded when it is taken out."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        if name not in self._loaded:
            self._loaded[name] = _load(name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Commands(TyperGroup):
    """The top of the command, which loads what is below it when it is asked for."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Loaded()

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands without loading them."""
        del ctx
        return list(COMMANDS)


app = typer.Typer(
    name="headrace",
    cls=_Commands,
    no_args_is_help=True,
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
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours; NO_COLOR=1 says the same.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print it.")
    ] = False,
) -> None:
    """Turn a Python function into a recorded run, an HTTP endpoint or a periodic job."""
    del version  # Its callback has exited if it was given.
    current = session(context, as_json)
    current.url, current.token = url, token
    current.screen.is_plain = no_color


def carry_out(arguments: list[str], current: Session) -> int:
    """Carry out a command line, and return its exit code.

    Raises:
        HeadraceError: The command failed.
        KeyboardInterrupt, OSError: As they come.
    """
    command = get_command(app)
    if COMPLETION_VARIABLE in os.environ:
        command.main(args=arguments, prog_name="headrace", obj=Session())
        return 0
    try:
        with command.make_context("headrace", list(arguments), obj=current) as context:
            command.invoke(context)
    except Exit as stop:
        return stop.exit_code
    except Abort:
        current.screen.note("Interrupted.")
        return EXIT_INTERRUPTED
    except TyperException as error:
        _say_usage(current, error)
        return EXIT_USAGE
    return 0


def _say_usage(current: Session, error: Any) -> None:
    """Say in one line what is wrong with a command line, and where its help is."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else current.command_path
    current.screen.note(f"Error: {error.format_message()} See: {path} --help")
    if current.screen.as_json:
        body = {"name": "WrongUsage", "message": error.format_message(), "additional_data": None}
        current.screen.document({"error": body})


def _load(name: str) -> Any:
    module, _, attribute = COMMANDS[name].partition(":")
    found = getattr(import_module(f"headrace.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name)(found)
        found = single
    found._add_completion = False  # noqa: SLF001 - only the top of the command offers it
    command = get_command(found)
    command.name = name
    return command
