"""Commands about the project's settings and its environment variables."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from headrace.cli.completion import VariableName
from headrace.cli.flags import JsonFlag
from headrace.cli.session import session
from headrace.cli.tables import Column

project = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Show and change the project's settings."
)
variables = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Set, list and delete environment variables."
)

MASK = "********"


@project.command("show")
def show(context: typer.Context, as_json: JsonFlag = False) -> None:
    """Show what pipelines fall back on when their creation does not say."""
    current = session(context, as_json)
    _print_settings(current.screen, current.sdk.get_project_information())


@project.command("set")
def change(
    context: typer.Context,
    language: Annotated[str | None, typer.Option(help="Such as python:3.11-slim.")] = None,
    requirements: Annotated[str | None, typer.Option(help="Requirements file.")] = None,
    include: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="File or folder; repeatable.")
    ] = None,
    system_dependency: Annotated[
        list[str] | None, typer.Option(metavar="PACKAGE", help="System package; repeatable.")
    ] = None,
    git: Annotated[
        str | None, typer.Option("--git", metavar="URL", help="Repository of pipelines' code.")
    ] = None,
    branch: Annotated[str | None, typer.Option(help="Its branch or tag.")] = None,
    deploy_key: Annotated[
        typer.FileText | None,
        typer.Option(metavar="FILE", help="Private ssh key that may read it; never shown."),
    ] = None,
    unset: Annotated[
        list[str] | None,
        typer.Option(metavar="SETTING", help="Setting to empty, as `project show` names it."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Change some of the project's settings."""
    current = session(context, as_json)
    given: dict[str, Any] = {
        "language": language,
        "requirements_path": requirements,
        "included_folders": include or None,
        "system_dependencies": system_dependency or None,
        "repository_url": git,
        "repository_branch": branch,
        "repository_deploy_key": deploy_key and deploy_key.read(),
    }
    settings = {key: value for key, value in given.items() if value is not None}
    settings |= dict.fromkeys(unset or (), None)
    if not settings:
        raise typer.BadParameter("Give at least one setting; --help lists them.")
    _print_settings(current.screen, current.sdk.update_project_information(**settings))


@variables.command("set")
def set_variable(
    context: typer.Context,
    name: VariableName,
    value: Annotated[
        str | None,
        typer.Argument(metavar="[VALUE]", help="Left out, it is asked for or read from stdin."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Create or update an environment variable of all executions."""
    current = session(context, as_json)
    text = _asked_value(name) if value is None else value
    current.sdk.create_or_update_environment_variable(name, text)
    current.screen.say(f"Set {name}.", {"name": name})


@variables.command("list")
def list_variables(
    context: typer.Context,
    show_values: Annotated[bool, typer.Option("--show", help="Show the values.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the environment variables; their values are masked unless --show is given."""
    current = session(context, as_json)
    found = current.sdk.list_environment_variables()
    shown = [
        {"name": item["name"], "value": item["value"] if show_values else MASK} for item in found
    ]
    rows = [(item["name"], item["value"]) for item in shown]
    empty = "There are no environment variables."
    columns = (Column("NAME", "folds"), Column("VALUE", "folds"))
    current.screen.table(columns, rows, shown, empty)


@variables.command("delete")
def delete_variable(context: typer.Context, name: VariableName, as_json: JsonFlag = False) -> None:
    """Delete an environment variable."""
    current = session(context, as_json)
    current.sdk.delete_environment_variable(name)
    current.screen.say(f"Deleted {name}.", {"name": name})


def _print_settings(screen: Any, settings: dict[str, Any]) -> None:
    pairs = [
        (key, ", ".join(value) if isinstance(value, list) else value)
        for key, value in settings.items()
    ]
    screen.fields(pairs, settings)


def _asked_value(name: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(f"Value of {name}", hide_input=True, err=True))
    return sys.stdin.read().removesuffix("\n")
