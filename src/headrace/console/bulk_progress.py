"""How far work on several executions is, kept in a file of the data directory.

So any process of the server can show it and can ask it to stop. A new start of the server forgets
it: what was done is on record with the executions themselves.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from headrace.core.clock import now_s
from headrace.core.errors import NotFound
from headrace.core.names import new_id

KEPT_S = 24 * 3600.0
SILENT_S = 30.0
"""Work of which nothing was heard for so long has ended with its process."""

MAX_REFUSED = 1000
"""Refusals that are kept with their reasons; the others are counted."""

_ID = re.compile(r"[0-9a-f-]{36}")

Verb = Literal["cancel", "replay"]


@dataclass(slots=True)
class Progress:
    """The progress of some work.

    Attributes:
        id: Its id.
        verb: What is done with each execution.
        user: Id of the user who asked for it.
        back: Address of the list that it was chosen in.
        total: How many executions are meant.
        is_exact: Whether there are no more than that.
        done: How many were dealt with.
        ended: Of how many nothing had to be done any more.
        refused: Id of each that was refused, with the reason; the first of them.
        refused_count: How many were refused.
        left_out: Id of each that was ticked and cannot be dealt with, with the reason.
        started: Address of the list of what it started; empty if it starts nothing.
        is_over: Whether it has ended.
        why_over: Why it ended before everything was dealt with; empty if it did not.
        saved_at: When it was kept last, as seconds of the clock.
    """

    id: str
    verb: Verb
    user: str
    back: str
    total: int = 0
    is_exact: bool = True
    done: int = 0
    ended: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    refused_count: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    started: str = ""
    is_over: bool = False
    why_over: str = ""
    saved_at: float = 0.0

    @property
    def seen(self) -> int:
        """How many were dealt with, whatever came of it."""
        return self.done + self.ended + self.refused_count

    @property
    def left(self) -> int:
        """How many were not begun."""
        return max(0, self.total - self.seen)

    @property
    def is_whole(self) -> bool:
        """Whether all that was meant is done, and nothing has to be said of it."""
        is_done = self.is_over and not (self.why_over or self.refused_count or self.left)
        return is_done and self.is_exact and not self.left_out

    def refuse(self, execution_id: str, why: str) -> None:
        """Count an execution that was refused."""
        self.refused_count += 1
        if len(self.refused) < MAX_REFUSED:
            self.refused.append((execution_id, why))


def begun(verb: Verb, user: str, back: str, started: str = "") -> Progress:
    """Return the progress of work that begins now."""
    return Progress(new_id(), verb, user, back, started=started)


class KeptProgress:
    """The files in which progress is kept.

    Args:
        place: Their folder, which is made if it is missing.
    """

    def __init__(self, place: Path) -> None:
        self._place = place

    def tidy(self) -> None:
        """Remove what is old.

        Raises:
            OSError: There is no room for the folder.
        """
        self._place.mkdir(exist_ok=True)
        for file in self._place.iterdir():
            with contextlib.suppress(OSError):
                if file.stat().st_mtime < now_s() - KEPT_S:
                    file.unlink()

    def save(self, progress: Progress) -> None:
        """Keep some progress.

        Raises:
            OSError: There is no room.
        """
        progress.saved_at = now_s()
        fresh = self._place / f"{progress.id}.new"
        fresh.write_text(json.dumps(asdict(progress)))
        fresh.replace(self._place / progress.id)

    def load(self, progress_id: str, user: str) -> Progress:
        """Return the progress of some work.

        Raises:
            NotFound: There is none of this user, or it is kept no longer.
        """
        gone = NotFound("Nothing is known of that work: what came of it is on the executions.")
        if not _ID.fullmatch(progress_id):
            raise gone
        try:
            found = Progress(**json.loads((self._place / progress_id).read_text()))
        except (OSError, ValueError):
            raise gone from None
        if found.user != user:
            raise gone
        if not found.is_over and found.saved_at < now_s() - SILENT_S:
            found.is_over, found.why_over = True, "The server was stopped meanwhile."
        return found

    def ask_to_stop(self, progress_id: str, user: str) -> None:
        """Have some work begin nothing further.

        Raises:
            NotFound: There is none of this user, or it is kept no longer.
        """
        self.load(progress_id, user)
        (self._place / f"{progress_id}.stop").touch()

    def is_to_stop(self, progress: Progress) -> bool:
        """Check whether somebody asked it to stop."""
        return (self._place / f"{progress.id}.stop").exists()
