"""Commands about the clock of the server's machine."""

from __future__ import annotations

from typing import Any

import typer

from headrace.cli.flags import JsonFlag
from headrace.cli.output import Screen
from headrace.cli.session import session

clock = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Show and confirm the server's clock."
)

_WORDS = {
    "trusted": "as it should be",
    "ahead": "ahead of what is known: nothing is deleted for its age",
    "behind": "behind what is known: nothing is deleted for its age",
}


@clock.command("show")
def show(context: typer.Context, as_json: JsonFlag = False) -> None:
    """Show whether the server believes its clock, and deletes what is old by it."""
    current = session(context, as_json)
    _print_clock(current.screen, current.sdk.get_clock())


@clock.command("confirm")
def confirm(context: typer.Context, as_json: JsonFlag = False) -> None:
    """Say that the clock is right, so that the server deletes what is old again."""
    current = session(context, as_json)
    _print_clock(current.screen, current.sdk.confirm_clock())


def _print_clock(screen: Screen, found: dict[str, Any]) -> None:
    screen.fields(
        [
            ("Clock", _WORDS.get(found["state"], found["state"])),
            ("It shows", found["now"]),
            ("Last believed", found["believed_at"]),
        ],
        found,
    )
