"""What the parts of the SDK stand on, one part for each noun."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from headrace.client.waiting import wait_for
from headrace.core.errors import InvalidRequest

if TYPE_CHECKING:
    from headrace.client.transport import Transport

T = TypeVar("T")

Object = dict[str, Any]


class Part:
    """A part of the SDK: methods about one noun.

    Attributes:
        verbose_log: Whether progress is told on stderr.
    """

    verbose_log: bool
    _transport: Transport

    def _wait(
        self,
        ask: Callable[[float | None], T | None],
        what: str,
        timeout_s: float | None = None,
        then: str = "",
    ) -> T:
        """Ask until there is an answer; see :func:`~headrace.client.waiting.wait_for`."""
        transport = self._transport
        return wait_for(
            ask,
            what=what,
            then=then,
            is_known=lambda: transport.has_answered,
            timeout_s=timeout_s,
        )

    def _say(self, message: str) -> None:
        if self.verbose_log:
            print(message, file=sys.stderr)  # noqa: T201 - what verbose_log is for


def log_period(
    from_datetime: datetime | None, to_datetime: datetime | None, limit: int | None
) -> Object:
    """Return the body that asks for logs: milliseconds since 1970, without what was not given.

    A datetime without a zone is one of this machine's zone.

    Raises:
        InvalidRequest: An argument is of the wrong type.
    """
    body: Object = {}
    for key, at in (("from", from_datetime), ("to", to_datetime)):
        if at is None:
            continue
        if not isinstance(at, datetime):
            raise InvalidRequest(f"{key}_datetime must be a datetime, not {at!r}.")
        body[key] = int(at.timestamp() * 1000)
    if limit is not None:
        body["limit"] = limit
    return body
