"""Ctrl-C, as people press it: once more if nothing happens.

Python drops the interrupt that falls into the end of an object (``__del__``), now and then.
"""

from __future__ import annotations

import signal
import subprocess

PATIENCE_S = (15, 15, 30)


def interrupted(process: subprocess.Popen[bytes]) -> bytes:
    """Interrupt a process, wait until it has ended, and return what it said on stderr."""
    for patience_s in PATIENCE_S:
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=patience_s)[1]
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    raise AssertionError("an interrupted command did not end")
