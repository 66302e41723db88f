"""The bytes of the journal: how entries are framed, and found again in a file that is damaged.

The file begins with a block that says for each half which of its entries count: those that bear the
half's present number of use. What else is in a half is left from earlier uses. An entry is a mark
that no JSON contains, a length, the number of use, its place in that use, a checksum of all of that
and of what follows, and a row as a JSON object by its columns' names, which another version of this
program reads as well. One that is damaged is stepped over, and those that are missing are counted.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from headrace.core.errors import InvalidRequest
from headrace.store.execution_row import COLUMNS, LEFT_OUT, Row
from headrace.wire.codec import decode_object, object_encoder

HALVES = 2
HALF_BYTES = 4 << 20
BLOCK_BYTES = 4096
FILE_BYTES = BLOCK_BYTES + HALVES * HALF_BYTES

_MARK = b"\xff\xfeHR"
_HEAD = struct.Struct(">4sIQQI")
_COVERED = struct.Struct(">IQQ")
HEAD_BYTES = _HEAD.size

_SLOT_MARK = b"\xff\xfeHRuse2"
_SLOT = struct.Struct(">8sQI")
_SLOT_STEP = 512
"""Each number of use is there twice, in sectors of their own."""

_OLD_HEAD = struct.Struct(">IIQ")
_OLD_BYTES = 2 << 20
_OLD_ENTRY_BYTES = 65_536


@dataclass(slots=True)
class Found:
    """What a half holds.

    Attributes:
        rows: Of the entries that count and are whole, in their order.
        lost: How many entries were there and are not whole any more.
        is_torn: Whether the last entry is not whole: one that was being written when the power
            went, and was not answered, or one that was damaged later.
        use: The number of use.
    """

    rows: list[Row] = field(default_factory=list)
    lost: int = 0
    is_torn: bool = False
    use: int = 0

    @property
    def has_begun(self) -> bool:
        """Whether anything was written to it in its present use."""
        return bool(self.rows) or self.lost > 0 or self.is_torn


def begin_of(half: int) -> int:
    """Return the offset of the entries of a half."""
    return BLOCK_BYTES + half * HALF_BYTES


def slots_of(half: int, use: int) -> Iterator[tuple[int, bytes]]:
    """Yield what says that a half's entries of a use count, and where it is written."""
    body = _SLOT_MARK + use.to_bytes(8)
    slot = _SLOT.pack(_SLOT_MARK, use, zlib.crc32(body))
    for copy in range(2):
        yield (2 * half + copy) * _SLOT_STEP, slot


body_of = object_encoder(COLUMNS)
"""Returns the body of a row's entry; raises TypeError or ValueError if it cannot be one."""


def entry(body: bytes, use: int, place: int) -> bytes:
    """Return an entry.

    Args:
        body: What :func:`body_of` gives.
        use: The half's present number of use.
        place: How many entries of that use are before it.
    """
    size = len(body)
    checksum = zlib.crc32(body, zlib.crc32(_COVERED.pack(size, use, place)))
    return _HEAD.pack(_MARK, size, use, place, checksum) + body


def uses_in(content: bytes) -> list[int | None]:
    """Return the number of use of each half; None where neither copy of it is whole."""
    return [_use_of(content, half) for half in range(HALVES)]


def is_old(content: bytes) -> bool:
    """Check whether a file was written by a version that did not mark its entries."""
    return len(content) == _OLD_BYTES and uses_in(content) == [None, None]


def read_halves(content: bytes) -> list[Found]:
    """Return the content of the halves, whatever became of the file.

    One that another was written to after it was not being written when the power went: what is not
    whole at its end was answered, and counts as lost.
    """
    halves = [_read_half(content, half) for half in range(HALVES)]
    earlier, later = sorted(halves, key=lambda each: each.use)
    if None not in uses_in(content) and earlier.is_torn and later.has_begun:
        earlier.lost += 1
        earlier.is_torn = False
    return halves


def _read_half(content: bytes, half: int) -> Found:
    part = content[begin_of(half) : begin_of(half + 1)]
    use = _use_of(content, half)
    entries = list(_entries(part))
    is_known = use is not None
    if use is None:
        # The newest is what counted, unless all was moved; rows that come twice are noticed.
        use = max((each.use for each in entries), default=0)
    live = [each for each in entries if each.use == use]
    found = Found(use=use)
    for each in live:
        row = _row(each.body)
        if row is not None:
            found.rows.append(row)
    count = live[-1].place + 1 if live else 0
    found.lost = count - len(found.rows)
    if not is_known and content and entries:
        found.is_torn = True
    end = live[-1].end if live else 0
    if _is_broken_entry(part, end, use, count):
        found.is_torn = True
    return found


def read_old(content: bytes) -> Iterator[Found]:
    """Yield what the halves of an old file hold."""
    size = _OLD_BYTES // HALVES
    for begin in range(0, _OLD_BYTES, size):
        yield _read_old_half(content[begin : begin + size])


@dataclass(frozen=True, slots=True)
class _Entry:
    use: int
    place: int
    body: bytes
    end: int


def _use_of(content: bytes, half: int) -> int | None:
    uses = []
    for copy in range(2):
        at = (2 * half + copy) * _SLOT_STEP
        if at + _SLOT.size > len(content):
            continue
        mark, use, checksum = _SLOT.unpack_from(content, at)
        if mark == _SLOT_MARK and zlib.crc32(content[at : at + 16]) == checksum:
            uses.append(use)
    return max(uses, default=None)


def _entries(part: bytes) -> Iterator[_Entry]:
    """Yield all entries that are whole, of whatever use."""
    at = 0
    while at >= 0:
        # Where one is expected it counts without its mark, which may be what is damaged.
        found = _entry_at(part, at)
        if found is None:
            at = part.find(_MARK, at + 1)
        else:
            yield found
            at = found.end


def _entry_at(part: bytes, at: int) -> _Entry | None:
    if at + _HEAD.size > len(part):
        return None
    _, size, use, place, checksum = _HEAD.unpack_from(part, at)
    end = at + _HEAD.size + size
    body = part[at + _HEAD.size : end]
    covered = zlib.crc32(body, zlib.crc32(_COVERED.pack(size, use, place)))
    return _Entry(use, place, body, end) if covered == checksum and len(body) == size else None


def _is_broken_entry(part: bytes, at: int, use: int, place: int) -> bool:
    """Check whether an entry was begun behind the last one that is whole."""
    if at + _HEAD.size > len(part) or _entry_at(part, at) is not None:
        return False
    mark, _, its_use, its_place, _ = _HEAD.unpack_from(part, at)
    # Of these three one may be damaged as well.
    return [mark == _MARK, its_use == use, its_place == place].count(True) >= 2


def _read_old_half(part: bytes) -> Found:
    found = Found()
    if not any(part[: _OLD_HEAD.size]):
        # Emptied: what follows was moved.
        return found
    entries = list(_old_entries(part))
    if not entries:
        found.is_torn = True
        return found
    first = entries[0][0]
    found.use = first if entries[0][1] == 0 else max(use for use, _, _ in entries)
    end = 0
    for use, begin, body in entries:
        if use != found.use:
            continue
        # There is no number by which they could be counted; a gap is one at least.
        found.lost += begin > end
        row = _row(body)
        if row is not None:
            found.rows.append(row)
        end = begin + _OLD_HEAD.size + len(body)
    return found


def _old_entries(part: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield use, beginning and body of the entries of an old half that are whole."""
    at = 0
    while at + _OLD_HEAD.size <= len(part):
        size, checksum, use = _OLD_HEAD.unpack_from(part, at)
        body = part[at + 8 : at + 8 + size]
        if 8 <= size <= _OLD_ENTRY_BYTES and len(body) == size and zlib.crc32(body) == checksum:
            yield use, at, body[8:]
            at += 8 + size
        else:
            at += 1


def _row(text: bytes) -> Row | None:
    try:
        fields: dict[str, Any] = decode_object(text, "An entry of the journal")
    except InvalidRequest:
        return None
    return tuple(fields.get(name, LEFT_OUT.get(name)) for name in COLUMNS)
