"""Runs a benchmark so that, however it ends, no process and no file of it is left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from types import FrameType

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def kept(work: Callable[[], None]) -> None:
    """Do ``work`` in a child of this process, and end all that is left below it afterwards.

    The child makes its temporary files in a folder of its own, which is removed as well.

    An interruption makes the child unwind, so that servers stop in order; a second one kills it.
    If this process is killed, the child unwinds all the same; if the child is killed, this process
    adopts its orphans and ends them.

    Raises:
        SystemExit: The work did not succeed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    with tempfile.TemporaryDirectory(prefix="headrace-serving-", ignore_cleanup_errors=True) as own:
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            tempfile.tempdir = os.environ["TMPDIR"] = own
            _in_child(work, parent)
        status = _wait(child)
    _prctl(_PR_SET_CHILD_SUBREAPER, 0)
    if status:
        raise SystemExit(os.waitstatus_to_exitcode(status))


def _wait(child: int) -> int:
    """Wait for the child, tell it of interruptions, and end what it leaves; return its status."""
    was_told = False

    def tell(number: int, frame: FrameType | None) -> None:
        del number, frame
        nonlocal was_told
        os.kill(child, signal.SIGKILL if was_told else signal.SIGTERM)
        was_told = True

    before = {number: signal.signal(number, tell) for number in _INTERRUPTS}
    try:
        _, status = os.waitpid(child, 0)
    finally:
        _end_what_is_left()
        for number, handler in before.items():
            signal.signal(number, handler)
    return status


def _in_child(work: Callable[[], None], parent: int) -> None:
    # A session of its own: Ctrl-C reaches the parent alone, which asks for the end only once.
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _unwind)
    code = 1
    try:
        if os.getppid() == parent:
            work()
            code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - the last frame of this process: all is printed
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _unwind(number: int, frame: FrameType | None) -> None:
    del frame
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _end_what_is_left() -> None:
    while left := psutil.Process().children(recursive=True):
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=1)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
