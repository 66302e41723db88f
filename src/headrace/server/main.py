"""What the command line starts: the server, a look at its settings, and a token without it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import fields

from headrace.core.errors import InvalidRequest
from headrace.core.scopes import SERVER
from headrace.environments.installation import find_uv
from headrace.environments.interpreters import Interpreters
from headrace.objects.bucket.place import BucketPlace, read_place
from headrace.server import file_moves
from headrace.server.assembly import Server, Urls
from headrace.server.checking import health_of_running, nodes_of
from headrace.server.claim import Claim
from headrace.server.connection_limits import connection_limits
from headrace.server.data_directory import DataDirectory
from headrace.server.descriptors import raise_limit
from headrace.server.engines import cluster_of, end_leftovers
from headrace.server.fronts.keeper import FrontKeeper
from headrace.server.http import HttpServer
from headrace.server.key_checks import keys_of
from headrace.server.logging import set_up_logging
from headrace.server.object_places import try_bucket
from headrace.server.obstacles import in_plain_words
from headrace.server.ports import listen
from headrace.server.record_moves import move_records
from headrace.server.records import HeldRecords, claimed, directory_of, records_of
from headrace.server.setting_fields import HIDDEN, variable_of
from headrace.server.settings import Settings
from headrace.server.supervision import Supervision
from headrace.server.surroundings import surroundings

YOUNG_OBJECTS = 10_000
"""How many containers may have come since the collector last looked for rings among them."""

FIRST_NAME = "first"
"""Name of the token that is made at the first start."""


def serve(overrides: Mapping[str, str]) -> int:
    """Run a server until SIGTERM or SIGINT; return the exit code.

    Args:
        overrides: Settings given on the command line, as text by name.

    Raises:
        HeadraceError: It cannot start; the message says why and what to do.
    """
    settings = Settings.read(os.environ, overrides)
    set_up_logging(settings.log_level)
    raise_limit()
    directory = directory_of(settings)
    with (
        claimed(directory) as claim,
        records_of(settings, directory).held() as records,
        ExitStack() as listeners,
    ):
        listening = [listeners.enter_context(each) for each in listen(settings)]
        with in_plain_words(directory.root, directory.database):
            end_leftovers(directory)
            directory.empty_scratch()
        records.prepare(_end_this_process)
        urls = _urls(settings, listening[0].getsockname()[1])
        with in_plain_words(directory.root, directory.database):
            directory.address.write_text(urls.inside)
        supervision = Supervision(settings.longest_end_s)
        run = _serve(settings, directory, records, urls, listening, claim, supervision)
        supervision.run(run)
    return 0


def check(overrides: Mapping[str, str]) -> int:
    """Print each setting with its value, and the interpreters found; return the exit code.

    Raises:
        InvalidRequest: A setting cannot be used.
        InvalidEnvironment: There is no uv to build environments with.
        Unavailable: The data directory, the bucket or the cluster cannot be used.
    """
    settings = Settings.read(os.environ, overrides)
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        value = HIDDEN if value and not setting.repr else value
        sys.stdout.write(f"{variable_of(setting.name)}={value}\n  {setting.metadata['about']}\n")
    is_well = _check_records(settings)
    if settings.objects is not None:
        asyncio.run(try_bucket(settings.objects))
        sys.stdout.write(f"\nBucket {settings.objects}\n  can be written to and listed\n")
    if (cluster := cluster_of(settings)) is not None:
        sys.stdout.write(f"\nRay cluster {settings.engine}\n")
        sys.stdout.writelines(f"  {line}\n" for line in nodes_of(cluster))
    around = surroundings(settings.data_dir)
    sys.stdout.write("\nThis machine\n" + "".join(f"  {line}\n" for line in around))
    find_uv()
    found = Interpreters(settings.pythons, os.environ).found()
    sys.stdout.write("\nPython interpreters on this machine\n")
    for version, it in sorted(found.items(), key=lambda item: int(item[0][2:])):
        sys.stdout.write(f"  {version}  {it.path}\n")
    return 0 if is_well else 1


def move_files(overrides: Mapping[str, str], to: str) -> int:
    """Move the files of a data directory to another place; return the exit code.

    Args:
        overrides: Settings given on the command line, as text by name.
        to: A bucket, as the setting ``objects`` names one, or ``data-directory``.

    Raises:
        InvalidRequest: No server ever ran on the directory, or the files are there already.
        Conflict: A server runs on the directory.
        HeadraceError: A place cannot be used.
    """
    settings = Settings.read(os.environ, overrides)
    target = None if to == "data-directory" else _bucket_place(to)
    directory = directory_of(settings)
    records = records_of(settings, directory)
    if records.is_new:
        raise InvalidRequest(f"No server ever ran on {directory.root}: there are no files to move.")
    with claimed(directory), records.held() as held:
        held.prepare()
        moved = asyncio.run(file_moves.move_files(directory, held, settings.objects, target))
    if moved.kept.missing:
        sys.stdout.write(
            f"The folders of {moved.kept.missing:,} versions of pipelines are missing, and were "
            "before.\n"
        )
    sys.stdout.write(
        f"{moved.files:,} files ({moved.size:,} bytes) are in {moved.target} now; {moved.copied:,} "
        f"of them were copied.\nSo are the folders of pipelines "
        f"({moved.kept.bundles:,}) and logs ({moved.kept.logs:,}).\n"
        f"The old ones are still in {moved.source}.\n"
        + (
            "Start the server without HEADRACE_OBJECTS from now on.\n"
            if target is None
            else f"Start the server with HEADRACE_OBJECTS='{to}' from now on.\n"
        )
    )
    return 0


def move_everything(overrides: Mapping[str, str], to: str, objects: str | None) -> int:
    """Move the records of a data directory to a database, and its files to a bucket, if named.

    Args:
        overrides: Settings given on the command line, as text by name.
        to: The database, as the setting ``database`` names one.
        objects: The bucket, as the setting ``objects`` names one.

    Raises:
        HeadraceError: What is named cannot be used, or a server runs.
    """
    settings = Settings.read(os.environ, {**overrides, "database": to})
    if settings.database is None:
        raise InvalidRequest("--to names no database.")
    if objects is not None:
        _bucket_place(objects)
    directory = DataDirectory(settings.data_dir, settings.master_key_file)
    with claimed(directory):
        move_records(directory, settings.database, _say_rows)
    sys.stdout.write(
        f"All of them were read back and compared. They are in {settings.database} now; the file "
        f"{directory.database} stays as it was, and is not used any more.\n"
        f"Start the server with HEADRACE_DATABASE from now on; its key is {directory.keys}.\n"
    )
    if objects is not None:
        return move_files({**overrides, "database": to}, objects)
    return 0


def _say_rows(table: str, rows: int) -> None:
    if rows:
        sys.stdout.write(f"  {table}: {rows:,} rows\n")


def _bucket_place(text: str) -> BucketPlace:
    try:
        return read_place(text)
    except ValueError as error:
        raise InvalidRequest(f"--to is {text!r}: {error}; or it is data-directory.") from None


def _check_records(settings: Settings) -> bool:
    """Describe the data directory and the records, and change nothing; return whether all is well.

    Raises:
        Unavailable: A server could not start on them.
    """
    directory = directory_of(settings)
    with in_plain_words(directory.root, directory.database):
        directory.check()
    found = records_of(settings, directory).describe()
    keys_of(found.sealed, directory)
    (name, *lines), standing = found.lines, found.standing
    sys.stdout.write(f"\n{name}\n" + "".join(f"  {line}\n" for line in lines))
    if not standing.takes_work:
        since = f"{standing.paused_since:%Y-%m-%d %H:%M}"
        sys.stdout.write(
            f"  Its server is paused since {since} UTC and takes no work: headrace resume\n"
        )
    running = health_of_running(directory)
    if running is None:
        return True
    address, wrong = running
    sys.stdout.write(f"  A server runs on it at {address}: {'; '.join(wrong) or 'it is well'}\n")
    return not wrong


def _end_this_process() -> None:
    """Ask this process to end as a signal would."""
    os.kill(os.getpid(), signal.SIGTERM)


async def _serve(
    settings: Settings,
    directory: DataDirectory,
    records: HeldRecords,
    urls: Urls,
    listening: Sequence[socket.socket],
    claim: Claim,
    supervision: Supervision,
) -> None:
    async with AsyncExitStack() as stack:
        with in_plain_words(directory.root, directory.database):
            server = await stack.enter_async_context(
                Server(settings, directory, records, urls, claim)
            )
            token = None
            if not await server.tokens.all(SERVER):
                token = await server.tokens.create(SERVER, FIRST_NAME)
        limits = connection_limits(settings, raise_limit())
        http = HttpServer(server.app, server.express, lambda: _greet(urls, token), limits)
        fronts = await server.begin_fronts(listening[1:], http.adopt)
        supervision.ready(lambda: _stop(server, http, fronts), server.describe_unwritten)
        # What is there now stays: the collector of garbage need not look at it again and again.
        gc.freeze()
        # Nor at each call that is under way: what it consists of goes by itself.
        gc.set_threshold(YOUNG_OBJECTS)
        await http.serve(sockets=[listening[0]])


def _stop(server: Server, http: HttpServer, fronts: FrontKeeper) -> None:
    server.ending.begin()
    fronts.leave()
    http.stop()


def _greet(urls: Urls, token: str | None) -> None:
    lines = [f"Headrace is at {urls.public}"]
    if token is not None:
        lines += [
            "",
            "This is its first start, so here is an SDK token. It is shown this once:",
            f"  export HEADRACE_ENVIRONMENT_URL={urls.public}",
            f"  export HEADRACE_SDK_TOKEN={token}",
            "",
            "Whoever has it signs in to the console. For a name and a password as well:",
            "  headrace users create NAME",
            "",
        ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _urls(settings: Settings, port: int) -> Urls:
    wildcard = settings.host in {"0.0.0.0", "::", ""}  # noqa: S104 - compared, not bound
    host = "127.0.0.1" if wildcard else settings.host
    inside = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return Urls(settings.public_url or inside, inside)
