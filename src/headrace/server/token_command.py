"""SDK tokens that the command line makes on the machine of a server, with or without it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from headrace.control.sealing import load_keys
from headrace.control.tokens import Tokens
from headrace.core.errors import Conflict, InvalidRequest
from headrace.core.scopes import SERVER
from headrace.server.asking import ask_for_token
from headrace.server.claim import Claim
from headrace.server.data_directory import DataDirectory
from headrace.server.obstacles import in_plain_words
from headrace.server.records import HeldRecords, directory_of, records_of
from headrace.server.settings import Settings


def create_token(
    overrides: Mapping[str, str], name: str, user: str | None = None, *, may_be_new: bool = False
) -> str:
    """Create an SDK token in a data directory, whether or not a server runs on it; return it.

    Args:
        overrides: Settings given on the command line, as text by name.
        name: Name of the token.
        user: Name or address of the user whom it belongs to; the first one unless given.
        may_be_new: Whether the directory is made if no server ever ran on it.

    Raises:
        InvalidRequest: No server ever ran on the directory.
        HeadraceError: The name is taken, there is no such user, or the directory cannot be used.
    """
    settings = Settings.read(os.environ, overrides)
    directory = directory_of(settings)
    records = records_of(settings, directory)
    with in_plain_words(directory.root, directory.database):
        if records.is_new and not may_be_new:
            raise InvalidRequest(
                f"No server ever ran on {settings.database or settings.data_dir}: give the data "
                "directory of the server that the token is for (--data-dir or HEADRACE_DATA_DIR), "
                "or --new to make one there."
            )
        directory.make_root()
        try:
            claim = Claim(directory.root, patience_s=0)
        except Conflict:
            # One process writes to a database: the server that runs on it.
            return ask_for_token(directory, records, name, user)
        with claim:
            directory.make()
            with records.held() as held:
                held.prepare()
                return asyncio.run(_create_token(directory, held, name, user))


async def _create_token(
    directory: DataDirectory, records: HeldRecords, name: str, user: str | None
) -> str:
    database = records.open()
    try:
        return await Tokens(database, load_keys(directory.keys)).create(SERVER, name, user)
    finally:
        database.close()
