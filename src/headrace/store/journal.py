"""A file that takes the rows of calls one by one, each on disk once it is taken.

A transaction of SQLite writes several pages before it syncs; a line of this file is one write and
one sync. The rows stay here until they are in the database, and whoever starts after a crash finds
them (ADR 0018).

The file has two halves of a fixed size: while what one holds is moved to the database, the other
one takes rows. Its blocks are there from the beginning, so that a full disk does not matter and a
sync has nothing to say of the file's length. An entry is a length, a checksum of all that follows,
the number of the half's present use, and the row as a JSON object by its columns' names, which
another version of this program reads as well.
"""

from __future__ import annotations

import logging
import os
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from headrace.core.errors import InvalidRequest
from headrace.store.warm import COLUMNS, Row
from headrace.wire.codec import decode_object, encode

logger = logging.getLogger(__name__)

HALF_BYTES = 1 << 20
ENTRY_BYTES = 65_536
"""A longer entry is not taken: it takes time to write, and few of them would fill a half."""

SLOW_S = 0.002
"""An entry that takes longer is slow."""

SLOW_ONES = 3
"""So many slow entries in a row are the last ones for a while. One alone tells nothing: the disk
was busy with something else, such as the commit of rows that are moved."""

SLOW_PAUSE = 50
"""How many times as long as they took that while is: a slow disk holds up the event loop, which
writes here, for a fiftieth of the time at most."""

_HEAD = struct.Struct(">II")
_USE = struct.Struct(">Q")
_START = _HEAD.size + _USE.size
_NOTHING = bytes(_START)


class Journal:
    """Takes rows, until they are in the database. All of it belongs to one thread.

    Args:
        path: The file; it is made if it is not there. One process uses it at a time.

    Raises:
        OSError: It cannot be made or opened, as when the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _fill(self._file, path.parent)
            found = [list(_entries(_half(self._file, begin))) for begin in (0, HALF_BYTES)]
        except BaseException:
            os.close(self._file)
            raise
        # As if all of it had just been turned away from, which is what it comes to.
        self._turned: list[Row] | None = [row for rows in found for row in rows]
        self._rows: list[Row] = []
        self._begin = 0
        self._at = self._end = 0
        self._use = b""
        self._is_left_behind = True
        self._is_broken = False
        self._from = 0.0
        self._slow_ones, self._slow_s = 0, 0.0

    @staticmethod
    def may_have_rows(path: Path) -> bool:
        """Tell whether a file is a journal that was in use; one that never got its room was not."""
        return path.exists() and path.stat().st_size >= 2 * HALF_BYTES

    @property
    def count(self) -> int:
        """How many rows wait to be moved, those that are being moved aside."""
        return len(self._rows)

    @property
    def is_empty(self) -> bool:
        """Whether all rows are in the database."""
        return not self._rows and not self._turned

    @property
    def left_behind(self) -> list[Row]:
        """The rows that an earlier process left; :meth:`clear` once they are in the database."""
        return list(self._turned or ()) if self._is_left_behind else []

    def append(self, row: Row) -> bool:
        """Take a row, if that takes next to no time.

        Returns:
            Whether it is on disk; if not, it is for another way, and may be recorded twice only by
            one who looks first (``is_repeated`` of :func:`headrace.store.warm.record`).
        """
        begin = time.monotonic()
        if self._is_left_behind or self._is_broken or begin < self._from:
            return False
        try:
            body = self._use + encode(dict(zip(COLUMNS, row, strict=True)))
        except (TypeError, ValueError):
            return False
        size = _HEAD.size + len(body)
        if size > ENTRY_BYTES or self._at + size > self._end:
            return False
        try:
            os.pwrite(self._file, _HEAD.pack(len(body), zlib.crc32(body)) + body, self._at)
            os.fdatasync(self._file)
        except OSError as error:
            # The system may take the next sync for a success although this one's data are gone.
            self._is_broken = True
            logger.error("the journal of calls is not used any more: %s", error)  # noqa: TRY400 - its message says all
            return False
        took = time.monotonic() - begin
        self._slow_s = self._slow_s + took if took > SLOW_S else 0.0
        self._slow_ones = self._slow_ones + 1 if took > SLOW_S else 0
        if self._slow_ones >= SLOW_ONES:
            self._from = begin + took + SLOW_PAUSE * self._slow_s
            self._slow_ones, self._slow_s = 0, 0.0
        self._at += size
        self._rows.append(row)
        return True

    def turn(self) -> list[Row]:
        """Return the rows that wait, to be moved, and let the other half take those to come.

        There are none to be had before those of the last time were cleared.
        """
        if self._turned is not None or not self._rows:
            return []
        self._turned, self._rows = self._rows, []
        self._open(HALF_BYTES - self._begin)
        return self._turned

    def clear(self) -> None:
        """Forget the rows of the last :meth:`turn`, or those left behind: the database has them.

        The next entry's sync makes this last through a power cut. Rows that come back are found to
        be in the database already.
        """
        halves = (0, HALF_BYTES) if self._is_left_behind else (HALF_BYTES - self._begin,)
        try:
            for begin in halves:
                os.pwrite(self._file, _NOTHING, begin)
        except OSError as error:
            self._is_broken = True
            logger.error("the journal of calls is not used any more: %s", error)  # noqa: TRY400
        self._turned = None
        if self._is_left_behind:
            self._is_left_behind = False
            self._open(0)

    def close(self) -> None:
        """Close the file; what was not moved is found by the next one."""
        os.close(self._file)
        self._is_broken = True

    def _open(self, begin: int) -> None:
        """Have entries written from the beginning of a half, under a number not used before."""
        self._begin = self._at = begin
        self._end = begin + HALF_BYTES
        self._use = _USE.pack(time.time_ns())


def _fill(file: int, folder: Path) -> None:
    """Have the file be as long as it will ever be; its blocks and its name outlast a power cut."""
    size = os.fstat(file).st_size
    if size < 2 * HALF_BYTES:
        written = os.pwrite(file, bytes(2 * HALF_BYTES - size), size)
        if written < 2 * HALF_BYTES - size:
            raise OSError("there is no room for it")
        os.fsync(file)
        above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(above)
        finally:
            os.close(above)


def _half(file: int, begin: int) -> bytes:
    return os.pread(file, HALF_BYTES, begin)


def _entries(half: bytes) -> Iterator[Row]:
    """Yield the rows of a half's last use, up to the first entry that is not whole."""
    at = 0
    use: bytes | None = None
    while at + _START <= len(half):
        size, checksum = _HEAD.unpack_from(half, at)
        body = half[at + _HEAD.size : at + _HEAD.size + size]
        if size < _USE.size or len(body) < size or zlib.crc32(body) != checksum:
            return
        if use is not None and body[: _USE.size] != use:
            # What follows is what is left of an earlier use.
            return
        use = body[: _USE.size]
        row = _row(body[_USE.size :])
        if row is not None:
            yield row
        at += _HEAD.size + size


def _row(text: bytes) -> Row | None:
    try:
        fields: dict[str, Any] = decode_object(text, "An entry of the journal")
    except InvalidRequest as error:
        logger.error("a call is lost: %s", error.message)  # noqa: TRY400 - its message says all
        return None
    return tuple(fields.get(name) for name in COLUMNS)
