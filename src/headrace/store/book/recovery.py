"""Calls that an earlier server answered and did not move to the database."""

from __future__ import annotations

import logging
from pathlib import Path

from headrace.core.errors import Unavailable
from headrace.store.book.database import DatabaseBook, keep
from headrace.store.book.journal import JournalBook
from headrace.store.book.journal_file import Journal
from headrace.store.book.ladder import Ladder
from headrace.store.database import Database

logger = logging.getLogger(__name__)


async def open_book(path: Path, database: Database) -> Ladder:
    """Return the book of answered calls: the journal if there can be one, then the database.

    Raises:
        Unavailable: As by :func:`take_up`.
    """
    file = await take_up(path, database)
    journal = [] if file is None else [JournalBook(file, database)]
    return Ladder([*journal, DatabaseBook(database)])


async def take_up(path: Path, database: Database) -> Journal | None:
    """Open the journal, and move what an earlier server left in it to the database.

    Returns:
        The journal, or None if there can be none: then all calls are recorded in the other way.

    Raises:
        Unavailable: What is in the journal cannot be read, or the database does not take it.
    """
    try:
        journal = Journal(path)
    except OSError as error:
        if Journal.may_have_rows(path):
            raise Unavailable(
                f"The calls in {path} cannot be read: {error}. See to it that this user may read "
                "and write the file."
            ) from error
        logger.warning("there is no journal of calls: %s", error)
        return None
    try:
        _say_damage(journal)
        rows = journal.left_behind
        if rows:
            await keep(database, rows)
            logger.info("%d calls were taken from the journal", len(rows))
        journal.clear()
    except OSError as error:
        journal.close()
        logger.warning("there is no journal of calls: %s", error)
        return None
    except BaseException:
        journal.close()
        raise
    return journal


def _say_damage(journal: Journal) -> None:
    """Log the damage of the journal, as nobody can find it out later."""
    if journal.lost:
        logger.error(
            "%s was damaged: %d calls that were answered are lost, %d others were found",
            journal.path,
            journal.lost,
            len(journal.left_behind),
        )
    if journal.is_torn:
        logger.warning(
            "the last entry of %s is not whole: the power went while it was written, and its call "
            "was not answered; or the file was damaged, and a call is lost",
            journal.path,
        )
