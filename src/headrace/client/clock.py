"""The clock of the server's machine."""

from __future__ import annotations

from headrace.client.parts import Object, Part
from headrace.wire import routes


class ClockCalls(Part):
    """Whether the server believes its clock, and deletes what is old by it."""

    def get_clock(self) -> Object:
        """Return the state of the server's clock.

        Returns:
            ``{"state", "now", "believed_at"}``; ``state`` is ``trusted``, or ``ahead`` or
            ``behind``, and then nothing is deleted for its age.
        """
        clock: Object = self._transport.call(routes.CLOCK)
        return clock

    def confirm_clock(self) -> Object:
        """Say that the server's clock is right, so that it deletes what is old again.

        Returns:
            As :meth:`get_clock`.
        """
        clock: Object = self._transport.call(routes.CONFIRM_CLOCK)
        return clock
