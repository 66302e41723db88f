"""Paths of objects as keys of a bucket, and the numbers of its uploads as ids of ours."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from headrace.core.errors import InvalidRequest, NotFound
from headrace.core.objects import check_object_path

MAX_KEY_BYTES = 1024
"""The longest key that the protocol allows, in UTF-8."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one store: those that begin with ``prefix``."""

    prefix: str

    def of(self, path: str) -> str:
        """Return the key of a canonical path; raises InvalidRequest if it is too long for one."""
        key = self.prefix + path
        excess = len(key.encode()) - MAX_KEY_BYTES
        if excess > 0:
            raise InvalidRequest(
                f"The path of an object has at most {MAX_KEY_BYTES - len(self.prefix.encode())} "
                f"bytes in this server's bucket: {excess} fewer than this one."
            )
        return key

    def path(self, key: str) -> str | None:
        """Return the path of a key; None if it is no object of this store."""
        path = key.removeprefix(self.prefix)
        try:
            return path if check_object_path(path) == path else None
        except InvalidRequest:
            return None  # Planted, or the mark of an empty folder.


@dataclass(frozen=True, slots=True)
class UploadId:
    """An upload in parts.

    Attributes:
        path: The path that the object will have.
        number: What the bucket calls the upload. It knows the key as well, so that an id which was
            made up names no upload.
    """

    path: str
    number: str

    def __str__(self) -> str:
        text = json.dumps([self.path, self.number], ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    @classmethod
    def read(cls, text: str) -> UploadId:
        """Return the upload that an id names; raises NotFound."""
        try:
            raw = text.encode("ascii")
            padded = raw + b"=" * (-len(raw) % 4)
            path, number = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            if not (isinstance(number, str) and number and check_object_path(path) == path):
                raise no_upload(text)
        except (ValueError, TypeError, binascii.Error, RecursionError, InvalidRequest):
            raise no_upload(text) from None
        return cls(path, number)


def no_upload(upload_id: str) -> NotFound:
    """Return the error that says that there is no such upload."""
    return NotFound(f"There is no upload {upload_id!r}: it ended, was abandoned or expired.")
