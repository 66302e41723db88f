"""What commands share that start a server of their own for a folder on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.session import Session
from headrace.cli.usage import usage
from headrace.core.errors import Unavailable
from headrace.local.env_file import USUAL_NAME, read_variables, variables_from_texts
from headrace.local.own_server import OwnServer, refusal
from headrace.local.place import Place, place_of
from headrace.local.variables import set_variables

NEEDED = ("uvicorn", "sqlalchemy", "alembic", "starlette", "cryptography")
"""Packages of the extra ``server`` that show whether it is installed."""

PATIENCE_S = 60.0
PAUSE_S = 0.1

Folder = Annotated[
    Path, typer.Option(help="Local folder of the code.", show_default="the current folder")
]
Variables = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME=VALUE", help="Environment variable; repeatable."),
]
EnvFile = Annotated[
    Path | None,
    typer.Option(help="File of environment variables.", show_default=f"{USUAL_NAME} in the folder"),
]


@contextmanager
def own_server(
    place: Place, *, port: int | None = None, is_kept: bool = False
) -> Iterator[OwnServer | None]:
    """Start the server of a folder, and end it at the end; None if one runs already.

    It is on its way when this is entered, and can be used after :meth:`~OwnServer.wait_until_up`.

    Raises:
        Unavailable: The server is not installed here, or the port is taken.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise Unavailable(
            f"This command starts a server of its own, which is not installed here ({missing[0]} "
            "is missing): pip install 'headrace[server]'"
        )
    server = OwnServer(place, os.environ, port, is_kept)
    if not server.spawn():
        yield None
        return
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def connected(current: Session, folder: Path) -> Iterator[None]:
    """Connect a session to the server of a folder: a new one, or that of ``headrace dev``.

    Raises:
        Conflict: Another command has it for too long.
        Unavailable: It does not start.
    """
    place = place_named(folder)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with own_server(place) as server:
            if server is not None:
                server.wait_until_up()
                current.url, current.token, current.is_local = server.url, server.token, True
                yield
                return
        running = place.running()
        if running is not None and running.is_kept:
            current.url, current.token = running.url, running.token
            yield
            return
        if time.monotonic() > deadline:
            raise refusal(running, place.folder)
        time.sleep(PAUSE_S)


def place_named(folder: Path) -> Place:
    """Return the place of the folder that ``--folder`` names.

    Raises:
        WrongUsage: There is none.
    """
    with usage("--folder"):
        return place_of(folder, os.environ)


def wanted_variables(texts: list[str] | None, file: Path | None, folder: Path) -> dict[str, str]:
    """Return the variables of the command line, and of a ``.env`` file for the other names.

    Raises:
        WrongUsage: One of them is not of the form NAME=VALUE, or the file cannot be read.
    """
    found: dict[str, str] = {}
    usual = folder / USUAL_NAME
    with usage("--env-file"):
        if file is not None or usual.is_file():
            found = read_variables(file or usual)
    with usage("--env"):
        return found | variables_from_texts(texts or ())


def apply_variables(current: Session, wanted: Mapping[str, str]) -> None:
    """Set the variables of a local server, and say which of them a server does not take."""
    for name, error in set_variables(current.sdk, wanted).items():
        current.screen.note(f"{name} is left out: {error.message}")
