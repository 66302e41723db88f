"""``headrace store``: files of the data store."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from headrace.cli.completion import RemotePath
from headrace.cli.flags import JsonFlag
from headrace.cli.output import short_time
from headrace.cli.session import Session, session
from headrace.cli.tables import Column
from headrace.client.local_files import size_text
from headrace.client.progress import progress_bar
from headrace.core.errors import HeadraceError, InvalidRequest

store = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, put, get and remove files."
)

STDIO = "-"


@store.command("ls")
def ls(
    context: typer.Context,
    folder: Annotated[
        str | None, typer.Argument(metavar="[FOLDER]", help="Folder of the data store.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List files, of one folder and below or all of them."""
    current = session(context, as_json)
    found = current.sdk.list_data_store_objects(folder, exact_size=True)
    rows = [
        (f["path"], size_text(f["size"]), current.screen.time(f["last_modified"])) for f in found
    ]
    columns = (Column("PATH", "folds"), "SIZE", "MODIFIED")
    current.screen.table(columns, rows, found, "There are no files.")


@store.command("info")
def info(context: typer.Context, remote: RemotePath, as_json: JsonFlag = False) -> None:
    """Show the size of a file and when it was last written."""
    current = session(context, as_json)
    found = current.sdk.get_data_store_object_information(remote, exact_size=True)
    size = f"{size_text(found['size'])} ({found['size']:,} bytes)"
    pairs = [
        ("path", found["path"]),
        ("size", size),
        ("modified", short_time(found["last_modified"])),
    ]
    current.screen.fields(pairs, found)


@store.command("put")
def put(
    context: typer.Context,
    local: Annotated[
        str, typer.Argument(metavar="LOCAL", help="File, folder with -r, or - for stdin.")
    ],
    remote: Annotated[
        str | None,
        typer.Argument(
            metavar="[REMOTE]",
            help="Path in the data store; by default the local name. With a "
            "final / it is a folder.",
        ),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Put a folder with all that is in it.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Upload a file, or a folder with -r.

    Files that are there already are replaced.
    """
    current = session(context, as_json)
    stored = []
    for source, path in _uploads(local, remote, is_recursive=recursive):
        _put(current, source, path)
        stored.append({"path": path})
        if not current.screen.as_json:
            current.screen.say(f"Stored {path}.", None)
    if current.screen.as_json:
        current.screen.document(stored)
    elif not stored:
        current.screen.note(f"{local} has no files.")


@store.command("get")
def get(
    context: typer.Context,
    remote: RemotePath,
    local: Annotated[
        str | None,
        typer.Argument(
            metavar="[LOCAL]", help="File or folder to save it in, - for stdout; by default here."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Download a file."""
    current = session(context, as_json)
    if local == STDIO:
        if current.screen.as_json:
            raise typer.BadParameter("stdout cannot have both the file and a JSON document.")
        current.sdk.download_data_store_object(remote, sys.stdout.buffer)
        return
    name = remote.rpartition("/")[2]
    target = Path(local or name)
    target = target / name if target.is_dir() else target
    with _files("saved", target):
        _get(current, remote, target)
    size = target.stat().st_size
    saved = {"path": str(target), "size": size}
    current.screen.say(f"Saved {target} ({size_text(size)}).", saved)


@store.command("rm")
def rm(
    context: typer.Context,
    remotes: Annotated[
        list[str], typer.Argument(metavar="REMOTE...", help="Paths in the data store.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Delete files."""
    current = session(context, as_json)
    deleted = []
    for remote in remotes:
        deleted.append(current.sdk.delete_data_store_object(remote))
        if not current.screen.as_json:
            current.screen.say(f"Deleted {deleted[-1]['path']}.", None)
    if current.screen.as_json:
        current.screen.document(deleted)


def _uploads(
    local: str, remote: str | None, *, is_recursive: bool
) -> Iterator[tuple[Path | None, str]]:
    """Give each file to upload, None for stdin, with its path in the data store."""
    if local == STDIO:
        if remote is None or remote.endswith("/"):
            raise typer.BadParameter("Give stdin a REMOTE path: headrace store put - FOLDER/FILE.")
        yield None, remote
        return
    source = Path(local)
    name = source.resolve().name
    if not source.is_dir():
        yield source, name if remote is None else remote + name * remote.endswith("/")
        return
    if not is_recursive:
        raise typer.BadParameter(f"{local} is a folder: add -r to put all that is in it.")
    folder = name if remote is None else remote.rstrip("/")
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        relative = file.relative_to(source).as_posix()
        yield file, f"{folder}/{relative}" if folder else relative


def _put(current: Session, source: Path | None, path: str) -> None:
    if source is None:
        current.sdk.upload_data_store_object(sys.stdin.buffer, path)
        return
    with (
        _files("read", source),
        progress_bar(f"Uploading {path}", source.stat().st_size) as advance,
    ):
        current.sdk.upload_data_store_object(source, path, on_progress=advance)


def _get(current: Session, remote: str, target: Path) -> None:
    found: dict[str, Any] = current.sdk.get_data_store_object_information(remote, exact_size=True)
    with progress_bar(f"Downloading {found['path']}", found["size"]) as advance:
        current.sdk.download_data_store_object(remote, target, on_progress=advance)


@contextmanager
def _files(verb: str, file: Path) -> Iterator[None]:
    """Say as an error of the command that a local file cannot be used."""
    try:
        yield
    except OSError as error:
        message = f"{file} cannot be {verb}: {error.strerror}."
        raise (InvalidRequest if verb == "read" else HeadraceError)(message) from None
