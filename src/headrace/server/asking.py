"""What the command line asks of the server that runs on a data directory of this machine."""

from __future__ import annotations

import asyncio
import http.client
import json
from contextlib import closing
from urllib.parse import urlsplit

from headrace.control.sealing import load_keys
from headrace.control.tokens import access_token_for
from headrace.core.errors import HeadraceError, Unavailable
from headrace.server.data_directory import DataDirectory
from headrace.server.records import Records
from headrace.store.tokens import all_tokens
from headrace.wire.routes import CREATE_TOKEN

_PATIENCE_S = 30.0


def ask_for_token(directory: DataDirectory, records: Records, name: str, user: str | None) -> str:
    """Ask the server for a new SDK token; return it.

    Whoever can read the key of a directory may do so: access tokens are signed with it.

    Raises:
        HeadraceError: The name is taken or is none, or the server does not answer.
    """
    body = json.dumps({"name": name, "user": user})
    headers = {
        "Authorization": f"Bearer {asyncio.run(_access_token(directory, records))}",
        "Content-Type": "application/json",
    }
    try:
        where = urlsplit(directory.address.read_text())
        with closing(
            http.client.HTTPConnection(where.hostname or "", where.port, timeout=_PATIENCE_S)
        ) as connection:
            connection.request(CREATE_TOKEN.method, CREATE_TOKEN.url(), body, headers)
            answer = connection.getresponse()
            found = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(
            f"A server runs on {directory.root}, and does not answer ({error}): try again, or ask "
            "it with --remote."
        ) from error
    if answer.status >= http.client.BAD_REQUEST:
        raise HeadraceError(str(found.get("message", answer.reason)))
    return str(found["token"])


async def _access_token(directory: DataDirectory, records: Records) -> str:
    reader = records.reader()
    try:
        tokens = await reader.read(all_tokens)
    finally:
        reader.close()
    if not tokens:
        raise Unavailable(f"The server on {directory.root} is about to start: try again.")
    return access_token_for(load_keys(directory.keys), tokens[0])
