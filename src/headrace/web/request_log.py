"""A line of the server's log for each request that a handler answered."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger("headrace.requests")

MAX_PATH = 200
QUIET_PATH = "/api/v1/health"
"""The route that monitors ask for every few seconds."""


def say(method: str, raw: bytes, status: int, began: float) -> None:
    """Log a request with its status and how long it took, without its query, which may be secret.

    Args:
        method: The request's method.
        raw: The path as it was sent.
        status: The status of its answer.
        began: When it began, in seconds of :func:`time.perf_counter`.
    """
    path = raw[:MAX_PATH].decode("ascii", "backslashreplace")
    is_quiet = path == QUIET_PATH and status < 400
    logger.log(
        logging.DEBUG if is_quiet else logging.INFO,
        "%s %s %d in %.1f ms",
        method,
        path,
        status,
        (time.perf_counter() - began) * 1000,
    )
