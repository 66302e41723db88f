"""What native code prints through the C library, which keeps it in buffers of its own."""

from __future__ import annotations

from typing import Any

from headrace_harness.stdlib import _thread, contextlib, ctypes, os

try:
    _libc: Any = ctypes.CDLL(None)
except (AttributeError, OSError):  # an interpreter built without ctypes
    _libc = None

_BY_LINES, _NOT_AT_ALL = 1, 2
_PATIENCE_S = 1.0
_SHOWN_BY_CHILDREN = {
    "PYTHONUNBUFFERED": "1",
    "GFORTRAN_UNBUFFERED_PRECONNECTED": "y",
}


def buffer_lines() -> None:
    """Make C's stdout write line by line, although it is no terminal."""
    _set_buffering(_BY_LINES)


def buffer_nothing() -> None:
    """Make C's stdout write at once, so that there is nothing to flush after each call."""
    _set_buffering(_NOT_AT_ALL)


def show_at_once() -> None:
    """Make Python and Fortran programs that start from now on keep no output back."""
    for name, value in _SHOWN_BY_CHILDREN.items():
        os.environ.setdefault(name, value)


def flush() -> None:
    """Write what the C and C++ libraries hold, to all files that native code has open.

    Another thread may hold a stream for as long as it reads from it; that is not waited for.
    """
    if _libc is None:
        return
    if len(os.listdir("/proc/self/task")) == 1:
        _flush()
        return
    flushing = _thread.allocate_lock()
    flushing.acquire()
    with contextlib.suppress(RuntimeError):  # no thread can be started any more
        _thread.start_new_thread(_flush_and_release, (flushing,))
        flushing.acquire(timeout=_PATIENCE_S)


def _flush_and_release(flushing: Any) -> None:
    _flush()
    flushing.release()


def _flush() -> None:
    # Only if the process has loaded it: its buffers are apart where it is not in step with C's.
    # User code may have replaced parts of ctypes by anything.
    with contextlib.suppress(Exception):
        library = ctypes.CDLL("libstdc++.so.6", mode=os.RTLD_NOLOAD | os.RTLD_NOW)
        for stream in ("_ZSt4cout", "_ZSt4clog"):
            found = ctypes.c_void_p.in_dll(library, stream)
            # Nobody has made it if no module of the process includes <iostream>.
            if found.value:
                library["_ZNSo5flushEv"](ctypes.byref(found))
    _libc.fflush(None)


def _set_buffering(mode: int) -> None:
    with contextlib.suppress(AttributeError, ValueError):  # a C library without these names
        _libc.setvbuf(ctypes.c_void_p.in_dll(_libc, "stdout"), None, mode, ctypes.c_size_t(0))
