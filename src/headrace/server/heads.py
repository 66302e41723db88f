"""Heads of requests: their limits, and the offers in them that are ignored."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import httptools

from headrace.server.error_answers import Refusal
from headrace.server.limits import (
    FRAMING_PER_BYTE,
    MAX_FRAMING_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_TARGET_BYTES,
)

logger = logging.getLogger(__name__)

_OFFER = (b"upgrade", b"http2-settings")
"""Headers that offer another protocol. The parser ignores the rest of an offer without them."""

_PER_HEADER = len(": \r\n")


def new_parser(owner: Any) -> httptools.HttpRequestParser:
    """Return a parser that tells ``owner`` what it reads."""
    parser = httptools.HttpRequestParser(owner)
    # As uvicorn does: what follows the last request of a connection is dropped without an error.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def without_offer(
    method: bytes, target: bytes, version: str, headers: Sequence[tuple[bytes, bytes]]
) -> bytes:
    """Return the head of a request without what offers another protocol."""
    lines = [b"%b %b HTTP/%b" % (method, target, version.encode())]
    lines += [b"%b: %b" % header for header in headers if header[0] not in _OFFER]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def check_head(method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Check what a head that is complete may not be.

    Raises:
        Refusal: It is longer than the limits say, or asks for a tunnel.
    """
    if method == b"CONNECT":
        raise Refusal(
            405, "MethodNotAllowed", "This is no proxy: CONNECT is not answered.", b"allow: \r\n"
        )
    if len(target) > MAX_TARGET_BYTES:
        raise _target_too_long()
    if len(headers) > MAX_HEADERS:
        raise Refusal(431, "TooLarge", f"The request has more than {MAX_HEADERS} headers.")
    size = sum(len(name) + len(value) + _PER_HEADER for name, value in headers)
    if len(target) + size > MAX_HEAD_BYTES:
        raise _head_too_long()


def check_unfinished_head(
    target: bytes, headers: Sequence[tuple[bytes, bytes]], received: int
) -> None:
    """Check a head of which so many bytes have come after the segment that it began in.

    Raises:
        Refusal: It is longer than the limits say already.
    """
    if len(target) > MAX_TARGET_BYTES:
        raise _target_too_long()
    if received > MAX_HEAD_BYTES or len(headers) > MAX_HEADERS:
        raise _head_too_long()


def check_framing(received: int, data: int) -> None:
    """Check that what comes after a head is not mostly something else than data.

    Args:
        received: Bytes that have come after the segment that the head ended in.
        data: Bytes of data that have come.

    Raises:
        Refusal: There is more around the data than any client sends.
    """
    if received > MAX_FRAMING_BYTES + (1 + FRAMING_PER_BYTE) * data:
        raise Refusal(
            400,
            "InvalidRequest",
            "The chunked body has too many bytes around its data: send larger chunks, without "
            "extensions and trailers.",
        )


def refusal_of(error: httptools.HttpParserError) -> Refusal:
    """Return the refusal of a request that cannot be read."""
    cause = error.__context__
    if isinstance(cause, Refusal):
        return cause
    if isinstance(error, httptools.HttpParserCallbackError):
        if not isinstance(cause, httptools.HttpParserError | UnicodeError):
            logger.error("a request could not be read", exc_info=cause)
        return _unreadable("its target is no path")
    return _unreadable(str(error) or type(error).__name__)


def _unreadable(reason: str) -> Refusal:
    return Refusal(400, "InvalidRequest", f"This is no request of HTTP/1.1: {reason}.")


def _target_too_long() -> Refusal:
    return Refusal(
        414, "TooLarge", f"The target of the request is longer than {MAX_TARGET_BYTES:,} bytes."
    )


def _head_too_long() -> Refusal:
    return Refusal(
        431,
        "TooLarge",
        f"The head of the request is longer than {MAX_HEAD_BYTES:,} bytes, or has more than "
        f"{MAX_HEADERS} headers.",
    )


class Deaf:
    """A parser that ignores all that comes."""

    def feed_data(self, data: bytes) -> None:
        """Do nothing."""
