"""The present time, in one place: a simulation replaces it here."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """Return the present time, aware, UTC."""
    return _EPOCH + timedelta(microseconds=now_us())


def now_us() -> int:
    """Return the microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def now_ns() -> int:
    """Return the nanoseconds since 1970, UTC."""
    return time.time_ns()


def now_s() -> float:
    """Return the seconds since 1970, UTC, as file systems and tokens count them."""
    return time.time_ns() / 1e9
