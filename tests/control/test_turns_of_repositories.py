"""Repositories are read a few at a time, and nobody waits for a turn without an end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.bundles.repositories import Fetched
from headrace.control import repositories
from headrace.core.errors import Unavailable
from headrace.core.repositories import Repository
from headrace.core.scopes import SERVER

WANTED = Repository("https://example.org/a.git", deploy_key="-----BEGIN PRIVATE KEY-----")


class Slow:
    """Repositories that come when they are let, as a server that does not answer."""

    def __init__(self) -> None:
        self.may_come = threading.Event()
        self.left = 0

    @contextlib.contextmanager
    def fetch(self, *_: Any) -> Iterator[Fetched]:
        self.may_come.wait(30)
        yield Fetched(Path("/nowhere"), "a" * 40)
        assert threading.current_thread() is not threading.main_thread()
        self.left += 1


async def read(verb: repositories.Repositories) -> str:
    async with verb.fetched(SERVER, WANTED, None, "main.py") as fetched:
        return fetched.commit_id


async def test_who_waits_too_long_for_a_turn_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repositories, "TURN_S", 0.2)
    slow = Slow()
    verb = repositories.Repositories(slow, None)  # type: ignore[arg-type]  # no project is asked
    first = [asyncio.create_task(read(verb)) for _ in range(repositories.AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="repositories are being read"):
        await read(verb)
    slow.may_come.set()
    assert await asyncio.gather(*first) == ["a" * 40] * repositories.AT_ONCE
    assert await read(verb) == "a" * 40


async def test_one_that_is_given_up_keeps_its_turn_until_its_thread_has_ended() -> None:
    slow = Slow()
    verb = repositories.Repositories(slow, None)  # type: ignore[arg-type]  # no project is asked
    given_up = asyncio.create_task(read(verb))
    await asyncio.sleep(0.05)
    given_up.cancel()
    slow.may_come.set()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert slow.left == 1
