"""The one exception of the harness: a call that failed, with its kind and a message."""

from __future__ import annotations

USER_ERROR = "user_error"
BAD_INPUT = "bad_input"
BAD_OUTPUT = "bad_output"
EXITED = "exited"
ENVIRONMENT = "environment"
CANCELLED = "cancelled"


class Failed(Exception):
    """A call or an import that failed.

    Attributes:
        kind: One of the kinds of this module, which are those of ``headrace.core.outcomes``.
        message: One or two sentences.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def printable(text: str) -> str:
    """Return ``text`` with what UTF-8 cannot hold (lone surrogates) escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
