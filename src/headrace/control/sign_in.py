"""Signing in with a browser: by name and password, or by an SDK token, and not too often."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hmac import digest as signature

from headrace.control.passwords import Passwords
from headrace.control.sealing import Keys
from headrace.control.sessions import Sessions
from headrace.control.trying import Counted, count_try, give_back
from headrace.core.errors import Unauthenticated
from headrace.core.tokens import User, same_token, token_digest
from headrace.core.tries import OF_ADDRESS, OF_BROWSER, OF_NAME, Tries, neighbourhood
from headrace.core.users import folded
from headrace.store import tokens as token_rows
from headrace.store import users as user_rows
from headrace.store.database import Database


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser before anybody has signed in.

    Attributes:
        address: Network address that it comes from.
        mark: What it was given when somebody signed in by a password, or nothing.
    """

    address: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was opened.

    Attributes:
        token: Token of the session.
        mark: What the browser keeps, so that others cannot use up its user's tries.
    """

    token: str
    mark: str


class SignIn:
    """The way in for people.

    A try by password counts for the address and for the name, known or unknown alike. Strangers
    can use up the tries of a name, so a browser that has signed in by it before has tries of its
    own. A right SDK token always comes in: it cannot be guessed, and is the way in for whoever is
    kept out by the tries of others.
    """

    def __init__(
        self, database: Database, keys: Keys, passwords: Passwords, sessions: Sessions
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._mark_key = keys.derive("browsers")
        self._of_address = Tries(OF_ADDRESS)
        self._of_name = Tries(OF_NAME)
        self._of_browser = Tries(OF_BROWSER)

    async def with_password(self, identity: str, password: str, visitor: Visitor) -> Opened:
        """Open a session for whoever knows a user's password.

        Args:
            identity: Name or e-mail address.
            password: The password.
            visitor: The browser.

        Raises:
            Unauthenticated: There is no such user, or it has another password.
            TooManyTries: There were too many tries.
            Overloaded: Too many passwords wait for their turn.
        """
        known = await self._database.read(user_rows.user_called, identity)
        user, hashed = known or (None, None)
        is_known = user is not None and self._is_mark_of(user, visitor.mark)
        counted = self._counted(identity, visitor, is_known=is_known)
        count_try(counted)
        is_right = False
        try:
            is_right = await self._passwords.matches(hashed, password, is_known=is_known)
        except BaseException:
            # Nothing was learnt from this try.
            give_back(counted)
            raise
        if user is None or not is_right:
            raise Unauthenticated("The name or the password is wrong.")
        give_back(counted)
        return Opened(await self._sessions.open(user.id, hashed=hashed), self._mark_of(user))

    async def with_token(self, sdk_token: str, visitor: Visitor) -> str:
        """Open a session for whoever has an SDK token; it ends when the token is revoked.

        Returns:
            Token of the session.

        Raises:
            Unauthenticated: The SDK token is not valid.
            TooManyTries: It is not, and there were too many tries.
        """
        info = await self._database.read(token_rows.token_by_digest, token_digest(sdk_token))
        if info is None:
            count_try([(self._of_address, neighbourhood(visitor.address))])
            raise Unauthenticated("The SDK token is not valid: it is unknown or was revoked.")
        return await self._sessions.open(info.user.id, sdk_token_id=info.id)

    def _counted(self, identity: str, visitor: Visitor, *, is_known: bool) -> Counted:
        """Return where a try by password counts."""
        if is_known:
            return [(self._of_browser, visitor.mark)]
        return [
            (self._of_address, neighbourhood(visitor.address)),
            (self._of_name, folded(identity)),
        ]

    def _mark_of(self, user: User) -> str:
        return self._signed(f"{user.id}.{secrets.token_urlsafe(12)}")

    def _is_mark_of(self, user: User, mark: str) -> bool:
        text, _, _ = mark.rpartition(".")
        return text.startswith(f"{user.id}.") and same_token(mark, self._signed(text))

    def _signed(self, text: str) -> str:
        return f"{text}.{signature(self._mark_key, text.encode(), 'sha256').hex()}"
