"""Descriptors of this process: how many it may open, and how many are kept in reserve."""

from __future__ import annotations

import contextlib
import resource

MOST = 2**16
"""More are never asked for: some programs prepare for as many as they may open."""

RESERVED = 128
"""Descriptors that no connection gets, if there are at least four times as many: the database,
logs, pods and runs are opened with them."""


def raise_limit() -> int:
    """Raise the soft limit of descriptors to the hard one; return what it is then."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft_limit() < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return soft_limit()


def soft_limit() -> int:
    """Return how many descriptors this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 - 1 if soft == resource.RLIM_INFINITY else soft


def reserved(limit: int) -> int:
    """Return how many of so many descriptors no connection gets."""
    return min(RESERVED, limit // 4)
