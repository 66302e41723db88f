"""The end of the server, for streams that have no end of their own."""

from __future__ import annotations


class Ending:
    """Begins once, when the server is asked to stop."""

    def __init__(self) -> None:
        self.has_begun = False

    def begin(self) -> None:
        """Let streams that have no end of their own end now."""
        self.has_begun = True
