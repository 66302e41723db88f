"""What uvicorn is given in place of its own request and of the event loop's transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.server.bounded_connection import BoundedConnection


class Held:
    """What stands for a plain call where uvicorn keeps the request that is being answered.

    A connection needs one for all its plain calls, of which it answers one at a time.
    """

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    def __init__(self) -> None:
        self.keep_alive = True
        self.response_complete = True
        self.disconnected = False

    def begin(self, *, is_kept: bool) -> None:
        """Stand for another call."""
        self.keep_alive = is_kept
        self.response_complete = False

    @property
    def message_event(self) -> Held:
        """What uvicorn sets when there is something to read, or nobody left to answer."""
        return self

    def set(self) -> None:
        """Do nothing: nobody reads from a request that has come whole."""


class CountedTransport:
    """The transport of a connection for an application, whose writes are counted."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, connection: BoundedConnection) -> None:
        self.write = connection.write_later
        self.close = connection.transport.close
        self.is_closing = connection.transport.is_closing
