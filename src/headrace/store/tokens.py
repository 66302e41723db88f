"""Rows of SDK tokens."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from headrace.core.tokens import TokenInfo, User
from headrace.store.moments import from_us, to_us
from headrace.store.tables import sdk_tokens, users

_TOKENS = select(
    sdk_tokens.c.id,
    sdk_tokens.c.name,
    sdk_tokens.c.created_at,
    users.c.id.label("user_id"),
    users.c.name.label("user_name"),
    users.c.email,
).join(users)


def add_token(connection: Connection, token: TokenInfo, digest: str) -> None:
    """Insert an SDK token."""
    connection.execute(
        insert(sdk_tokens).values(
            id=token.id,
            user_id=token.user.id,
            name=token.name,
            digest=digest,
            created_at=to_us(token.created_at),
        )
    )


def token_by_digest(connection: Connection, digest: str) -> TokenInfo | None:
    """Return the token with this digest, or None.

    The look-up by digest needs no comparison in constant time: timing tells of digests alone, and
    a digest does not lead back to a token.
    """
    return _one(connection, sdk_tokens.c.digest == digest)


def token_by_id(connection: Connection, token_id: str) -> TokenInfo | None:
    """Return a token by its id, or None."""
    return _one(connection, sdk_tokens.c.id == token_id)


def token_by_name(connection: Connection, name: str) -> TokenInfo | None:
    """Return a token by its name, or None."""
    return _one(connection, sdk_tokens.c.name == name)


def all_tokens(connection: Connection) -> list[TokenInfo]:
    """Return all tokens, oldest first."""
    rows = connection.execute(_TOKENS.order_by(sdk_tokens.c.created_at))
    return [_token(row) for row in rows]


def tokens_of(connection: Connection, user_id: str) -> list[TokenInfo]:
    """Return the tokens of a user, oldest first."""
    mine = _TOKENS.where(users.c.id == user_id).order_by(sdk_tokens.c.created_at)
    return [_token(row) for row in connection.execute(mine)]


def remove_token(connection: Connection, token_id: str) -> None:
    """Delete a token."""
    connection.execute(delete(sdk_tokens).where(sdk_tokens.c.id == token_id))


def _one(connection: Connection, condition: ColumnElement[bool]) -> TokenInfo | None:
    row: Any = connection.execute(_TOKENS.where(condition)).one_or_none()
    return None if row is None else _token(row)


def _token(row: Any) -> TokenInfo:
    user = User(row.user_id, row.user_name, row.email)
    return TokenInfo(row.id, row.name, user, from_us(row.created_at))
