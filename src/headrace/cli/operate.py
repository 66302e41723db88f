"""Commands for who operates a server: they need the extra ``server``."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from headrace.core.errors import Unavailable

SERVER = "headrace.server.main"
TOKENS = "headrace.server.token_command"
"""Loaded by name, because nothing of the base install imports the server."""

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of all that the server keeps.  [default: ~/.headrace]"),
]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")]
PublicUrl = Annotated[
    str | None, typer.Option(help="URL by which clients reach the server, if not host and port.")
]
Database = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="PostgreSQL database of the records, such as postgresql://user@host/name.  "
        "[default: a file of the data directory]",
    ),
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, help="How many processes take connections on the port.  [default: 1]"),
]
Objects = Annotated[
    str | None,
    typer.Option(
        metavar="PLACE",
        help="Bucket of the files, such as s3://bucket/prefix.  [default: the data directory]",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(help="Where elastic executions run: local, ray or ray://HOST:PORT."),
]


def serve(
    data_dir: DataDir = None,
    host: Host = None,
    port: Port = None,
    public_url: PublicUrl = None,
    database: Database = None,
    objects: Objects = None,
    engine: Engine = None,
    processes: Processes = None,
) -> None:
    """Start a server on this machine, in the foreground.

    All other settings are HEADRACE_* variables; `headrace check` lists them.
    """
    # Each option is a setting of its name.
    raise typer.Exit(server().serve(settings(**locals())))


def check(
    data_dir: DataDir = None,
    host: Host = None,
    port: Port = None,
    public_url: PublicUrl = None,
    database: Database = None,
    objects: Objects = None,
    engine: Engine = None,
    processes: Processes = None,
) -> None:
    """Check the server's settings and this machine, and print what was found."""
    raise typer.Exit(server().check(settings(**locals())))


def move_files(
    to: Annotated[
        str,
        typer.Option(
            metavar="PLACE",
            help="A bucket, such as s3://bucket/prefix?endpoint=https://s3.example.com, or "
            "data-directory.",
        ),
    ],
    data_dir: DataDir = None,
) -> None:
    """Move the files of a server into a bucket, or back.

    The server must not run. It can be cut short and begun again; the old files stay where they are.
    """
    raise typer.Exit(server().move_files(settings(data_dir=data_dir), to))


def migrate(
    to: Annotated[
        str,
        typer.Option(
            metavar="URL", help="An empty PostgreSQL database, such as postgresql://user@host/name."
        ),
    ],
    from_dir: Annotated[
        Path | None,
        typer.Option("--from", help="The data directory of the server.  [default: ~/.headrace]"),
    ] = None,
    objects: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Move the files too: into a bucket, such as s3://bucket/prefix.",
        ),
    ] = None,
) -> None:
    """Move the records of a data directory into a PostgreSQL database.

    The server must not run. All is read back and compared before anything counts; it can be cut
    short and begun again.
    """
    raise typer.Exit(server().move_everything(settings(data_dir=from_dir), to, objects))


def create_token_here(
    data_dir: Path | None, name: str, user: str | None, *, may_be_new: bool
) -> str:
    """Create an SDK token in a data directory of this machine; no server needs to run.

    Raises:
        InvalidRequest: No server ever ran on the directory, and it may not be a new one.
        HeadraceError: The name is taken, there is no such user, or the directory cannot be used.
    """
    overrides = settings(data_dir=data_dir)
    token: str = server(TOKENS).create_token(overrides, name, user, may_be_new=may_be_new)
    return token


def settings(**given: object) -> dict[str, str]:
    """Return the settings that were given on the command line, as text."""
    return {name: str(value) for name, value in given.items() if value is not None}


def server(name: str = SERVER) -> ModuleType:
    """Return the server's module.

    Raises:
        Unavailable: It, or something that it needs, is not installed.
    """
    try:
        with _nothing_collected():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("headrace"):
            raise
        raise Unavailable(
            f"The server is not installed here ({error.name} is missing): "
            "pip install 'headrace[server]'"
        ) from None


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Hold the collector of garbage back: what modules are made of stays, and is not looked at."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
