"""Users: who may come in, and by which password."""

from __future__ import annotations

from collections.abc import Callable

from headrace.control.passwords import Passwords
from headrace.control.transactions import users as records
from headrace.control.trying import count_try, give_back
from headrace.core.errors import PermissionDenied
from headrace.core.names import new_id
from headrace.core.scopes import Scope
from headrace.core.tokens import User
from headrace.core.tries import OF_BROWSER, Tries
from headrace.core.users import (
    Account,
    address_of,
    check_email,
    check_password,
    check_user_name,
)
from headrace.store import users as rows
from headrace.store.database import Database


class Users:
    """The users of a server.

    Args:
        database: Their records.
        passwords: Hashes passwords.
        forget_tokens: Called when tokens have ended.
    """

    def __init__(
        self, database: Database, passwords: Passwords, forget_tokens: Callable[[], None]
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._forget_tokens = forget_tokens
        self._tries = Tries(OF_BROWSER)

    async def all(self, scope: Scope) -> list[Account]:
        """Return all users, oldest first."""
        return await self._database.read(rows.all_accounts)

    async def name_of(self, scope: Scope, user_id: str) -> str:
        """Return the name of a user, who may have been removed; the id if there never was one."""
        user = await self._database.read(rows.known_user, user_id)
        return user_id if user is None else user.name

    async def create(self, scope: Scope, name: object, password: object, email: object) -> User:
        """Create a user, and return it.

        Args:
            scope: The caller.
            name: Name by which it signs in.
            password: Its first password.
            email: Its address, or None.

        Raises:
            InvalidName, InvalidValue: The name, the address or the password cannot be used.
            AlreadyExists: Somebody has the name or the address.
            Overloaded: Too many passwords wait for their turn.
        """
        checked = check_user_name(name)
        address = address_of(checked) if email is None else check_email(email)
        user = User(new_id(), checked, address)
        text = check_password(password, user)
        await self._database.read(records.check_free, user)
        hashed = await self._passwords.hash(text)
        await self._database.write(records.create, user, hashed)
        return user

    async def set_password(
        self, scope: Scope, name: str, password: object, current: object = None
    ) -> User:
        """Give a user another password. It ends the user's sessions but for the caller's.

        Args:
            scope: The caller.
            name: Name or address of the user.
            password: The new password.
            current: The password until now. A person at a browser has to know it, to change
                the person's own: the browser may have been left alone.

        Raises:
            NotFound: There is no such user.
            InvalidValue: The password cannot be used.
            PermissionDenied: The current password is missing or wrong.
            Unauthenticated: The caller's session has ended meanwhile.
            TooManyTries: It was wrong too often.
            Overloaded: Too many passwords wait for their turn.
        """
        user = await self._database.read(records.user_called, name)
        text = check_password(password, user)
        if scope.session is not None and scope.caller == user:
            await self._check_current(user, current)
        hashed = await self._passwords.hash(text)
        await self._database.write(records.set_password, user, hashed, scope.session)
        return user

    async def remove(self, scope: Scope, name: str) -> tuple[User, list[str]]:
        """Remove a user; return it, and the names of its tokens, which end with it.

        What it has deployed goes on, and records still say its name.

        Raises:
            NotFound: There is no such user.
            Conflict: It is the caller.
            InUse: It has all tokens that there are.
        """
        removed = await self._database.write(records.remove, name, scope.caller)
        self._forget_tokens()
        return removed

    async def _check_current(self, user: User, current: object) -> None:
        hashed = await self._database.read(rows.password_of, user.id)
        if hashed is None:
            return
        counted = [(self._tries, user.id)]
        count_try(counted)
        text = current if isinstance(current, str) else ""
        if not await self._passwords.matches(hashed, text, is_known=True):
            raise PermissionDenied("The current password (current_password) is missing or wrong.")
        give_back(counted)
