"""Files of the data store that go along with a deployment's code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is present in the folder before the code is imported.

    Attributes:
        path: Its place in the folder, with ``/``.
        digest: SHA-256 of its content, in hex.
        size: Its bytes.
        object: Its path in the data store.
    """

    path: str
    digest: str
    size: int
    object: str
