"""Calls that an earlier server answered and did not move to the database."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from headrace.core.errors import Unavailable
from headrace.store.book import rows as warm
from headrace.store.book.journal_file import Journal
from headrace.store.database import Database
from headrace.store.execution_row import Row

logger = logging.getLogger(__name__)


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
            await _move(rows, database)
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
    """Say what of the journal is damaged, as nobody can find it out later."""
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


async def _move(rows: Sequence[Row], database: Database) -> None:
    """Move rows together; if one of them cannot be, each by itself, so that a server starts."""
    try:
        await database.write(warm.record, warm.Records(rows), is_repeated=True)
    except Unavailable:
        raise
    except Exception:
        logger.exception("%d calls of the journal could not be recorded together", len(rows))
        for row in rows:
            try:
                await database.write(warm.record, warm.Records([row]), is_repeated=True)
            except Unavailable:
                raise
            except Exception:
                logger.exception("call %s could not be recorded", row[0])
    logger.info("%d calls were taken from the journal", len(rows))
