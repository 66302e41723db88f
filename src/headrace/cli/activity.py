"""A line on the terminal that says what goes on, and for how long it has."""

from __future__ import annotations

import sys
import threading
import time

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_FRAMES = "|/-\\"
SILENT_S = 0.3
"""What is done sooner is not worth a line."""

FRAME_S = 0.1


class Activity:
    """A line on stderr that is redrawn until it is stopped."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._is_shown = False
        self._thread = threading.Thread(target=self._draw, name="activity", daemon=True)
        self._thread.start()

    def say(self, text: str) -> None:
        """Say from now on that this goes on."""
        self._text = text

    def write(self, text: str) -> None:
        """Write lines above this one."""
        with self._lock:
            self._clear()
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def stop(self) -> None:
        """Remove the line."""
        self._stop.set()
        self._thread.join()
        with self._lock:
            self._clear()
            sys.stderr.flush()

    def _draw(self) -> None:
        frames = _frames()
        count = 0
        wait_s = SILENT_S
        while not self._stop.wait(wait_s):
            wait_s = FRAME_S
            elapsed = int(time.monotonic() - self._began)
            with self._lock:
                self._is_shown = True
                sys.stderr.write(
                    f"\r{frames[count % len(frames)]} {self._text} {_clock(elapsed)}\x1b[K"
                )
                sys.stderr.flush()
            count += 1

    def _clear(self) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            self._is_shown = False


def _frames() -> str:
    try:
        FRAMES.encode(sys.stderr.encoding or "ascii")
    except UnicodeEncodeError:
        return PLAIN_FRAMES
    return FRAMES


def _clock(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
