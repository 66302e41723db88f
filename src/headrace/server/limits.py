"""What one caller may ask of the HTTP server, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

MAX_TARGET_BYTES = 16 * 1024
"""Longest target of a request, which is path and query; beyond it 414."""

MAX_HEAD_BYTES = 64 * 1024
"""Longest head of a request, which is its first line and its headers; beyond it 431."""

MAX_HEADERS = 100
"""Most headers of a request; beyond it 431."""

MAX_FRAMING_BYTES = 64 * 1024
"""Most bytes around the data of a chunked body (sizes, extensions, trailers), beyond
:data:`FRAMING_PER_BYTE` for each byte of data; beyond it 400."""

FRAMING_PER_BYTE = 8

MAX_PIPELINED = 100
"""Most requests that wait on one connection for the answer to an earlier one; then it is closed."""

MIN_BYTES_PER_S = 256
"""Slowest rate of a body that is sent, and of an answer that is read, in bytes a second."""

DEFAULT_CONNECTIONS = 4096
"""Most connections by default, if there are twice as many descriptors."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits of connections.

    Attributes:
        connections: How many are open at once.
        per_address: How many of one address are open at once.
        request_s: Seconds in which a head has to be complete; the rate of a body or of an answer
            is measured over as many.
        idle_s: Seconds for which a connection is kept open between two requests.
    """

    connections: int = DEFAULT_CONNECTIONS
    per_address: int = DEFAULT_CONNECTIONS
    request_s: float = 20.0
    idle_s: float = 75.0
