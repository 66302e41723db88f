"""Attached files: sent to the data store by the digest of their content, if they are not there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from headrace.client.data_store import DataStoreCalls
from headrace.client.parts import Object
from headrace.core.attachments import attachment, check_place
from headrace.core.errors import InvalidValue, NotFound

Attach = Mapping[str, "str | os.PathLike[str] | None"]
"""Local files by their places in the folder; None detaches what is there."""


class AttachedCalls(DataStoreCalls):
    """Files that go along with the code of deployments."""

    def send_attached(self, attach: Attach) -> Object:
        """Send local files to the data store, and return what a request says to attach them.

        A file whose content is there already is not sent again.

        Raises:
            InvalidRequest: A place cannot be one.
            InvalidValue: A file cannot be read.
            TooLarge: The server takes no file of this size.
        """
        body: Object = {}
        for place, file in attach.items():
            body[check_place(place)] = None if file is None else self._sent(place, Path(file))
        return body

    def _sent(self, place: str, file: Path) -> Object:
        digest, size = content_of(place, file)
        one = attachment(place, digest, size)
        with suppress(NotFound):
            if self._information(one.object)["size"] == size:
                self._say(f"{file} is in the data store already.")
                return {"digest": digest, "size": size}
        try:
            self.upload_data_store_object(file, one.object)
        except OSError as error:
            raise _unreadable(place, file, error) from None
        return {"digest": digest, "size": size}


def content_of(place: str, file: Path) -> tuple[str, int]:
    """Return digest and size of a file that is to be attached.

    Raises:
        InvalidValue: It cannot be read.
    """
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
            return digest, opened.tell()
    except OSError as error:
        raise _unreadable(place, file, error) from None


def _unreadable(place: str, file: Path, error: OSError) -> InvalidValue:
    why = "it is a folder: attach its files, or an archive" if file.is_dir() else error.strerror
    return InvalidValue(f"{str(file)!r} cannot be attached at {place!r}: {why}.")
