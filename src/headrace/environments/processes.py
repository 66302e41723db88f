"""Runs one program to its end, its words passed on line by line, and nothing left behind."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from headrace.environments.port import Say

_LONGEST_LINE = 10_000
_PATIENCE_S = 5.0


async def run(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    say: Say,
    given: str = "",
    keep_open: Sequence[int] = (),
) -> int:
    """Run a program and return its exit status.

    Cancelling the await kills the program and its whole process group before it is passed on.

    Args:
        command: The program and its arguments.
        cwd: Where it runs.
        environ: All of its environment; nothing is inherited.
        say: Receives each line of its output and its errors, merged, without line end.
        given: What it reads from its standard input.
        keep_open: File descriptors that it inherits, such as that of a lock it takes part in.
    """
    loop = asyncio.get_running_loop()
    # Not asyncio's own processes: uvloop forks for them and runs Python in the child, where a lock
    # that another thread held at the fork, such as SQLite's, is never released.
    with memory_file(given) as stdin:
        process = subprocess.Popen(  # noqa: ASYNC220 - returns as soon as the program is started
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(environ),
            start_new_session=True,
            pass_fds=keep_open,
        )

    def hear(line: str) -> None:
        loop.call_soon_threadsafe(say, line)

    following = asyncio.ensure_future(asyncio.to_thread(_follow, process, hear))
    try:
        return await asyncio.shield(following)
    finally:
        # Its own end has been seen or not: either way its id is taken until the thread has waited.
        if not following.done():
            _kill_group(process)
            await asyncio.wait([following], timeout=_PATIENCE_S)


@contextlib.contextmanager
def memory_file(text: str) -> Iterator[int]:
    """Give a text as a descriptor of a file without a place on disk, as it may hold secrets."""
    descriptor = os.memfd_create("given")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", closefd=False) as file:
            file.write(text)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _follow(process: subprocess.Popen[bytes], hear: Say) -> int:
    """Pass on what a program says until it ends; return its exit status."""
    if process.stdout is not None:
        with process.stdout as output:
            _read_lines(output.fileno(), hear)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    # While its id is still taken, so that no other process can be meant.
    _kill_group(process)
    return process.wait()


def _read_lines(descriptor: int, hear: Say) -> None:
    """Pass lines on as they come; a carriage return ends one too, for redrawn progress bars."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pending = ""
    while chunk := os.read(descriptor, 65536):
        pending += decoder.decode(chunk)
        *lines, pending = pending.replace("\r", "\n").split("\n")
        if len(pending) > _LONGEST_LINE:
            lines, pending = [*lines, pending], ""
        for line in filter(str.strip, lines):
            hear(line.rstrip())
    if pending.strip():
        hear(pending.rstrip())


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
