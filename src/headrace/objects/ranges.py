"""Ranges of objects."""

from __future__ import annotations

from headrace.core.errors import InvalidRequest


def range_length(size: int, offset: int, length: int | None) -> int:
    """Return how many bytes a range of an object has; raises InvalidRequest if it is not in it."""
    left = size - offset
    if offset < 0 or left < 0 or (length is not None and length < 0):
        raise InvalidRequest(
            f"The range from byte {offset} on, {length if length is not None else 'all'} "
            f"bytes, is not within the object of {size} bytes."
        )
    return left if length is None else min(length, left)
