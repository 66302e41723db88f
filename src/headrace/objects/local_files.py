"""Files outside the store: the ones that become objects, and the copies of objects."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace.core.errors import InvalidRequest
from headrace.objects.disk import copy_range, translated

_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def may_be_moved(file: Path) -> bool:
    """Say whether a file can become an object as it is: nobody else may change it afterwards.

    Raises:
        InvalidRequest: It is missing, or is not a regular file.
    """
    try:
        status = check_regular(file.lstat(), file)
    except FileNotFoundError as error:
        raise _no_file(file) from error
    return status.st_nlink == 1 and status.st_uid == os.geteuid()


@contextmanager
def opened_regular(file: Path) -> Iterator[int]:
    """Open a file to be copied; a link or a pipe in its place is not followed.

    Raises:
        InvalidRequest: It is missing, or is not a regular file.
    """
    try:
        check_regular(file.lstat(), file)
        descriptor = os.open(file, _READ_FLAGS)
    except FileNotFoundError as error:
        raise _no_file(file) from error
    try:
        check_regular(os.fstat(descriptor), file)
        yield descriptor
    finally:
        os.close(descriptor)


def check_regular(status: os.stat_result, file: Path) -> os.stat_result:
    """Return the status of a file if it is a regular one; raises InvalidRequest."""
    if not stat.S_ISREG(status.st_mode):
        raise InvalidRequest(f"{file.name!r} is not a regular file and cannot be stored.")
    return status


def copy_out(source: int, to: Path, size: int) -> Generator[None]:
    """Copy an open file to a new file ``to``, or leave none; a file that is there is replaced."""
    try:
        target = new_file(to)
        try:
            yield from copy_range(source, target, size)
        except BaseException:
            to.unlink(missing_ok=True)
            raise
        finally:
            os.close(target)
    except OSError as error:
        raise translated(error, "the disk that the object is copied to") from error


def new_file(to: Path) -> int:
    """Return an open file for a copy of an object, in place of what is there; follows no link."""
    to.unlink(missing_ok=True)
    return os.open(to, _WRITE_FLAGS, 0o600)


def _no_file(file: Path) -> InvalidRequest:
    return InvalidRequest(f"There is no file {file.name!r} to store.")
