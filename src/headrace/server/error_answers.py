"""Answers to requests that never reach the application, as the bytes of a whole answer."""

from __future__ import annotations

import uuid

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from headrace.wire.answers import named_refusal, render


class Refusal(Exception):
    """A request is refused before the application has seen it.

    Attributes:
        status: HTTP status.
        name: Name of the error on the wire.
        message: What is wrong and what to do.
        headers: Further header lines.
    """

    def __init__(self, status: int, name: str, message: str, headers: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message
        self.headers = headers

    def answer(self) -> bytes:
        """Return the answer: the contract's error object, after which the connection is closed."""
        answer = named_refusal(self.status, self.name, self.message, str(uuid.uuid4()))
        _, headers, body = render(answer)
        return b"".join(
            (
                STATUS_LINE[self.status],
                *(b"%b: %b\r\n" % header for header in headers),
                self.headers,
                b"connection: close\r\n\r\n",
                body,
            )
        )
