"""How many connections are open at once, who has to go, and what the others are told."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from tests.server.wire_of import Address, Peer, connected, post, serving

from headrace.core.errors import InvalidRequest
from headrace.server.connection_limits import connection_limits
from headrace.server.descriptors import MOST, RESERVED
from headrace.server.limits import (
    DEFAULT_CONNECTIONS,
    FRAMING_PER_BYTE,
    MAX_FRAMING_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_PIPELINED,
    MAX_TARGET_BYTES,
    MIN_BYTES_PER_S,
    HttpLimits,
)
from headrace.server.patience import LONGEST_PAUSE_S, UNREAD_FACTOR
from headrace.server.settings import Settings


@asynccontextmanager
async def crowd(address: Address, count: int, sent: bytes = b"") -> AsyncIterator[list[Peer]]:
    """So many connections, on each of which something was sent, and as long as the server waits."""
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(connected(address)) for _ in range(count)]
        for peer in peers:
            peer.send(sent)
        # Those that ask nothing are idle from then on.
        await asyncio.sleep(1.2)
        yield peers


async def asked(address: Address) -> int:
    async with connected(address) as peer:
        peer.send(post("/echo", b"a"))
        return (await peer.answer())[0]


async def test_idle_connections_make_room_for_those_that_ask() -> None:
    limits = HttpLimits(connections=20, per_address=20)
    async with serving(limits) as address, crowd(address, 20):
        for _ in range(3):
            assert await asked(address) == 200


async def test_a_connection_that_has_asked_stays_longer_than_one_that_never_did() -> None:
    limits = HttpLimits(connections=8, per_address=8)
    async with serving(limits) as address, connected(address) as old, crowd(address, 7):
        old.send(post("/echo", b"a"))
        assert (await old.answer())[0] == 200
        assert await asked(address) == 200
        old.send(post("/echo", b"b"))
        assert (await old.answer())[2]["body"] == "b"


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (HttpLimits(connections=10, per_address=10_000), 503),
        (HttpLimits(connections=10_000, per_address=10), 429),
    ],
    ids=["in total", "of one address"],
)
async def test_connections_beyond_the_limit_are_told_to_come_again(
    limits: HttpLimits, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """If all others are busy; and are taken again when there is room."""
    async with serving(limits) as address:
        with caplog.at_level(logging.WARNING, logger="headrace"):
            async with crowd(address, 10, post("/echo", b"ab")[:-1]):
                for _ in range(5):
                    async with connected(address) as late:
                        late.send(post("/echo", b"a"))
                        said, headers, answer = await late.answer()
                        assert (said, answer["name"]) == (status, "Overloaded")
                        assert headers["retry-after"] == "1"
                        assert await late.is_closed()
        assert len([line for line in caplog.messages if "connections:" in line]) == 1
        async with asyncio.timeout(30):
            while await asked(address) != 200:
                await asyncio.sleep(0.05)


async def test_a_burst_of_connections_gets_no_more_places_than_there_are() -> None:
    """All of them wait to be accepted when the server looks."""
    async with serving(HttpLimits(connections=10, per_address=10)) as address:
        sockets = [socket.create_connection(address) for _ in range(60)]
        begun = post("/echo", b"ab")[:-1]
        for made in sockets:
            made.sendall(begun)
        refused: set[int] = set()
        async with asyncio.timeout(30):
            while len(refused) < 50:
                # Those that are refused have been answered soon, all others not for long.
                await asyncio.sleep(0.3)
                refused.update(
                    number
                    for number, made in enumerate(sockets)
                    if number not in refused and is_refused(made)
                )
        for made in sockets:
            made.close()
        assert len(refused) == 50


def is_refused(made: socket.socket) -> bool:
    """Whether an answer has come to a connection: leave it there."""
    try:
        return made.recv(12, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b"HTTP/1.1 429"
    except BlockingIOError:
        return False


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    """So few descriptors that a test can use them up."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 60
    resource.setrlimit(resource.RLIMIT_NOFILE, (least, before[1]))
    yield least
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def all_descriptors() -> list[int]:
    """Take all descriptors that are left to this process."""
    taken: list[int] = []
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        return taken


async def test_a_server_without_descriptors_accepts_again_when_there_are_some(
    few_descriptors: int,
) -> None:
    del few_descriptors
    async with serving() as address:
        assert await asked(address) == 200
        # The client's end first: what is missing is missed by the server.
        async with AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(connected(address)) for _ in range(3)]
            taken = all_descriptors()
            os.close(taken.pop())
            late = await stack.enter_async_context(connected(address))
            late.send(post("/echo", b"late"))
            await asyncio.sleep(0.5)
            for peer in peers:
                peer.send(post("/echo", b"early"))
                assert (await peer.answer())[0] == 200
            for descriptor in taken:
                os.close(descriptor)
            assert (await late.answer())[2]["body"] == "late"
        assert await asked(address) == 200


@pytest.mark.parametrize(
    ("variables", "descriptors", "expected"),
    [
        ({}, 1024, (512, 384)),
        ({}, 65_536, (DEFAULT_CONNECTIONS, DEFAULT_CONNECTIONS * 3 // 4)),
        ({"MAX_CONNECTIONS": "100"}, 1024, (100, 75)),
        ({"MAX_CONNECTIONS": "5000"}, 1024, (896, 672)),
        ({"MAX_CONNECTIONS_PER_ADDRESS": "7"}, 1024, (512, 7)),
        ({"MAX_CONNECTIONS_PER_ADDRESS": "1000"}, 1024, (512, 512)),
        ({"MAX_CONNECTIONS": "1"}, 64, (1, 1)),
    ],
)
def test_limits_follow_settings_and_descriptors(
    variables: dict[str, str], descriptors: int, expected: tuple[int, int]
) -> None:
    settings = Settings.read({f"HEADRACE_{name}": text for name, text in variables.items()}, {})
    limits = connection_limits(settings, descriptors)
    assert (limits.connections, limits.per_address) == expected


@pytest.mark.parametrize("name", ["REQUEST_TIMEOUT_S", "IDLE_TIMEOUT_S", "MAX_CONNECTIONS"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match=name):
        Settings.read({f"HEADRACE_{name}": "0"}, {})


def test_the_guide_names_the_limits() -> None:
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs/guides/operating.md").read_text("utf-8")
    section = page.partition("\n## Connections\n")[2].partition("\n## ")[0]
    limits = HttpLimits()
    for said in (
        f"half as many as descriptors, at most {DEFAULT_CONNECTIONS:,}",
        f"| {MAX_TARGET_BYTES:,} bytes | 414",
        f"| {MAX_HEAD_BYTES:,} bytes, {MAX_HEADERS} headers | 431",
        f"| {MAX_FRAMING_BYTES:,} bytes, and {FRAMING_PER_BYTE} for each byte",
        f"| {MAX_PIPELINED} | the connection is closed",
        f"REQUEST_TIMEOUT_S`: {limits.request_s:g} seconds",
        f"| {MIN_BYTES_PER_S} bytes a second",
        f"IDLE_TIMEOUT_S`: {limits.idle_s:g} seconds",
        f"up to {MOST:,}",
        f"keeps {RESERVED}\n",
        f"fewer than {4 * RESERVED}",
    ):
        assert said in section, said
    assert (UNREAD_FACTOR, LONGEST_PAUSE_S) == (3, 10)
