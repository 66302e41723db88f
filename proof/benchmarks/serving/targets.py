"""What is measured: one URL that adds two numbers, and how a right answer is known."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PLAIN_BODY = b'{"number1": 9, "number2": 6}'
PROBE_S = 60


@dataclass(frozen=True)
class Target:
    """A URL that takes the two numbers and answers with their sum.

    Attributes:
        name: What the tables call it.
        url: Where it is.
        expected: A part of every right answer.
        pid: The process that serves it.
        body: What is sent.
        headers: Sent besides the content type.
        status: The status of every right answer.
    """

    name: str
    url: str
    expected: str
    pid: int
    body: bytes = PLAIN_BODY
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers of a request, except those of its length and host."""
        return {"Content-Type": "application/json", **self.headers}

    def answers(self) -> bool:
        """Say whether it answers rightly now."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=PROBE_S)
        try:
            connection.request("POST", parts.path, self.body, self.all_headers)
            answer = connection.getresponse()
            return answer.status == self.status and self.expected.encode() in answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
