"""The ``headrace`` command."""

from __future__ import annotations

import sys

NEEDED = frozenset({"typer", "rich"})
"""What the extra ``cli`` installs."""


def main() -> None:
    """Run the command and exit: the entry point of the distribution."""
    try:
        from headrace.cli.main import run  # noqa: PLC0415 - the base install has no Typer
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in NEEDED:
            raise
        print(
            f"The headrace command needs {error.name}: pip install 'headrace[cli]'",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
    raise SystemExit(run(sys.argv[1:]))
