"""A file that takes the rows of answered calls, each on disk once it is taken.

A transaction of SQLite writes several pages before it syncs; what is written here is one write and
one sync, for as many rows as there are. The rows stay until they are in the database, and whoever
starts after a crash finds them (ADR 0018, ADR 0019).

The file has two halves of a fixed size: while what one holds is moved to the database, the other
one takes rows. Its blocks are there from the beginning, so that a full disk does not matter and a
sync has nothing to say of the file's length.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from headrace.store.book import journal_format as form
from headrace.store.execution_row import Row

logger = logging.getLogger(__name__)

ENTRY_BYTES = 65_536
"""A longer entry is not taken: it takes time to write, and few of them would fill a half."""

SLOW_S = 0.002
"""An entry that takes longer is slow."""

SLOW_ONES = 3
"""So many slow entries in a row are the last ones for a while. One alone tells nothing: the disk
was busy with something else, such as the commit of rows that are moved."""

SLOW_PAUSE = 50
"""How many times as long as they took that while is: a slow disk holds up the event loop, which
writes a row that is alone, for a fiftieth of the time at most."""


class Piece(NamedTuple):
    """What is written by one write and one sync."""

    at: int
    data: bytes
    rows: list[Row]


class Journal:
    """Takes rows, until they are in the database. All of it but writing belongs to one thread.

    Args:
        path: The file; it is made if it is not there. One process uses it at a time.

    Raises:
        OSError: It cannot be made, opened or read, as when the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            content = _read(self._file)
        except BaseException:
            os.close(self._file)
            raise
        found = _found(content)
        self._is_whole = len(content) == form.FILE_BYTES and not form.is_old(content)
        self._uses = [each.use for each in found]
        self.lost = sum(each.lost for each in found)
        self.is_torn = any(each.is_torn for each in found)
        # As if all of it had just been turned away from, which is what it comes to.
        self._turned: list[Row] | None = [row for each in found for row in each.rows]
        self._rows: list[Row] = []
        self._half = 0
        self._at = self._place = 0
        self._is_left_behind = True
        self._is_broken = False
        self._is_writing = False
        self._from = 0.0
        self._slow_ones, self._slow_s = 0, 0.0

    @staticmethod
    def may_have_rows(path: Path) -> bool:
        """Check whether a file may hold rows; one that never got its room does not."""
        return path.exists() and path.stat().st_size > 0

    @property
    def count(self) -> int:
        """How many rows wait to be moved, those that are being moved aside."""
        return len(self._rows)

    @property
    def is_empty(self) -> bool:
        """Whether all rows are in the database."""
        return not self._rows and not self._turned

    @property
    def is_writing(self) -> bool:
        """Whether a piece was prepared and is not kept or dropped yet."""
        return self._is_writing

    @property
    def takes(self) -> bool:
        """Whether rows can be taken at all."""
        return not self._is_left_behind and not self._is_broken

    @property
    def unmoved(self) -> list[Row]:
        """The rows of the last :meth:`turn` that were not cleared."""
        return [] if self._is_left_behind else list(self._turned or ())

    @property
    def left_behind(self) -> list[Row]:
        """The rows that an earlier process left; :meth:`clear` once they are in the database."""
        return list(self._turned or ()) if self._is_left_behind else []

    def append(self, row: Row) -> bool:
        """Take a row, if that takes next to no time.

        Returns:
            Whether it was taken; if not, it may be there or not, and is for another way.
        """
        begin = time.monotonic()
        if begin < self._from:
            return False
        try:
            piece = self.prepare([row])
        except (TypeError, ValueError):
            return False
        if piece is None:
            return False
        try:
            self.write(piece)
        except OSError:
            self.drop()
            return False
        took = time.monotonic() - begin
        if took > SLOW_S or self._slow_ones:
            self._note(begin, took)
        self.keep(piece)
        return True

    def prepare(self, rows: Sequence[Row]) -> Piece | None:
        """Return the piece for the first of some rows, as many as there is room for.

        Nothing is taken by that: :meth:`write` it, in any thread, then :meth:`keep` it, and prepare
        nothing else meanwhile.

        Returns:
            None if there is no room at all.

        Raises:
            TypeError, ValueError: One of them cannot be an entry, or is larger than one may be.
        """
        if not self.takes:
            return None
        entries: list[bytes] = []
        room, use = form.HALF_BYTES - self._at, self._uses[self._half]
        for place, row in enumerate(rows, self._place):
            made = form.entry(form.body_of(row), use, place)
            size = len(made)
            if size > ENTRY_BYTES:
                raise ValueError("the row is too large for an entry")
            room -= size
            if room < 0:
                break
            entries.append(made)
        if not entries:
            return None
        at = form.begin_of(self._half) + self._at
        self._is_writing = True
        return Piece(at, b"".join(entries), list(rows[: len(entries)]))

    def write(self, piece: Piece) -> None:
        """Write a piece; it is on disk when this returns.

        Raises:
            OSError: It may be there or not; nothing more is taken.
        """
        try:
            os.pwrite(self._file, piece.data, piece.at)
            os.fdatasync(self._file)
        except OSError as error:
            # The system may take the next sync for a success although this one's data are gone.
            self._is_broken = True
            logger.error("the journal of calls is not used any more: %s", error)
            raise

    def keep(self, piece: Piece) -> None:
        """Take the rows of a piece that was written."""
        self._is_writing = False
        self._at += len(piece.data)
        self._place += len(piece.rows)
        self._rows += piece.rows

    def drop(self) -> None:
        """Take nothing of a piece whose writing failed."""
        self._is_writing = False

    def turn(self) -> list[Row]:
        """Return the rows that wait, to be moved, and let the other half take those to come.

        There are none to be had before those of the last time were cleared, and while a piece is
        being written.
        """
        if self._turned is not None or not self._rows or self._is_writing:
            return []
        self._turned, self._rows = self._rows, []
        self._open(1 - self._half)
        return self._turned

    def clear(self) -> None:
        """Forget the rows of the last :meth:`turn`, or those left behind: the database has them.

        Raises:
            OSError: The next start may find them again; nothing more is taken.
        """
        try:
            if self._is_left_behind:
                self._make_whole()
            else:
                self._empty(1 - self._half)
        except OSError:
            self._is_broken = True
            raise
        finally:
            self._turned = None

    def close(self) -> None:
        """Close the file; what was not moved is found by the next one."""
        os.close(self._file)
        self._is_broken = True

    def _note(self, begin: float, took: float) -> None:
        """Leave a disk alone for a while that was slow several times."""
        self._slow_s = self._slow_s + took if took > SLOW_S else 0.0
        self._slow_ones = self._slow_ones + 1 if took > SLOW_S else 0
        if self._slow_ones >= SLOW_ONES:
            self._from = begin + took + SLOW_PAUSE * self._slow_s
            self._slow_ones, self._slow_s = 0, 0.0

    def _open(self, half: int) -> None:
        self._half = half
        self._at = self._place = 0

    def _empty(self, half: int) -> None:
        """Make the entries of a half void."""
        use = max(self._uses) + 1
        for at, slot in form.slots_of(half, use):
            os.pwrite(self._file, slot, at)
        self._uses[half] = use

    def _make_whole(self) -> None:
        """Give the file its length and its blocks, with nothing in it that counts."""
        if not self._is_whole:
            _fill(self._file, self.path.parent)
        for half in range(form.HALVES):
            self._empty(half)
        os.fsync(self._file)
        self._is_left_behind = False
        self._open(0)


def _found(content: bytes) -> list[form.Found]:
    if form.is_old(content):
        return list(form.read_old(content))
    return form.read_halves(content)


def _read(file: int) -> bytes:
    size = os.fstat(file).st_size
    pieces, at = [], 0
    while at < size:
        piece = os.pread(file, size - at, at)
        if not piece:
            break
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


def _fill(file: int, folder: Path) -> None:
    """Give the file its full length for ever; its blocks and its name outlast a power cut."""
    for at in range(0, form.FILE_BYTES, form.HALF_BYTES):
        piece = bytes(min(form.HALF_BYTES, form.FILE_BYTES - at))
        if os.pwrite(file, piece, at) < len(piece):
            raise OSError("there is no room for it")
    os.ftruncate(file, form.FILE_BYTES)
    os.fsync(file)
    above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(above)
    finally:
        os.close(above)
