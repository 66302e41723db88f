"""Checks of the parts of an upload: those that arrived against those that were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from headrace.core.errors import InvalidRequest, TooLarge
from headrace.objects.port import MAX_PARTS


class ArrivedPart(Protocol):
    """What is known of a part that arrived."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def digest(self) -> str:
        """Its ETag, without quotes."""
        ...


_P = TypeVar("_P", bound=ArrivedPart)


def check_part_number(number: int) -> int:
    """Return the number of a part if it can be one; raises InvalidRequest."""
    if isinstance(number, bool) or not 1 <= number <= MAX_PARTS:
        raise InvalidRequest(f"A part's number must be from 1 to {MAX_PARTS}, not {number!r}.")
    return number


def chosen(latest: Mapping[int, _P], asked: Sequence[tuple[int, str | None]]) -> list[_P]:
    """Return the parts that make the object.

    Args:
        latest: The parts that arrived, by number.
        asked: Number and ETag of each part as the sender knows them.

    Raises:
        InvalidRequest: They are not the same.
    """
    if [number for number, _ in asked] != list(range(1, len(asked) + 1)) or not asked:
        raise InvalidRequest("Name all parts of the upload in order: 1, 2, 3 and so on.")
    for number, etag in asked:
        details = {"part_number": number}
        if number not in latest:
            raise InvalidRequest(f"Part {number} did not arrive: send it again.", details=details)
        if etag is not None and etag.strip('"') != latest[number].digest:
            raise InvalidRequest(
                f"Part {number} is not the one with ETag {etag}: send it again.", details=details
            )
    extra = sorted(set(latest) - {number for number, _ in asked})
    if extra:
        raise InvalidRequest(
            f"Part {extra[0]} arrived but is not named: name all parts of the upload.",
            details={"part_number": extra[0]},
        )
    return [latest[number] for number, _ in asked]


def check_size(parts: Sequence[ArrivedPart], size: int | None, size_limit: int | None) -> None:
    """Raise InvalidRequest or TooLarge if the parts do not add up to an object as announced."""
    total = sum(part.size for part in parts)
    if size is not None and total != size:
        raise InvalidRequest(f"The parts have {total} bytes in all, where {size} were announced.")
    if size_limit is not None and total > size_limit:
        raise TooLarge(f"The object is larger than the limit of {size_limit} bytes.")
