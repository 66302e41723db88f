"""Descriptors that user code does not get, so that what it returned can be kept."""

from __future__ import annotations

from collections.abc import Iterator

from headrace_harness.stdlib import contextlib, resource

DESCRIPTORS = 16


def keep() -> None:
    """Lower this process's soft limit of descriptors a little below the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard <= 4 * DESCRIPTORS:
        return
    if soft == resource.RLIM_INFINITY or soft > hard - DESCRIPTORS:
        _set(hard - DESCRIPTORS, hard)


def take() -> None:
    """Raise the soft limit by what was kept: for what has to be done when user code has ended."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        more = soft + DESCRIPTORS
        _set(more if hard == resource.RLIM_INFINITY else min(more, hard), hard)


@contextlib.contextmanager
def taken() -> Iterator[None]:
    """Take what was kept, and keep it again at the end."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    take()
    try:
        yield
    finally:
        _set(*before)


def _set(soft: int, hard: int) -> None:
    # User code may have changed its limits, and then has what it wanted.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
