"""The end of a process that ran user code, which leaves by ``os._exit`` all the same."""

from __future__ import annotations

import atexit
import contextlib
import sys
import threading

from headrace_harness import calling


def end_like_an_interpreter() -> None:
    """Wait for threads, run exit callbacks and flush, as an interpreter does when it ends."""
    for step in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]  # noqa: SLF001 - there are no public names
        with contextlib.suppress(Exception, SystemExit, KeyboardInterrupt):
            step()
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        calling.flush(stream)
