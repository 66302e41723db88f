"""Ctrl-C, once."""

from __future__ import annotations

import signal
import subprocess

PATIENCE_S = 50
"""An interrupt that comes just before the process waits for an answer is heard when that comes,
which the server holds back for 20 s."""


def interrupted(process: subprocess.Popen[bytes]) -> bytes:
    """Interrupt a process, wait until it has ended, and return what it said on stderr."""
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=PATIENCE_S)[1]
