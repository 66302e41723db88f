"""Objects: files by path, in the data store and among the artefacts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from headrace.core.errors import InvalidRequest
from headrace.core.filenames import MAX_PATH_BYTES, MAX_SEGMENT_BYTES, fits_a_disk


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of an object without reading it.

    Attributes:
        path: Its path, segments joined by ``/``, without a leading one.
        size: Bytes.
        last_modified: When its bytes were last replaced, UTC.
    """

    path: str
    size: int
    last_modified: datetime


def check_object_path(path: object) -> str:
    """Return the canonical form of an object's path.

    A leading ``/`` is dropped, so ``/a/b`` and ``a/b`` are the same object (wire contract, 8.22).

    Raises:
        InvalidRequest: The path is empty, too long, has an empty, ``.`` or ``..`` segment, or holds
            a backslash or a control character.
    """
    if not isinstance(path, str) or not path.strip("/"):
        raise InvalidRequest(
            "The path of an object must be a non-empty text, such as folder/file.csv."
        )
    canonical = path.removeprefix("/")
    if not fits_a_disk(canonical):
        raise InvalidRequest(
            f"The path of an object has at most {MAX_PATH_BYTES} bytes, and each segment of it at "
            f"most {MAX_SEGMENT_BYTES} bytes."
        )
    segments = canonical.split("/")
    if any(segment in {"", ".", ".."} for segment in segments):
        raise InvalidRequest(
            f"The path {path!r} has an empty, '.' or '..' segment; name the object from the root, "
            "such as folder/file.csv."
        )
    if "\\" in canonical or not canonical.isprintable():
        raise InvalidRequest(f"The path {path!r} holds a backslash or a control character.")
    return canonical
