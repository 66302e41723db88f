"""Runs one program to its end, its words passed on line by line, and nothing left behind."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
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
    keep_open: int | None = None,
) -> int:
    """Run a program and return its exit status.

    Cancelling the await kills the program and its whole process group before it is passed on.

    Args:
        command: The program and its arguments.
        cwd: Where it runs.
        environ: All of its environment; nothing is inherited.
        say: Receives each line of its output and its errors, merged, without line end.
        given: What it reads from its standard input.
        keep_open: A file descriptor that it inherits, such as that of a lock it takes part in.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=dict(environ),
        start_new_session=True,
        pass_fds=() if keep_open is None else (keep_open,),
    )
    try:
        await asyncio.gather(_write(process, given), _read_lines(process, say))
        return await process.wait()
    finally:
        await _end(process)


async def _write(process: asyncio.subprocess.Process, text: str) -> None:
    if process.stdin is None:
        return
    # The program may end without reading; its exit status tells why.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(text.encode())
        await process.stdin.drain()
    process.stdin.close()


async def _read_lines(process: asyncio.subprocess.Process, say: Say) -> None:
    """Pass lines on as they come; a carriage return ends one too, for redrawn progress bars."""
    if process.stdout is None:
        return
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pending = ""
    while chunk := await process.stdout.read(65536):
        pending += decoder.decode(chunk)
        *lines, pending = pending.replace("\r", "\n").split("\n")
        if len(pending) > _LONGEST_LINE:
            lines, pending = [*lines, pending], ""
        for line in filter(str.strip, lines):
            say(line.rstrip())
    if pending.strip():
        say(pending.rstrip())


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of the process group; wait only for a bounded time."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(process.wait()), _PATIENCE_S)
