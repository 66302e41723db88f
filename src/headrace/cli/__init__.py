"""The ``headrace`` command."""

from __future__ import annotations

import sys

NEEDED = frozenset({"typer", "rich"})
"""What the extra ``cli`` installs."""


def main() -> None:
    """Run the command and exit: the entry point of the distribution."""
    from headrace.cli.start import run  # noqa: PLC0415 - an import of the package has no effects

    try:
        code = run(sys.argv[1:])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in NEEDED:
            raise
        print(
            f"The headrace command needs {error.name}: pip install 'headrace[cli]'",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
    raise SystemExit(code)
