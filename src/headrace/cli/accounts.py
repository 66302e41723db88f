"""Commands about credentials: log in, log out, who am I, SDK tokens."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from headrace.cli.completion import TokenName, UserOption
from headrace.cli.flags import JsonFlag
from headrace.cli.operate import DataDir, create_token_here
from headrace.cli.session import session
from headrace.cli.tables import Column
from headrace.client.credentials import (
    Credentials,
    credentials_path,
    forget_credentials,
    write_credentials,
)
from headrace.core.errors import HeadraceError

tokens = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Create, list and revoke SDK tokens."
)


def login(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Server, as http://127.0.0.1:8471.")],
    token: Annotated[
        str | None,
        typer.Option(help="SDK token; left out, it is asked for or read from stdin."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Keep a server and a token for it, after trying them."""
    current = session(context, as_json)
    current.url = url
    current.token = token or current.token or _asked_token()
    user = current.sdk.who_am_i()
    root = current.sdk.base_environment_url
    path = credentials_path(os.environ)
    try:
        write_credentials(path, Credentials(root, current.token.strip()))
    except OSError as error:
        raise HeadraceError(f"{path} cannot be written: {error.strerror}.") from None
    current.screen.say(
        f"Logged in to {root} as {user['name']}; kept in {path}.",
        {"environment_url": root, "user": user, "credentials": str(path)},
    )


def logout(context: typer.Context, as_json: JsonFlag = False) -> None:
    """Forget what `headrace login` kept; the token itself stays valid."""
    path = credentials_path(os.environ)
    was_there = forget_credentials(path)
    session(context, as_json).screen.say(
        f"Removed {path}." if was_there else "Nothing was kept.", {"removed": was_there}
    )


def whoami(context: typer.Context, as_json: JsonFlag = False) -> None:
    """Show the server and the user that commands act for."""
    current = session(context, as_json)
    user = current.sdk.who_am_i()
    url = current.sdk.base_environment_url
    pairs = [("server", url), ("user", user["name"]), ("email", user["email"]), ("id", user["id"])]
    current.screen.fields(pairs, {"environment_url": url, "user": user})


@tokens.command("create")
def create_token(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Name of the new token.")],
    user: UserOption = None,
    data_dir: DataDir = None,
    is_new: Annotated[
        bool, typer.Option("--new", help="Make the data directory if no server ever ran on it.")
    ] = False,
    remote: Annotated[
        bool, typer.Option("--remote", help="Ask the server, with the token already at hand.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Create an SDK token and print it, this once.

    Without --remote it is made in the data directory of this machine; no server needs to run.
    """
    current = session(context, as_json)
    if remote and data_dir is not None:
        raise typer.BadParameter("Give --data-dir or --remote, not both.", param_hint="--remote")
    made = (
        current.sdk.create_token(name, user)
        if remote
        else {"name": name, "token": create_token_here(data_dir, name, user, may_be_new=is_new)}
    )
    current.screen.say(made["token"], made)


@tokens.command("list")
def list_tokens(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the SDK tokens, without the tokens themselves."""
    current = session(context, as_json)
    found = current.sdk.list_tokens()
    rows = [(t["name"], t["user"]["name"], current.screen.time(t["created_at"])) for t in found]
    columns = (Column("NAME", "folds"), Column("USER", "folds"), "CREATED")
    current.screen.table(columns, rows, found, "There are no tokens.")


@tokens.command("revoke")
def revoke_token(context: typer.Context, name: TokenName, as_json: JsonFlag = False) -> None:
    """Make an SDK token invalid at once."""
    current = session(context, as_json)
    current.screen.say(f"Revoked token {name}.", current.sdk.revoke_token(name))


def _asked_token() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("SDK token", hide_input=True, err=True))
    return sys.stdin.readline().strip()
