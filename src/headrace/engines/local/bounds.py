"""Which folders of the server user code may only read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headrace_harness.frames import Message


@dataclass(frozen=True, slots=True)
class Bounds:
    """The folders that the kernel keeps user code from changing.

    Attributes:
        closed: Folders that user code only reads, with all that they hold.
        open: Folders within these that the harness writes to: logs and workspaces. Calls of their
            own processes cannot write to them, except to their own workspace.
    """

    closed: tuple[Path, ...] = ()
    open: tuple[Path, ...] = ()

    def make(self) -> None:
        """Make the folders that are missing: what does not exist cannot be closed."""
        for folder in (*self.closed, *self.open):
            folder.mkdir(parents=True, exist_ok=True)

    def message(self, own: Path) -> Message:
        """Return the message for the harness; ``own`` is the folder of one template or pod."""
        return {
            "closed": [str(folder.absolute()) for folder in self.closed],
            "open": [str(folder.absolute()) for folder in self.open],
            "own": str(own.absolute()),
        }
