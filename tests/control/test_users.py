"""What becomes of users in the database."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.control import passwords as passwords_module
from headrace.control.passwords import AT_ONCE, KEPT_FOR_KNOWN, MOST_WAITING, Passwords
from headrace.control.sealing import Keys
from headrace.control.sessions import Sessions
from headrace.control.sign_in import SignIn, Visitor
from headrace.control.tokens import Tokens
from headrace.control.users import Users
from headrace.core.errors import (
    InUse,
    Overloaded,
    PermissionDenied,
    TooManyTries,
    Unauthenticated,
)
from headrace.core.scopes import SERVER, scope_of_user
from headrace.core.tries import OF_BROWSER, Tries
from headrace.store.sqlite.database import SqliteDatabase
from headrace.store.sqlite.migrate import migrate

PASSWORD = "eleven blue horses"
OTHER = "twelve green horses"
HERE = Visitor("192.0.2.1")


class House:
    """Users with what belongs to them, in a database of their own."""

    def __init__(self, path: Path) -> None:
        migrate(path)
        keys = Keys(b"k" * 32)
        self.database = SqliteDatabase(path)
        self.tokens = Tokens(self.database, keys)
        self.sessions = Sessions(self.database, keys)
        self.passwords = Passwords()
        self.sign_in = SignIn(self.database, keys, self.passwords, self.sessions)
        self.users = Users(self.database, self.passwords, self.tokens.forget)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path / "headrace.db")
    yield made
    made.database.close()


async def test_who_has_the_only_tokens_is_not_removed(house: House) -> None:
    await house.tokens.create(SERVER, "first")
    await house.users.create(SERVER, "ada", PASSWORD, None)
    with pytest.raises(InUse, match="belong to admin"):
        await house.users.remove(SERVER, "admin")
    await house.tokens.create(SERVER, "second", "ada")
    user, ended = await house.users.remove(SERVER, "ADMIN@localhost")
    assert (user.name, ended) == ("admin", ["first"])
    assert [token.name for token in await house.tokens.all(SERVER)] == ["second"]


async def test_another_password_ends_the_other_sessions_of_its_user(house: House) -> None:
    token = await house.tokens.create(SERVER, "first")
    ada = await house.users.create(SERVER, "ada", PASSWORD, None)
    mine = await house.tokens.create(SERVER, "mine", "ada")
    own, other = [await house.sign_in.with_token(mine, HERE) for _ in range(2)]
    foreign = await house.sign_in.with_token(token, HERE)
    scope = (await house.sessions.of(own)).scope
    assert scope.user == ada
    for current in (None, "", OTHER, 7):
        with pytest.raises(PermissionDenied, match="current_password"):
            await house.users.set_password(scope, "ada", OTHER, current)

    async def guess() -> None:
        for _ in range(100):
            with contextlib.suppress(PermissionDenied):
                await house.users.set_password(scope, "ada", OTHER, OTHER)

    with pytest.raises(TooManyTries):
        await guess()
    house.users._tries = Tries(OF_BROWSER)
    await house.users.set_password(scope, "ada", OTHER, PASSWORD)
    await house.sessions.of(own)
    await house.sessions.of(foreign)
    with pytest.raises(Unauthenticated):
        await house.sessions.of(other)
    # Whoever does it for somebody else, or by an SDK token, needs no current one.
    await house.users.set_password(scope_of_user(ada), "ada", PASSWORD)
    with pytest.raises(Unauthenticated):
        await house.sessions.of(own)


async def test_removal_ends_sessions(house: House) -> None:
    await house.tokens.create(SERVER, "first")
    await house.users.create(SERVER, "ada", PASSWORD, None)
    session = await house.sign_in.with_token(await house.tokens.create(SERVER, "mine", "ada"), HERE)
    await house.sessions.of(session)
    await house.users.remove(SERVER, "ada")
    with pytest.raises(Unauthenticated):
        await house.sessions.of(session)


async def test_nothing_matches_where_there_is_no_password() -> None:
    passwords = Passwords()
    hashed = await passwords.hash("Zoë's twelve horses")
    assert await passwords.matches(hashed, "Zoe\u0308's twelve horses")
    assert not await passwords.matches(hashed, "zoë's twelve horses")
    assert not await passwords.matches(None, PASSWORD)
    assert not await passwords.matches("no hash", PASSWORD)


def test_the_stand_in_takes_as_long_as_a_real_hash() -> None:
    assert not Passwords()._hasher.check_needs_rehash(passwords_module._NOBODY)


async def test_a_flood_is_turned_away_and_two_are_hashed_at_once() -> None:
    passwords = Passwords()
    places = AT_ONCE + MOST_WAITING - KEPT_FOR_KNOWN
    flood = [passwords.matches(None, PASSWORD) for _ in range(places + 3)]
    known = [passwords.matches(None, PASSWORD, is_known=True) for _ in range(KEPT_FOR_KNOWN + 1)]
    answers = await asyncio.gather(*flood, *known, return_exceptions=True)
    refused = [isinstance(answer, Overloaded) for answer in answers]
    assert refused[: len(flood)].count(True) == 3
    assert refused[len(flood) :].count(True) == 1
    assert answers.count(False) == AT_ONCE + MOST_WAITING
    threads = [thread.native_id or 0 for thread in passwords._threads._threads]
    assert len(threads) == AT_ONCE
    assert 0 not in {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads}
    assert not await passwords.matches(None, PASSWORD)
