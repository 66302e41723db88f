"""What all commands share: the connection, and where they print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli.output import Screen

if TYPE_CHECKING:
    from headrace import HeadraceSdk

JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")
]


class Session:
    """One use of the command.

    Attributes:
        screen: Where it prints.
        url: Server named on the command line, or None.
        token: SDK token given on the command line, or None.
    """

    def __init__(self) -> None:
        self.screen = Screen()
        self.url: str | None = None
        self.token: str | None = None
        self._sdk: HeadraceSdk | None = None

    @property
    def sdk(self) -> HeadraceSdk:
        """The connection, made when first asked for.

        Raises:
            Unauthenticated: No server or no token is named anywhere.
        """
        if self._sdk is None:
            # Only commands that speak to a server pay for the import of the SDK.
            from headrace import HeadraceSdk  # noqa: PLC0415 - see above

            self._sdk = HeadraceSdk(self.token, self.url, verbose_log=False)
        return self._sdk

    def close(self) -> None:
        """Close the connection, if one was made."""
        if self._sdk is not None:
            self._sdk.close()


def session(context: typer.Context, as_json: bool = False) -> Session:
    """Return the session of a command, which prints JSON if either ``--json`` was given."""
    found: Session = context.find_root().obj
    found.screen.as_json = found.screen.as_json or as_json
    return found
