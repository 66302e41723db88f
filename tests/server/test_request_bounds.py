"""What one connection may send, how fast, and what is said beyond that."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from tests.server.wire_of import Address, Peer, connected, post, serving

from headrace.server.limits import (
    MAX_FRAMING_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_PIPELINED,
    MAX_TARGET_BYTES,
    MIN_BYTES_PER_S,
    HttpLimits,
)

OFFERS = [
    ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAB"),
    ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZQ=="),
    ("connection: keep-alive, UPGRADE", "UPGRADE: foo/2, bar"),
]


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    async with serving() as made:
        yield made


@pytest.fixture
async def peer(address: Address) -> AsyncIterator[Peer]:
    async with connected(address) as made:
        yield made


@pytest.mark.parametrize("offer", OFFERS, ids=["h2c", "websocket", "other"])
@pytest.mark.parametrize("size", [1, 7, 61, 10_000])
async def test_the_offer_of_another_protocol_is_ignored(
    peer: Peer, offer: tuple[str, ...], size: int
) -> None:
    for number in range(3):
        body = f'{{"number": {number}}}'.encode()
        await peer.send_in_pieces(post("/echo", body, *offer), size)
        status, _, answer = await peer.answer()
        assert (status, answer["body"]) == (200, body.decode())
        assert "upgrade" not in answer["headers"]


@pytest.mark.parametrize("offer", OFFERS, ids=["h2c", "websocket", "other"])
async def test_requests_with_and_without_offers_may_come_all_at_once(
    peer: Peer, offer: tuple[str, ...]
) -> None:
    chunked = post("/echo", b"", *offer, "Transfer-Encoding: chunked")
    chunked = chunked.replace(b"Content-Length: 0\r\n", b"") + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    bare = "\r\n".join(("GET /echo HTTP/1.1", "Host: here", *offer, "\r\n")).encode()
    peer.send(
        post("/echo", b"first", *offer)
        + post("/echo", b"second")
        + chunked
        + bare
        + post("/echo", b"fifth", *offer)
        + post("/echo", b"last", "Connection: close, Upgrade", offer[0], offer[1])
    )
    bodies = [(await peer.answer())[2]["body"] for _ in range(6)]
    assert bodies == ["first", "second", "abcde", "", "fifth", "last"]


async def test_what_follows_an_offer_has_the_same_limits(peer: Peer) -> None:
    more = [f"X-{number}: 1" for number in range(MAX_HEADERS)]
    bare = "\r\n".join(("GET /echo HTTP/1.1", "Host: here", *OFFERS[0], *more, "\r\n")).encode()
    peer.send(bare)
    assert (await peer.answer())[0] == 431
    assert await peer.is_closed()


async def test_what_is_wrong_after_an_offer_is_said(address: Address) -> None:
    offered = "\r\n".join(("GET /echo HTTP/1.1", "Host: here", *OFFERS[0], "\r\n")).encode()
    async with connected(address) as peer:
        peer.send(offered)
        assert (await peer.answer())[0] == 200
        # In the same segment as an offer's end.
        await peer.send_in_pieces(offered[:-2], 10_000)
        peer.send(b"\r\n")
        assert (await peer.answer())[0] == 200
        peer.send(b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await peer.answer())[0] == 414


async def test_an_offer_with_a_body_that_waits_to_be_asked_for(peer: Peer) -> None:
    request = post("/echo", b"abc", *OFFERS[0], "Expect: 100-continue")
    peer.send(request[:-3])
    assert (await peer.reader.readline()).startswith(b"HTTP/1.1 100")
    await peer.reader.readline()
    peer.send(b"abc")
    assert (await peer.answer())[2]["body"] == "abc"


@pytest.mark.parametrize(
    ("head", "status", "words"),
    [
        (b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414, "target"),
        (b"GET /e HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n", 431, "head"),
        (b"GET /e HTTP/1.1\r\n" + b"X: 1\r\n" * (MAX_HEADERS + 1) + b"\r\n", 431, "100 headers"),
        (b"CONNECT example.org:443 HTTP/1.1\r\nHost: h\r\n\r\n", 405, "proxy"),
        (b"GET /e HTTP/1.1\r\nno colon\r\n\r\n", 400, "HTTP/1.1"),
        (b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", 400, "HTTP/1.1"),
        (b"GET h:\x00 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "HTTP/1.1"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "HTTP/1.1"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "HTTP/1.1"),
        (b"POST /e HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "HTTP/1.1"),
        (
            b"POST /e HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "HTTP/1.1",
        ),
    ],
)
@pytest.mark.parametrize("size", [1000, 1_000_000])
async def test_a_head_that_cannot_be_taken_is_answered_with_an_error(
    peer: Peer, head: bytes, status: int, words: str, size: int
) -> None:
    await peer.send_in_pieces(head, size)
    said, headers, answer = await peer.answer()
    assert said == status, answer
    assert answer["message"].count(words)
    assert {"message", "name", "request_id", "additional_data"} == set(answer)
    assert headers["connection"] == "close"
    assert await peer.is_closed()


@pytest.mark.parametrize(
    ("begin", "more", "status"),
    [
        (b"GET /", b"a" * 1000, 414),
        (b"GET /echo HTTP/1.1\r\nX: ", b"a" * 1000, 431),
        (b"GET /echo HTTP/1.1\r\n", b"X: 1\r\n" * 100, 431),
        (b"GET /echo HTTP/1.1\r\n", b"X" * 1000, 431),
        (b"GET /echo HTTP/1.1\r\nX: 1", b" " * 1000, 431),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x=y;" * 250, 400),
        (
            b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X: 1\r\n" * 150,
            400,
        ),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a" * 1000, 400),
    ],
    ids=["target", "value", "headers", "name", "spaces", "extension", "trailers", "trailer"],
)
async def test_what_has_no_end_is_cut_off(
    peer: Peer, begin: bytes, more: bytes, status: int
) -> None:
    """And takes no memory before that."""
    peer.send(begin)
    tracemalloc.start()
    sent = 0
    try:
        while not peer.reader._buffer and sent < 50_000_000:  # type: ignore[attr-defined]
            peer.send(more)
            sent += len(more)
            await asyncio.sleep(0)
        assert (await peer.answer())[0] == status
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent <= 4 * max(MAX_HEAD_BYTES, MAX_FRAMING_BYTES)
    assert most < 5_000_000


async def test_trailers_are_no_headers(peer: Peer) -> None:
    body = b"1\r\na\r\n0\r\nX-Trailer: 1\r\n\r\n"
    peer.send(b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    status, _, answer = await peer.answer()
    assert (status, answer["headers"]) == (200, ["host", "transfer-encoding"])


async def test_small_chunks_are_taken(peer: Peer) -> None:
    body = b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n"
    peer.send(b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    await peer.send_in_pieces(body, 6_000)
    status, _, answer = await peer.answer()
    assert (status, len(answer["body"])) == (200, 50_000)


async def test_what_comes_before_a_wrong_request_is_answered(peer: Peer) -> None:
    peer.send(post("/slow?s=0.2", b"") + post("/echo", b"two") + b"no request\r\n\r\n")
    assert (await peer.answer())[2]["body"] == "slow"
    assert (await peer.answer())[2]["body"] == "two"
    assert await peer.is_closed()


async def test_a_body_that_goes_wrong_is_refused_after_earlier_answers(peer: Peer) -> None:
    begin = b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    peer.send(begin + b"nonsense\r\n")
    assert (await peer.answer())[0] == 400
    assert await peer.is_closed()


async def test_an_application_that_is_late_finds_a_refused_request_closed(address: Address) -> None:
    """It asks its client to go on, when the body was found to be no body already."""
    head = b"POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
    async with connected(address) as peer:
        peer.send(head + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        assert (await peer.answer())[0] == 400
        assert await peer.is_closed()


async def test_a_queued_body_that_goes_wrong_ends_the_connection(address: Address) -> None:
    begin = b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    async with connected(address) as peer:
        peer.send(post("/slow?s=0.2", b"") + begin + b"nonsense\r\n")
        assert (await peer.answer())[2]["body"] == "slow"
        assert await peer.is_closed()


async def test_requests_that_wait_on_one_connection_are_bounded(peer: Peer) -> None:
    count = 3 * MAX_PIPELINED
    peer.send(post("/slow?s=0.2", b"") + post("/echo", b"x") * count)
    answered = 0
    try:
        while answered <= count:
            assert (await peer.answer())[0] == 200
            answered += 1
    except asyncio.IncompleteReadError as error:
        assert error.partial == b""  # noqa: PT017
    assert answered == 1 + MAX_PIPELINED


@pytest.fixture
async def brief() -> AsyncIterator[Address]:
    """A server whose patience is short."""
    async with serving(HttpLimits(request_s=1, idle_s=1)) as made:
        yield made


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /echo HT",
        b"GET /echo HTTP/1.1\r\nHost: h\r\n",
        post("/echo", b"abc")[:-1],
        b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        post("/echo", b"abc", *OFFERS[0])[:-1],
    ],
    ids=["line", "headers", "body", "chunk", "offer"],
)
async def test_half_a_request_is_refused_when_its_time_is_up(brief: Address, begin: bytes) -> None:
    async with connected(brief) as peer:
        peer.send(begin)
        status, _, answer = await peer.answer()
        assert (status, answer["name"]) == (408, "RequestTimeout")
        assert await peer.is_closed()


@pytest.mark.parametrize(
    ("begin", "piece"),
    [(b"GET /echo HTTP/1.1\r\n", b"X: 1\r\n"), (post("/echo", b"a" * 1000)[:-1000], b"a")],
    ids=["headers", "body"],
)
async def test_drops_do_not_keep_a_request_open(brief: Address, begin: bytes, piece: bytes) -> None:
    async with connected(brief) as peer:
        peer.send(begin)
        at = time.monotonic()
        while not peer.reader._buffer and time.monotonic() - at < 20:  # type: ignore[attr-defined]
            peer.send(piece)
            await asyncio.sleep(0.05)
        assert (await peer.answer())[0] == 408


async def test_a_slow_body_is_taken_if_it_comes_steadily(brief: Address) -> None:
    async with connected(brief) as peer:
        request = post("/echo", b"a" * 6 * MIN_BYTES_PER_S)
        peer.send(request[: -6 * MIN_BYTES_PER_S])
        for _ in range(24):
            peer.send(b"a" * (MIN_BYTES_PER_S // 4))
            await asyncio.sleep(0.12)
        assert (await peer.answer())[0] == 200


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n", post("/echo", b"a")])
async def test_a_connection_that_asks_nothing_is_closed(brief: Address, sent: bytes) -> None:
    async with connected(brief) as peer:
        peer.send(sent)
        if sent.strip():
            assert (await peer.answer())[0] == 200
        assert await peer.is_closed()


async def test_who_waits_for_an_answer_is_not_idle(brief: Address) -> None:
    async with connected(brief) as peer, connected(brief) as other:
        peer.send(post("/slow?s=3", b""))
        other.send(b"GET /drip?s=3 HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await peer.answer())[0] == 200
        async with asyncio.timeout(30):
            assert (await other.reader.readuntil(b"0\r\n\r\n")).count(b"1\r\nx\r\n") == 8


async def test_who_does_not_read_an_answer_is_dropped(brief: Address) -> None:
    reader, writer = await asyncio.open_connection(*brief, limit=1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b"GET /much?bytes=50000000 HTTP/1.1\r\nHost: h\r\n\r\n")
    await asyncio.sleep(6)
    writer.transport.resume_reading()  # type: ignore[attr-defined]
    async with asyncio.timeout(30):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(50_000_000)
    writer.close()


async def test_who_reads_an_answer_slowly_gets_it(brief: Address) -> None:
    reader, writer = await asyncio.open_connection(*brief, limit=1024)
    writer.write(b"GET /much?bytes=20000000 HTTP/1.1\r\nHost: h\r\n\r\n")
    size = 0
    for _ in range(30):
        size += len(await reader.readexactly(100_000))
        await asyncio.sleep(0.1)
    async with asyncio.timeout(60):
        while size < 20_000_000:
            part = await reader.read(1_000_000)
            assert part, size
            size += len(part)
    writer.close()
