"""Rows of sessions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, or_, select, update

from headrace.core.sessions import IDLE, LIFETIME, MOST, SessionRecord
from headrace.core.tokens import User
from headrace.store.moments import from_us, to_us
from headrace.store.tables import sessions, users


def add_session(connection: Connection, session: SessionRecord) -> None:
    """Insert a session, and delete those that have ended, or are too many for its user."""
    now_us, at = to_us(session.created_at), session.created_at
    is_over = or_(
        sessions.c.seen_at <= to_us(at - IDLE), sessions.c.created_at <= to_us(at - LIFETIME)
    )
    too_many = (
        select(sessions.c.digest)
        .where(sessions.c.user_id == session.user_id)
        .order_by(sessions.c.seen_at.desc())
        .offset(MOST - 1)
    )
    connection.execute(delete(sessions).where(is_over))
    connection.execute(delete(sessions).where(sessions.c.digest.in_(too_many)))
    connection.execute(
        insert(sessions).values(
            digest=session.digest,
            user_id=session.user_id,
            sdk_token_id=session.sdk_token_id,
            created_at=now_us,
            seen_at=now_us,
        )
    )


def session_by_digest(connection: Connection, digest: str) -> tuple[SessionRecord, User] | None:
    """Return a session and its user, or None."""
    row = connection.execute(
        select(sessions, users.c.name, users.c.email).join(users).where(sessions.c.digest == digest)
    ).one_or_none()
    if row is None:
        return None
    created_at, seen_at = from_us(row.created_at), from_us(row.seen_at)
    record = SessionRecord(row.digest, row.user_id, row.sdk_token_id, created_at, seen_at)
    return record, User(row.user_id, row.name, row.email)


def note_use(connection: Connection, digest: str, at: datetime) -> None:
    """Write down that a session was used."""
    connection.execute(
        update(sessions).where(sessions.c.digest == digest).values(seen_at=to_us(at))
    )


def remove_sessions(connection: Connection, user_id: str, keep: str | None) -> None:
    """Delete the sessions of a user, but for the one that has the digest ``keep``."""
    others = delete(sessions).where(sessions.c.user_id == user_id)
    connection.execute(others if keep is None else others.where(sessions.c.digest != keep))


def remove_session(connection: Connection, digest: str) -> None:
    """Delete a session, if it is there."""
    connection.execute(delete(sessions).where(sessions.c.digest == digest))
