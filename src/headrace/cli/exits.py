"""Exit codes of the command, as its help names them."""

from __future__ import annotations

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_SERVER = 3
EXIT_INTERRUPTED = 130
EXIT_PIPE = 141

COMPLETION_VARIABLE = "_HEADRACE_COMPLETE"
"""What a shell sets that wants to know how a word goes on."""
