"""Rows of users and of their passwords."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from headrace.core.tokens import User
from headrace.core.users import Account, folded
from headrace.store.moments import from_us, to_us
from headrace.store.tables import passwords, removed_users, users

_ACCOUNTS = select(users, passwords.c.hash).outerjoin(passwords)


def add_user(connection: Connection, user: User, at: datetime) -> None:
    """Insert a user."""
    connection.execute(
        insert(users).values(id=user.id, name=user.name, email=user.email, created_at=to_us(at))
    )


def first_user(connection: Connection) -> User | None:
    """Return the user that was made first, or None if there is none yet."""
    row = connection.execute(select(users).order_by(users.c.created_at).limit(1)).one_or_none()
    return None if row is None else _user(row)


def known_user(connection: Connection, user_id: str) -> User | None:
    """Return a user, present or removed, or None if there never was one of this id."""
    for table in (users, removed_users):
        row = connection.execute(select(table).where(table.c.id == user_id)).one_or_none()
        if row is not None:
            return _user(row)
    return None


def all_accounts(connection: Connection) -> list[Account]:
    """Return all users, oldest first."""
    rows = connection.execute(_ACCOUNTS.order_by(users.c.created_at, users.c.id))
    return [Account(_user(row), from_us(row.created_at), row.hash is not None) for row in rows]


def user_called(connection: Connection, identity: str) -> tuple[User, str | None] | None:
    """Return the user of a name or an e-mail address with the hash of the password, or None.

    Letters of all alphabets are compared here, because SQL knows upper and lower case of a few.
    """
    wanted = folded(identity)
    for row in connection.execute(_ACCOUNTS):
        if wanted in {folded(row.name), folded(row.email)}:
            return _user(row), row.hash
    return None


def password_of(connection: Connection, user_id: str) -> str | None:
    """Return the hash of a user's password, or None."""
    query = select(passwords.c.hash).where(passwords.c.user_id == user_id)
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def set_password(connection: Connection, user_id: str, hashed: str, at: datetime) -> None:
    """Give a user a password in place of the one that it had."""
    connection.execute(delete(passwords).where(passwords.c.user_id == user_id))
    connection.execute(insert(passwords).values(user_id=user_id, hash=hashed, changed_at=to_us(at)))


def remove_user(connection: Connection, user: User, at: datetime) -> None:
    """Delete a user with password and sessions, and keep by whose name records call it."""
    connection.execute(delete(users).where(users.c.id == user.id))
    connection.execute(
        insert(removed_users).values(
            id=user.id, name=user.name, email=user.email, removed_at=to_us(at)
        )
    )


def _user(row: Any) -> User:
    return User(row.id, row.name, row.email)
