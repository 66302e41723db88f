"""Calls that an earlier server answered and did not move to the database."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from headrace.core.errors import Unavailable
from headrace.store import warm
from headrace.store.database import Database
from headrace.store.journal import Journal

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
        rows = journal.left_behind
        if rows:
            await _move(rows, database)
    except BaseException:
        journal.close()
        raise
    journal.clear()
    return journal


async def _move(rows: Sequence[warm.Row], database: Database) -> None:
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
