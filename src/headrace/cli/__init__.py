"""The ``headrace`` command."""

from __future__ import annotations

import sys

NEEDED = frozenset({"typer", "rich"})
"""What the extra ``cli`` installs."""

NEED_THE_SERVER = frozenset({"serve", "check", "selftest", "dev", "--local"})
"""Words of command lines for which the extra ``server`` is needed as well."""


def main() -> None:
    """Run the command and exit: the entry point of the distribution."""
    from headrace.cli.start import run  # noqa: PLC0415 - an import of the package has no effects

    try:
        code = run(sys.argv[1:])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in NEEDED:
            raise
        extra = "server" if NEED_THE_SERVER & set(sys.argv[1:]) else "cli"
        print(
            f"The headrace command needs {error.name}: pip install 'headrace[{extra}]'",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
    raise SystemExit(code)
