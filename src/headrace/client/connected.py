"""What each SDK object is made of: who speaks to which server."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Self

from headrace.client.configuration import connection
from headrace.client.parts import Part


class Connected(Part):
    """A connection to a Headrace server, as one user.

    See :class:`~headrace.HeadraceSdk` for the arguments.
    """

    def __init__(
        self,
        sdk_token: str | None = None,
        environment_url: str | None = None,
        control_url: str | None = None,
        verbose_log: bool | None = None,
    ) -> None:
        # HTTP takes longer to import than all the rest, so only who connects pays for it.
        from headrace.client.transport import Transport  # noqa: PLC0415 - see above

        found = connection(
            os.environ, token=sdk_token, environment_url=environment_url, control_url=control_url
        )
        self.base_environment_url = found.environment_url
        self.base_control_url = found.control_url
        self.verbose_log = hasattr(sys, "ps1") if verbose_log is None else verbose_log
        self._transport = Transport(found)

    def close(self) -> None:
        """Close the network connections; the object cannot be used after that."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
