"""Transactions of users."""

from __future__ import annotations

from sqlalchemy import Connection

from headrace.core.clock import now
from headrace.core.errors import AlreadyExists, Conflict, InUse, NotFound, Unauthenticated
from headrace.core.tokens import User
from headrace.store import sessions as session_rows
from headrace.store import tokens as token_rows
from headrace.store import users as rows


def user_called(connection: Connection, identity: str) -> User:
    """Return the user of a name or an e-mail address.

    Raises:
        NotFound: There is none.
    """
    known = rows.user_called(connection, identity)
    if known is None:
        raise NotFound(f"There is no user named {identity!r}.")
    return known[0]


def check_free(connection: Connection, user: User) -> None:
    """Check that nobody has the name or the address of a new user.

    Raises:
        AlreadyExists: Somebody has.
    """
    if rows.user_called(connection, user.name) is not None:
        raise AlreadyExists(f"There is a user named {user.name!r} already: choose another name.")
    if rows.user_called(connection, user.email) is not None:
        raise AlreadyExists(
            f"There is a user with the email {user.email!r} already: give another one."
        )


def create(connection: Connection, user: User, hashed: str) -> None:
    """Insert a user with a password.

    Raises:
        AlreadyExists: Somebody has the name or the address.
    """
    check_free(connection, user)
    at = now()
    rows.add_user(connection, user, at)
    rows.set_password(connection, user.id, hashed, at)


def set_password(connection: Connection, user: User, hashed: str, keep: str | None) -> None:
    """Give a user another password, and end the sessions of that user but for one.

    Args:
        connection: Of the database.
        user: The user.
        hashed: Hash of the password.
        keep: Digest of the session that asks for it, or None if none does.

    Raises:
        Unauthenticated: That session has ended meanwhile, as when somebody else set the password.
        NotFound: The user was removed meanwhile.
    """
    if keep is not None and session_rows.session_by_digest(connection, keep) is None:
        raise Unauthenticated("You are not signed in any more: sign in again.")
    if user_called(connection, user.name).id != user.id:
        raise NotFound(f"There is no user named {user.name!r} any more.")
    rows.set_password(connection, user.id, hashed, now())
    session_rows.remove_sessions(connection, user.id, keep)


def remove(connection: Connection, identity: str, caller: User | None) -> tuple[User, list[str]]:
    """Remove a user with tokens and sessions; return the user and the names of the tokens.

    Raises:
        NotFound: There is no such user.
        Conflict: It is the caller.
        InUse: The user has all tokens that there are, without which no program could come in.
    """
    user = user_called(connection, identity)
    if caller is not None and caller.id == user.id:
        raise Conflict(f"You are {user.name}, and cannot remove yourself: another user can.")
    tokens = token_rows.tokens_of(connection, user.id)
    if len(tokens) == len(token_rows.all_tokens(connection)):
        raise InUse(
            f"All SDK tokens that there are belong to {user.name}, and would end: create one of "
            "your own first."
        )
    for token in tokens:
        token_rows.remove_token(connection, token.id)
    rows.remove_user(connection, user, now())
    return user, [token.name for token in tokens]
