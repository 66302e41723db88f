"""A ``headrace`` command that ends with the process that started it, however that one ends.

Run as ``python -m headrace.cli.bound_process PARENT ARGUMENT...``, where PARENT is the process id
of who starts it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from headrace.cli import main

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Have the kernel send SIGTERM to this process as soon as ``parent`` has ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(1)


if __name__ == "__main__":
    end_with(int(sys.argv.pop(1)))
    main()
