"""``headrace serve`` that writes down which of its files each plain call enters.

A call lasts from its connection, ``Connection.connection_made``, to the bytes of its answer,
``Connection._reply``. Each line of the file that ``TRACED_CALLS`` names has the files of one.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, FrameType

import headrace
from headrace.cli import main
from headrace.server.connection import Connection

SOURCE = str(Path(headrace.__file__).parent) + os.sep
BEGIN = Connection.connection_made.__code__
END = Connection._reply.__code__


class Tracer:
    """The profile function of all threads."""

    def __init__(self, report: Path) -> None:
        self._report = report
        self._entered: set[CodeType] | None = None

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """Take note of a function that is entered, or entered again."""
        if event != "call":
            return
        code = frame.f_code
        if code is BEGIN:
            self._entered = set()
        # Threads share it, and it may be another one in the next line.
        entered = self._entered
        if entered is None:
            return
        entered.add(code)
        if code is END:
            self._entered = None
            self._say(tuple(entered))

    def _say(self, entered: Sequence[CodeType]) -> None:
        names = {code.co_filename for code in entered}
        files = sorted(name.removeprefix(SOURCE) for name in names if name.startswith(SOURCE))
        with self._report.open("a") as report:
            report.write(" ".join(files) + "\n")


if __name__ == "__main__":
    tracer = Tracer(Path(os.environ.pop("TRACED_CALLS")))
    threading.setprofile(tracer)
    sys.argv[0] = "headrace"
    main()
