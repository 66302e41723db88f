"""Descriptors of this process: how many there are, and how many connections may take."""

from __future__ import annotations

import contextlib
import resource

MOST = 2**20
"""More are never asked for: some programs prepare for as many as they may open."""

RESERVED = 128
"""Descriptors that no connection gets, if there are at least four times as many: the database,
logs, pods and runs are opened with them."""


def raise_limit() -> int:
    """Raise this process's soft limit of descriptors to its hard one; return what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST if soft == resource.RLIM_INFINITY else soft
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def reserved(limit: int) -> int:
    """Return how many of so many descriptors no connection gets."""
    return min(RESERVED, limit // 4)
