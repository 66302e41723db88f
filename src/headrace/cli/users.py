"""Commands about users."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from headrace.cli.completion import MaybeUserName, UserName
from headrace.cli.flags import JsonFlag
from headrace.cli.session import session
from headrace.cli.tables import Column

users = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Create, list and remove users, and set their passwords.",
)


@users.command("create")
def create_user(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name by which the user signs in.")],
    email: Annotated[
        str | None, typer.Option(help="Address, by which the user can sign in as well.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Create a user, who can sign in to the console.

    The password is asked for, or is the first line of stdin.
    """
    current = session(context, as_json)
    made = current.sdk.create_user(name, _asked_password(name), email)
    current.screen.say(f"Created user {made['name']}.", made)


@users.command("list")
def list_users(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the users."""
    current = session(context, as_json)
    found = current.sdk.list_users()
    rows = [
        (
            user["name"],
            user["email"],
            "password" if user["has_password"] else "SDK tokens only",
            current.screen.time(user["created_at"]),
        )
        for user in found
    ]
    columns = (Column("NAME", "folds"), Column("EMAIL", "folds"), "SIGNS IN WITH", "CREATED")
    current.screen.table(columns, rows, found, "There are no users.")


@users.command("password")
def set_password(
    context: typer.Context, name: MaybeUserName = None, as_json: JsonFlag = False
) -> None:
    """Set a user's password, your own unless NAME is given; it ends the user's sessions.

    The password is asked for, or is the first line of stdin.
    """
    current = session(context, as_json)
    whose = name or str(current.sdk.who_am_i()["name"])
    changed = current.sdk.set_password(whose, _asked_password(whose))
    current.screen.say(f"The password of {changed['name']} is set.", changed)


@users.command("remove")
def remove_user(context: typer.Context, name: UserName, as_json: JsonFlag = False) -> None:
    """Remove a user; sessions and SDK tokens of the user end at once."""
    current = session(context, as_json)
    removed = current.sdk.remove_user(name)
    ended = ", ".join(removed["revoked_tokens"])
    also = f" SDK tokens that ended with it: {ended}." if ended else ""
    current.screen.say(f"Removed user {removed['name']}.{also}", removed)


def _asked_password(name: str) -> str:
    if sys.stdin.isatty():
        question = f"Password of {name}"
        return str(typer.prompt(question, hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")
