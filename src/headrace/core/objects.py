"""Objects: files by path, in the data store and among the artefacts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from headrace.core.errors import InvalidRequest

MAX_PATH_LENGTH = 1024


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
    if len(canonical.encode("utf-8", "surrogatepass")) > MAX_PATH_LENGTH:
        raise InvalidRequest(f"The path of an object has at most {MAX_PATH_LENGTH} bytes.")
    segments = canonical.split("/")
    if any(segment in {"", ".", ".."} for segment in segments):
        raise InvalidRequest(
            f"The path {path!r} has an empty, '.' or '..' segment; name the object from the root, "
            "such as folder/file.csv."
        )
    if any(len(segment.encode("utf-8", "surrogatepass")) > 255 for segment in segments):
        raise InvalidRequest("Each segment of an object's path has at most 255 bytes.")
    if "\\" in canonical or not canonical.isprintable():
        raise InvalidRequest(f"The path {path!r} holds a backslash or a control character.")
    return canonical
