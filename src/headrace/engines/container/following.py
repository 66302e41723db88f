"""The output of a container, from the tool's pipes to the log of its call."""

from __future__ import annotations

import selectors
import subprocess
from dataclasses import dataclass
from pathlib import Path

from headrace.engines.container.tool import piped
from headrace_harness.capture import LogFile, Pipe

_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Followed:
    """The end of a container's output.

    Attributes:
        last_error: The last line of its stderr that is not empty.
    """

    last_error: str


class _Lines:
    """Lines on their way to a log; the last one of stderr is remembered."""

    def __init__(self, log: LogFile) -> None:
        self._log = log
        self.last_error = ""

    def write(self, letter: bytes, lines: list[bytes]) -> None:
        """Append lines of one stream."""
        self._remember(letter, lines[-1] if lines else b"")
        self._log.write(letter, lines)

    def write_block(self, letter: bytes, block: bytes) -> None:
        """Append text that consists of whole lines, without its last line end."""
        self._remember(letter, block.rstrip().rpartition(b"\n")[2])
        self._log.write_block(letter, block)

    def _remember(self, letter: bytes, line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()
        if letter == b"e" and text:
            self.last_error = text[:_SHOWN]


def follow(process: subprocess.Popen[bytes], path: Path, max_bytes: int) -> Followed:
    """Write what a process says to a log until both its streams end. It blocks."""
    out, err = piped(process.stdout), piped(process.stderr)
    log = LogFile(str(path), max_bytes)
    lines = _Lines(log)
    pipes = [
        Pipe(out.fileno(), b"o", lines),
        Pipe(err.fileno(), b"e", lines),
    ]
    try:
        with selectors.DefaultSelector() as selector, out, err:
            for pipe in pipes:
                selector.register(pipe.descriptor, selectors.EVENT_READ, pipe)
            while selector.get_map():
                for key, _ in selector.select():
                    if not key.data.read():
                        selector.unregister(key.fd)
            for pipe in pipes:
                pipe.drain()
    finally:
        log.close()
    process.wait()
    return Followed(lines.last_error)
