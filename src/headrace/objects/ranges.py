"""Ranges of what a store holds: bytes of an object, objects of a folder."""

from __future__ import annotations

from headrace.core.errors import InvalidRequest
from headrace.core.objects import check_object_path


def range_length(size: int, offset: int, length: int | None) -> int:
    """Return how many bytes a range of an object has; raises InvalidRequest if it is not in it."""
    left = size - offset
    if offset < 0 or left < 0 or (length is not None and length < 0):
        raise InvalidRequest(
            f"The range from byte {offset} on, {length if length is not None else 'all'} "
            f"bytes, is not within the object of {size} bytes."
        )
    return left if length is None else min(length, left)


def check_folder(folder: str) -> str:
    """Return the canonical path of a folder, which may end in ``/``; raises InvalidRequest."""
    return check_object_path(folder.removesuffix("/"))


def check_page(folder: str | None, limit: int) -> str | None:
    """Return the canonical path of the folder that a page is of, None for all objects.

    Raises:
        InvalidRequest: It is no path, or the limit of the page is below 1.
    """
    if limit < 1:
        raise InvalidRequest(f"The limit of a page must be at least 1, not {limit}.")
    return check_folder(folder) if folder and folder.strip("/") else None
