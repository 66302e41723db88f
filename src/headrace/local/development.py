"""Deploys a function to a local server again and again, as its files change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from headrace import HeadraceSdk
from headrace.core.clock import now
from headrace.core.errors import HeadraceError, Unavailable
from headrace.local.calls import Calls, News
from headrace.local.changes import PAUSE_S, Pace, Watch, settled

SHOWN_FILES = 3
"""How many changed files a line names."""

RESTLESS_REMEDY = "If it is no part of the code, name it in a .headraceignore file."


@dataclass(frozen=True, slots=True)
class Answering:
    """The version that answers calls.

    Attributes:
        version: Its number.
        is_new: Whether this deployment made it.
    """

    version: int
    is_new: bool


@dataclass
class Development:
    """A function whose newest version that works answers.

    Args:
        sdk: The connection to the local server.
        deploy: Deploys the function as its files are now.
        folder: The folder that is watched.
        others: Files that count besides, such as ``.env``.
        say: Prints lines.
        say_news: Prints what a call did.
        say_error: Prints why a version cannot answer.
    """

    sdk: HeadraceSdk
    deploy: Callable[[], Answering]
    folder: Path
    others: Sequence[Path]
    say: Callable[[str], None]
    say_news: Callable[[News], None]
    say_error: Callable[[HeadraceError], None]
    _answering: Answering | None = None

    def run(self, check: Callable[[], None], began: Callable[[], None]) -> None:
        """Deploy the function, and again at each change, until the process is interrupted.

        Args:
            check: Raises once the server has ended.
            began: Called when the function answers for the first time.
        """
        watch = Watch(self.folder, self.others)
        calls = Calls(self.sdk)
        self._deploy([])
        pace = Pace()
        is_over = threading.Event()
        follower = threading.Thread(
            target=self._follow, args=(calls, is_over), name="calls", daemon=True
        )
        try:
            while True:
                if self._answering is not None and follower.ident is None:
                    began()
                    follower.start()
                check()
                time.sleep(pace.pause_s)
                changed = watch.changes()
                pace.note(changed)
                if pace.is_restless:
                    self.say(f"{_names(changed)} changed again at once. {RESTLESS_REMEDY}")
                if changed:
                    self._deploy(changed)
        finally:
            is_over.set()

    def _deploy(self, changed: Sequence[str]) -> None:
        begin = time.monotonic()
        try:
            answering = settled(self.deploy)
        except HeadraceError as error:
            self._say_failure(changed, error)
            return
        took_s = time.monotonic() - begin
        if changed:
            what = f"version {answering.version} answers after {took_s:.2f} s"
            what = what if answering.is_new else "no new version"
            self.say(f"{clock_text(now())}  {_names(changed)} changed: {what}")
        self._answering = answering

    def _say_failure(self, changed: Sequence[str], error: HeadraceError) -> None:
        if isinstance(error, Unavailable):
            raise error
        if changed:
            self.say(f"{clock_text(now())}  {_names(changed)} changed, and cannot be deployed:")
        self.say_error(error)
        if self._answering is None:
            self.say("Mend it; it is deployed as soon as a file changes.")
        else:
            self.say(f"Version {self._answering.version} goes on answering.")

    def _follow(self, calls: Calls, is_over: threading.Event) -> None:
        while not is_over.wait(PAUSE_S):
            # A server that has ended is noticed by who started it.
            with suppress(HeadraceError):
                for one in calls.news():
                    self.say_news(one)


def clock_text(at: datetime) -> str:
    """Return the time of day on this machine, to the second."""
    return at.astimezone().strftime("%H:%M:%S")


def _names(changed: Sequence[str]) -> str:
    shown = ", ".join(changed[:SHOWN_FILES])
    more = len(changed) - SHOWN_FILES
    return f"{shown} and {more} more files" if more > 0 else shown
