"""What becomes of users in the database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from tests.records import database_at

from headrace.control.passwords import AT_ONCE, KEPT_FOR_KNOWN, MOST_WAITING, Passwords
from headrace.control.sealing import Keys
from headrace.control.sessions import Sessions
from headrace.control.sign_in import SignIn, Visitor
from headrace.control.tokens import Tokens
from headrace.control.transactions.tokens import user_of
from headrace.control.transactions.users import set_password
from headrace.control.users import Users
from headrace.core.errors import (
    InUse,
    Overloaded,
    PermissionDenied,
    TooManyTries,
    Unauthenticated,
    Unavailable,
)
from headrace.core.scopes import SERVER, scope_of_user
from headrace.core.tries import OF_ADDRESS, OF_BROWSER, OF_NAME, Tries
from headrace.store.users import password_of

PASSWORD = "eleven blue horses"
OTHER = "twelve green horses"
HERE = Visitor("192.0.2.1")


def cheap() -> Passwords:
    """Hash for real, in less than a millisecond."""
    return Passwords(time_cost=1, memory_kib=8)


class House:
    """Users with what belongs to them, in a database of their own."""

    def __init__(self, path: Path) -> None:
        keys = Keys(b"k" * 32)
        self.database = database_at(path)
        self.tokens = Tokens(self.database, keys)
        self.sessions = Sessions(self.database, keys)
        self.passwords = cheap()
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
    with pytest.raises(TooManyTries):
        await guess(partial(house.users.set_password, scope, "ada", OTHER, OTHER))
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


async def guess(trying: Callable[[], Awaitable[object]]) -> None:
    """Try again and again what is wrong each time."""
    for _ in range(100):
        with contextlib.suppress(Unauthenticated, PermissionDenied):
            await trying()


def strangers() -> Iterator[Visitor]:
    """Return browsers of people who never came before, each from an address of its own."""
    return (Visitor(f"198.51.{number // 250}.{number % 250}") for number in count())


async def test_strangers_keep_strangers_out_and_not_the_owner(house: House) -> None:
    ada = await house.users.create(SERVER, "ada", PASSWORD, "ada@example.com")
    await house.users.create(SERVER, "eve", PASSWORD, None)
    own = Visitor("192.0.2.7", (await house.sign_in.with_password("ada", PASSWORD, HERE)).mark)
    eves = Visitor("192.0.2.8", (await house.sign_in.with_password("eve", PASSWORD, HERE)).mark)
    others = strangers()
    for number in range(OF_NAME.in_a_row):
        with pytest.raises(Unauthenticated):
            await house.sign_in.with_password(("ada", " ADA")[number % 2], OTHER, next(others))
    forged = Visitor("192.0.2.9", f"{own.mark[:-1]}{'1' if own.mark.endswith('0') else '0'}")
    for visitor in (next(others), eves, forged, Visitor("192.0.2.9", f"{ada.id}."), HERE):
        with pytest.raises(TooManyTries):
            await house.sign_in.with_password("ada", PASSWORD, visitor)
    with pytest.raises(Unauthenticated):
        await house.sign_in.with_password("ada", OTHER, own)
    await house.sign_in.with_password("ADA@example.com", PASSWORD, own)
    with pytest.raises(TooManyTries):
        await guess(partial(house.sign_in.with_password, "ada", OTHER, own))


async def test_a_name_that_nobody_has_is_kept_out_in_the_same_way(house: House) -> None:
    await house.users.create(SERVER, "ada", PASSWORD, None)
    refused = []
    for name in ("ada", "nobody"):
        others = strangers()
        for _ in range(OF_NAME.in_a_row):
            with pytest.raises(Unauthenticated) as wrong:
                await house.sign_in.with_password(name, OTHER, next(others))
        with pytest.raises(TooManyTries) as often:
            await house.sign_in.with_password(name, OTHER, next(others))
        refused.append((wrong.value.message, often.value.message))
        house.sign_in._of_address = Tries(OF_ADDRESS)
    assert refused[0] == refused[1]


async def test_a_password_that_changes_while_it_is_checked_opens_nothing(house: House) -> None:
    ada = await house.users.create(SERVER, "ada", PASSWORD, None)
    hashed = await house.database.read(password_of, ada.id)
    await house.users.set_password(SERVER, "ada", OTHER)
    with pytest.raises(Unauthenticated, match="just been changed"):
        await house.sessions.open(ada.id, hashed=hashed)
    with pytest.raises(Unauthenticated):
        await house.sessions.open(ada.id)
    with pytest.raises(Unauthenticated):
        await house.sessions.open(ada.id, sdk_token_id="revoked")


async def test_a_session_that_ends_while_its_password_is_hashed_changes_none(house: House) -> None:
    ada = await house.users.create(SERVER, "ada", PASSWORD, None)
    opened = await house.sign_in.with_password("ada", PASSWORD, HERE)
    scope = (await house.sessions.of(opened.token)).scope
    # Somebody else sets another one first.
    await house.users.set_password(SERVER, "ada", OTHER)
    with pytest.raises(Unauthenticated, match="not signed in any more"):
        await house.database.write(set_password, ada, "hash of a thief", scope.session)
    await house.sign_in.with_password("ada", OTHER, HERE)


async def test_removal_ends_sessions(house: House) -> None:
    await house.tokens.create(SERVER, "first")
    await house.users.create(SERVER, "ada", PASSWORD, None)
    session = await house.sign_in.with_token(await house.tokens.create(SERVER, "mine", "ada"), HERE)
    await house.sessions.of(session)
    ada = (await house.sessions.of(session)).scope.user
    await house.users.remove(SERVER, "ada")
    with pytest.raises(Unauthenticated):
        await house.sessions.of(session)
    # Code that was deployed by the user goes on in the same name.
    assert await house.database.read(user_of, ada.id) == ada
    assert await house.users.name_of(SERVER, ada.id) == "ada"
    assert await house.users.name_of(SERVER, "of-nobody") == "of-nobody"


async def test_nothing_matches_where_there_is_no_password() -> None:
    passwords = cheap()
    hashed = await passwords.hash("Zoë's twelve horses")
    assert await passwords.matches(hashed, "Zoe\u0308's twelve horses")
    assert not await passwords.matches(hashed, "zoë's twelve horses")
    assert not await passwords.matches(None, PASSWORD)
    assert not await passwords.matches("no hash", PASSWORD)


def test_the_stand_in_takes_as_long_as_a_real_hash() -> None:
    passwords = Passwords()
    assert not passwords._hasher.check_needs_rehash(passwords._nobody)


async def test_a_flood_is_turned_away_and_two_are_hashed_at_once() -> None:
    passwords = cheap()
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


def test_hashing_keeps_the_priority_of_a_server_that_has_a_lower_one() -> None:
    """To raise it, which only root may, would end the threads: nobody could sign in."""
    hashes = (
        "import asyncio, os\n"
        "from headrace.control.passwords import Passwords\n"
        "os.nice(10)\n"
        "made = Passwords(1, 8)\n"
        "asyncio.run(made.hash('eleven blue horses'))\n"
        "(thread,) = made._threads._threads\n"
        "print(os.getpriority(os.PRIO_PROCESS, thread.native_id))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", hashes], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) >= 10


async def test_a_session_is_good_when_its_use_cannot_be_written_down(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, which somebody then looks for in the console."""
    token = await house.sign_in.with_token(await house.tokens.create(SERVER, "first"), HERE)

    async def refused(*_: object) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr("headrace.control.sessions.SEEN_EVERY", timedelta(seconds=-1))
    monkeypatch.setattr(house.database, "write", refused)
    assert (await house.sessions.of(token)).scope
