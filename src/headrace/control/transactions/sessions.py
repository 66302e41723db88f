"""Transactions of sessions."""

from __future__ import annotations

from sqlalchemy import Connection

from headrace.core.errors import Unauthenticated
from headrace.core.sessions import SessionRecord
from headrace.store import sessions as rows
from headrace.store import tokens as token_rows
from headrace.store import users as user_rows


def open_session(connection: Connection, session: SessionRecord, hashed: str | None) -> None:
    """Insert a session, if what it is opened with is still good.

    Args:
        connection: Of the database.
        session: The session.
        hashed: Hash of the password that was checked, or None if it was a token.

    Raises:
        Unauthenticated: The password was changed, the token revoked or the user removed meanwhile.
    """
    if session.sdk_token_id is not None:
        is_good = token_rows.token_by_id(connection, session.sdk_token_id) is not None
    else:
        is_good = hashed is not None and hashed == user_rows.password_of(
            connection, session.user_id
        )
    if not is_good:
        raise Unauthenticated("The password or token has just been changed: use the present one.")
    rows.add_session(connection, session)
