"""Why a data directory cannot be used, in one sentence, and what to do about it."""

from __future__ import annotations

import errno
import os
import pwd
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from headrace.core.errors import Unavailable

ELSEWHERE = "or choose another data directory with --data-dir"

_ADVICE = {
    errno.ENOSPC: f"Make room on its disk, {ELSEWHERE}.",
    errno.EDQUOT: f"Make room within the quota, {ELSEWHERE}.",
    errno.EROFS: f"Mount its file system writable, {ELSEWHERE}.",
    errno.ELOOP: f"Remove the symbolic link that leads back to itself, {ELSEWHERE}.",
    errno.ENOTDIR: f"Move away the file that is in the place of a folder, {ELSEWHERE}.",
    errno.EEXIST: f"Move away the file that is in the place of a folder, {ELSEWHERE}.",
    errno.EISDIR: f"Move away the folder that is in the place of a file, {ELSEWHERE}.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n), then try again.",
    errno.ENFILE: "Too many files are open on this machine: close some, then try again.",
    errno.EIO: f"Check the disk and the system's log, {ELSEWHERE}.",
}
_ANYTHING_ELSE = f"Mend that, {ELSEWHERE}."

_SQL_ADVICE = (
    ("disk is full", _ADVICE[errno.ENOSPC]),
    ("locked", "Another program holds it: end that one, then try again."),
    (
        "unable to open",
        f"See that it is a file which this user may read and write, {ELSEWHERE}.",
    ),
    ("readonly", f"See that this user may write to it and to its folder, {ELSEWHERE}."),
    ("disk I/O error", _ADVICE[errno.EIO]),
)
_SQL_OTHERWISE = f"It is damaged: restore it from a backup, {ELSEWHERE}."


def refusal(path: Path, error: OSError) -> Unavailable:
    """Return the error that says why a path of the data directory cannot be used.

    Args:
        path: What was to be used, if the error does not name a path itself.
        error: What the system said.
    """
    named = error.filename if isinstance(error.filename, str | os.PathLike) else path
    reason = (error.strerror or str(error)).lower()
    if error.errno in {errno.EACCES, errno.EPERM}:
        advice = _rights(Path(named))
    else:
        advice = _ADVICE.get(error.errno or 0, _ANYTHING_ELSE)
    return Unavailable(f"{named} cannot be used: {reason}. {advice}")


def damaged(path: Path, error: Exception) -> Unavailable:
    """Return the error that says why a database cannot be used."""
    reason = str(error.orig if isinstance(error, DBAPIError) else error)
    advice = next((then for words, then in _SQL_ADVICE if words in reason), _SQL_OTHERWISE)
    return Unavailable(f"The database {path} cannot be used: {reason}. {advice}")


@contextmanager
def in_plain_words(root: Path, database: Path) -> Iterator[None]:
    """Turn what the system or SQLite says of a data directory into one sentence with advice.

    Raises:
        Unavailable: Instead of an ``OSError`` or an error of the database.
    """
    try:
        yield
    except OSError as error:
        raise refusal(root, error) from error
    except (DBAPIError, sqlite3.Error) as error:
        raise damaged(database, error) from error


def _rights(path: Path) -> str:
    """Say whose a path is, and what to do for this user to be allowed to use it."""
    me = _name_of(os.geteuid())
    for place in (path, *path.parents):
        try:
            owner = place.stat().st_uid
        except OSError:
            continue
        if owner != os.geteuid():
            return (
                f"{place} belongs to {_name_of(owner)}, and this is {me}: start it as that user, "
                f"hand the folder over (chown -R), {ELSEWHERE}."
            )
        break
    return f"See that {me} may read and write it (chmod), {ELSEWHERE}."


def _name_of(user_id: int) -> str:
    try:
        return f"user {pwd.getpwuid(user_id).pw_name}"
    except KeyError:
        return f"user {user_id}"
