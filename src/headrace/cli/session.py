"""What all commands share: the connection, and where they print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from headrace.cli.output import Screen

if TYPE_CHECKING:
    from headrace import HeadraceSdk
    from headrace.client.runs import RunSdk


class Session:
    """One use of the command.

    Attributes:
        screen: Where it prints.
        url: Server named on the command line, or None.
        token: SDK token given on the command line, or None.
        is_local: Whether the server ends with the command, and cannot be asked later.
        command_path: The command with its nouns, for hints.
    """

    def __init__(self) -> None:
        self.screen = Screen()
        self.url: str | None = None
        self.token: str | None = None
        self.is_local = False
        self.command_path = "headrace"
        self._sdk: HeadraceSdk | None = None
        self._runs: RunSdk | None = None

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

    @property
    def runs(self) -> RunSdk:
        """The part of the connection that runs need, which loads sooner than the whole.

        Raises:
            Unauthenticated: As :attr:`sdk`.
        """
        if self._runs is None:
            from headrace.client.runs import RunSdk  # noqa: PLC0415 - see above

            self._runs = RunSdk(self.token, self.url, verbose_log=False)
        return self._runs

    def execution_id(self, beginning: str) -> str:
        """Return the whole id of the execution that was named by the beginning of its id.

        Raises:
            NotFound: There is none.
            AmbiguousId: There are several.
        """
        return self.runs.find_execution_id(beginning)

    def close(self) -> None:
        """Close the connections that were made."""
        for connection in (self._sdk, self._runs):
            if connection is not None:
                connection.close()


class Context(Protocol):
    """What Typer hands to a command."""

    @property
    def command_path(self) -> str:
        """The command with its nouns."""

    def find_root(self) -> Any:
        """Return the context of the whole command line."""


def session(context: Context, as_json: bool = False) -> Session:
    """Return the session of a command, which prints JSON if either ``--json`` was given."""
    found: Session = context.find_root().obj
    found.screen.as_json = found.screen.as_json or as_json
    found.command_path = context.command_path
    return found
