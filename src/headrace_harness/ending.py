"""The end of a process that ran user code, which leaves by ``os._exit`` all the same."""

from __future__ import annotations

import sys

from headrace_harness import calling, native
from headrace_harness.stdlib import atexit, contextlib


def end_like_an_interpreter() -> None:
    """Wait for threads, run exit callbacks and flush, as an interpreter and C do at the end."""
    # Looked up where it lives, as the interpreter does: gevent and others put theirs there.
    shutdown = getattr(sys.modules.get("threading"), "_shutdown", _nothing)
    for step in (shutdown, atexit._run_exitfuncs):  # noqa: SLF001 - there are no public names
        with contextlib.suppress(Exception, SystemExit, KeyboardInterrupt):
            step()
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        calling.flush(stream)
    native.flush()


def _nothing() -> None:
    """Stand in for the shutdown of threads where nobody has imported them."""
