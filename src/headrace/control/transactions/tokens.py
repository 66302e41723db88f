"""Transactions of tokens and of the users behind them."""

from __future__ import annotations

from sqlalchemy import Connection

from headrace.control.transactions.users import user_called
from headrace.core.clock import now
from headrace.core.errors import AlreadyExists, InUse, NotFound, Unauthenticated
from headrace.core.names import new_id
from headrace.core.tokens import TokenInfo, User, token_digest
from headrace.core.users import FIRST_USER, address_of
from headrace.store import executions as execution_rows
from headrace.store import tokens as rows
from headrace.store import users as user_rows


def create_first_user(connection: Connection) -> User:
    """Return the first user, who is made if there is none yet."""
    user = user_rows.first_user(connection)
    if user is None:
        user = User(new_id(), FIRST_USER, address_of(FIRST_USER))
        user_rows.add_user(connection, user, now())
    return user


def add(
    connection: Connection, name: str, token: str, caller: User | None, owner: str | None = None
) -> None:
    """Insert a token of the user that is named, else of the caller, else of the first user.

    Raises:
        AlreadyExists: Its name is taken.
        NotFound: There is no such user.
    """
    if rows.token_by_name(connection, name) is not None:
        raise AlreadyExists(f"There is a token named {name!r} already: choose another name.")
    user = caller or create_first_user(connection)
    if owner is not None:
        user = user_called(connection, owner)
    rows.add_token(connection, TokenInfo(new_id(), name, user, now()), token_digest(token))


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
    """Return a user, who may have been removed; raises Unauthenticated if there was none.

    What a removed user has deployed goes on, in the name of that user.
    """
    user = user_rows.known_user(connection, user_id)
    if user is None:
        raise Unauthenticated("The user in whose name this code acts is gone.")
    return user
