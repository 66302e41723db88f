"""Reads files of the data store with the token that an execution has."""

from __future__ import annotations

import json
import os
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

TIMEOUT_S = 60
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks the server itself: a proxy for the internet does not know it."""


class StoredFile(NamedTuple):
    """A file of the data store; another time of change means another content."""

    path: str
    size: int
    changed: str


class DataStore:
    """The data store of the server that started this execution."""

    def __init__(self) -> None:
        self._root = f"{os.environ['HEADRACE_ENVIRONMENT_URL'].rstrip('/')}/api/v1"
        token = {"refresh_token": os.environ["HEADRACE_SDK_TOKEN"]}
        self._headers: dict[str, str] = {}
        granted = self._ask("/auth/refresh", token)
        self._headers = {"Authorization": f"Bearer {granted['access_token']}"}

    def files(self, folder: str) -> Iterator[StoredFile]:
        """Yield the files below a folder in the order of their paths."""
        query = {"folder_path": folder, "include_continuation_token": "true"}
        while True:
            page = self._ask(f"/data-store/list?{urllib.parse.urlencode(query)}")
            for item in page["items"]:
                yield StoredFile(item["path"], item["size"], item["last_modified"])
            if not page["continuation_token"]:
                return
            query["continuation_token"] = page["continuation_token"]

    def read(self, file: StoredFile, most: int) -> bytes:
        """Return the beginning of a file's content."""
        signed = self._ask("/data-store/download", {"path_to_object": file.path})
        with _opener.open(signed["signed_url"], timeout=TIMEOUT_S) as response:
            return bytes(response.read(most))

    def _ask(self, path: str, body: dict[str, str] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **self._headers}
        request = urllib.request.Request(f"{self._root}{path}", data, headers)
        with _opener.open(request, timeout=TIMEOUT_S) as response:
            return json.load(response)
