"""``headrace versions`` and ``headrace rollback``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from headrace.cli.completion import PipelineName, VersionNumber
from headrace.cli.flags import Force, JsonFlag
from headrace.cli.output import Cell, short_time
from headrace.cli.session import Session, session
from headrace.cli.tables import Column
from headrace.client.creation import parameter_text, what_runs
from headrace.client.local_files import size_text
from headrace.core.errors import NotFound

COLUMNS = (
    Column("VERSION"),
    Column("STATUS"),
    Column("CREATED"),
    Column("BY", "goes"),
    Column("COMMIT", "goes"),
    Column("MESSAGE", "is cut"),
)
COMMIT_CHARACTERS = 10
SHOWN_FILES = 20


class _NameFirst(TyperGroup):
    """Commands of which the first is meant if a name follows."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Take ``versions NAME`` for ``versions list NAME``."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["list", *args]
        return super().resolve_command(ctx, args)


versions = typer.Typer(
    cls=_NameFirst,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List and show the versions of a pipeline; `headrace versions NAME` lists them.",
)


@versions.command("list")
def list_all(
    context: typer.Context,
    name: PipelineName,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List the versions of a pipeline, newest first; the current one is marked."""
    current = session(context, as_json)
    found = current.sdk.list_pipeline_versions(name, limit + 1)
    has_more, found = len(found) > limit, found[:limit]
    names = {one: _user(current, one) for one in {item["created_by"] for item in found}}
    rows = [
        (
            f"{item['version']}{' *' if item['is_current'] else ''}",
            _status(item),
            current.screen.time(item["created_at"]),
            names[item["created_by"]],
            (item["commit_id"] or "-")[:COMMIT_CHARACTERS],
            item["message"] or "-",
        )
        for item in found
    ]
    current.screen.table(COLUMNS, rows, found, "There are no versions.")
    if has_more:
        current.screen.note(f"There are older ones: --limit {2 * limit} shows more.")


@versions.command("show")
def show(
    context: typer.Context,
    name: PipelineName,
    number: VersionNumber = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a version: its inputs, outputs, environment and files; the current one unless given."""
    current = session(context, as_json)
    found = current.sdk.get_pipeline_version(name, number)
    parameters, files = found["parameters"], found["files"]
    config = parameters["container_config"]
    pairs: list[tuple[str, Cell]] = [
        ("pipeline", name),
        ("version", f"{found['version']}{' (current)' if found['is_current'] else ''}"),
        ("status", _status(found)),
        ("message", found["message"]),
        ("created", short_time(found["created_at"])),
        ("by", _user(current, found["created_by"])),
        ("commit", found["commit_id"]),
        ("function", what_runs(parameters)),
        ("language", config["language"]),
        ("requirements", config["requirements_path"]),
        ("digest", found["digest"]),
    ]
    pairs += [("input", parameter_text(item)) for item in parameters["inputs"]]
    pairs += [("output", parameter_text(item)) for item in parameters["outputs"]]
    pairs += [
        ("file", f"{item['path']} ({size_text(item['size'])})") for item in files[:SHOWN_FILES]
    ]
    if len(files) > SHOWN_FILES:
        pairs.append(("file", f"and {len(files) - SHOWN_FILES:,} more; --json has them all"))
    if found["failure"]:
        pairs.append(("failure", found["failure"]))
    current.screen.fields(pairs, found)


def rollback(
    context: typer.Context,
    name: PipelineName,
    number: VersionNumber = None,
    force: Force = False,
    as_json: JsonFlag = False,
) -> None:
    """Go back to the version before the current one, or to any other; nothing is built."""
    current = session(context, as_json)
    found = current.sdk.rollback_pipeline(name, number, force=force)
    current.screen.say(f"Pipeline {name} has version {found['version']} again.", found)


def _user(current: Session, user_id: str) -> str:
    """Return the name of a user, or the id of one who is gone."""
    try:
        return str(current.sdk.get_user(user_id)["name"])
    except NotFound:
        return user_id


def _status(item: dict[str, Any]) -> str:
    return "discarded" if item["discarded_at"] else str(item["status"])
