"""Transactions of tokens and of the users behind them."""

from __future__ import annotations

from sqlalchemy import Connection

from headrace.core.clock import now
from headrace.core.errors import AlreadyExists, InUse, NotFound, Unauthenticated
from headrace.core.names import new_id
from headrace.core.tokens import TokenInfo, User, token_digest
from headrace.store import executions as execution_rows
from headrace.store import tokens as rows
from headrace.store.moments import to_us


def create_first_user(connection: Connection) -> User:
    """Return the first user, who is made if there is none yet."""
    user = rows.first_user(connection)
    if user is None:
        user = User(new_id(), "admin", "admin@localhost")
        rows.add_user(connection, user, to_us(now()))
    return user


def add(connection: Connection, name: str, token: str, user: User | None) -> None:
    """Insert a token of a user, or of the first one.

    Raises:
        AlreadyExists: Its name is taken.
    """
    if rows.token_by_name(connection, name) is not None:
        raise AlreadyExists(f"There is a token named {name!r} already: choose another name.")
    owner = user or create_first_user(connection)
    rows.add_token(connection, TokenInfo(new_id(), name, owner, now()), token_digest(token))


def remove(connection: Connection, name: str) -> None:
    """Delete a token.

    Raises:
        NotFound: There is no such token.
        InUse: It is the last one.
    """
    tokens = rows.all_tokens(connection)
    token = next((token for token in tokens if token.name == name), None)
    if token is None:
        raise NotFound(f"There is no token named {name!r}.")
    if len(tokens) == 1:
        raise InUse(f"{name!r} is the last token: create another one before you revoke it.")
    rows.remove_token(connection, token.id)


def user_of_token(connection: Connection, token_id: str) -> User:
    """Return the user of a token; raises Unauthenticated if it was revoked."""
    info = rows.token_by_id(connection, token_id)
    if info is None:
        raise Unauthenticated("The SDK token behind this access token was revoked.")
    return info.user


def user_of_execution(connection: Connection, execution_id: str) -> User:
    """Return in whose name an execution runs; raises Unauthenticated once it has ended."""
    execution = execution_rows.execution_by_id(connection, execution_id)
    if execution is None or execution.status.is_terminal:
        raise Unauthenticated("The execution that this token belongs to has ended.")
    return user_of(connection, execution.created_by)


def user_of(connection: Connection, user_id: str) -> User:
    """Return a user; raises Unauthenticated if there is none."""
    user = rows.user_by_id(connection, user_id)
    if user is None:
        raise Unauthenticated("The user in whose name this code acts is gone.")
    return user
