"""Files of the data store that go along with a deployment's code."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.core.errors import InvalidRequest

MAX_ATTACHMENTS = 20
"""How many files a deployment has attached at most."""

FOLDER = "attachments/sha256"
"""The data store's folder of attached files, each by the digest of its content."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOT_PLACES = frozenset({"__pycache__", ".git"})
_MAX_PLACE_BYTES = 1024


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


def object_of(digest: str) -> str:
    """Return the path in the data store of the attached file with a digest."""
    return f"{FOLDER}/{digest}"


def digest_of(path: str) -> str | None:
    """Return the digest of the attached file at a path in the data store, or None if it is none."""
    folder, _, name = path.rpartition("/")
    return name if folder == FOLDER and _DIGEST.fullmatch(name) else None


def check_place(place: object) -> str:
    """Return a place in a folder at which a file can be attached.

    Raises:
        InvalidRequest: It is empty, absolute, not the shortest way to say it, leaves the folder, or
            has a name that no bundle keeps.
    """
    if not isinstance(place, str) or not place:
        raise InvalidRequest("The place of an attached file must be a path in the folder.")
    segments = place.split("/")
    is_plain = (
        place.isprintable()
        and "\\" not in place
        and len(place.encode("utf-8", "surrogatepass")) <= _MAX_PLACE_BYTES
        and all(len(one.encode("utf-8", "surrogatepass")) <= 255 for one in segments)
    )
    if not is_plain or posixpath.normpath(place) != place or {"", ".", ".."} & set(segments):
        raise InvalidRequest(
            f"A file cannot be attached at {place!r:.200}: give a path inside the pipeline's "
            "folder, such as models/iris.joblib."
        )
    if _NOT_PLACES & set(segments):
        raise InvalidRequest(
            f"A file cannot be attached at {place!r:.200}: __pycache__ and .git are no part of a "
            "pipeline's folder."
        )
    return place


def attachment(place: object, digest: object, size: object) -> Attachment:
    """Return an attachment after checking it.

    Raises:
        InvalidRequest: The place cannot be one, the digest is none, or the size no number of bytes.
    """
    path = check_place(place)
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise InvalidRequest(
            f"digest of the attachment {path!r} must be a SHA-256 in 64 small hex digits."
        )
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < 1 << 62:
        raise InvalidRequest(f"size of the attachment {path!r} must be a number of bytes.")
    return Attachment(path, digest, size, object_of(digest))


def changed_attachments(
    present: Sequence[Attachment], changes: Mapping[str, Attachment | None]
) -> tuple[Attachment, ...]:
    """Return attachments, sorted by place, with some added, replaced or, for None, taken away.

    Raises:
        InvalidRequest: One to take away is not there, one is in the place of another's folder, or
            there are more than :data:`MAX_ATTACHMENTS`.
    """
    found = {one.path: one for one in present}
    for path, change in changes.items():
        if change is not None:
            found[path] = change
        elif found.pop(path, None) is None:
            names = ", ".join(sorted(found)) or "none"
            raise InvalidRequest(f"Nothing is attached at {path!r}; attached are: {names}.")
    if len(found) > MAX_ATTACHMENTS:
        raise InvalidRequest(
            f"A deployment has at most {MAX_ATTACHMENTS} attached files, not {len(found)}: attach "
            "an archive, or read the files from the data store."
        )
    for path in found:
        above = posixpath.dirname(path)
        while above:
            if above in found:
                raise InvalidRequest(
                    f"A file is attached at {above!r}, so none can be below it at {path!r}."
                )
            above = posixpath.dirname(above)
    return tuple(found[path] for path in sorted(found))
