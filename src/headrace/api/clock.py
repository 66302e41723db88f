"""Routes of the machine's clock: whether it is believed, and that it is right."""

from __future__ import annotations

from headrace.control.clock import now
from headrace.web.exchange import Exchange
from headrace.wire.answers import Answer
from headrace.wire.bodies import timestamp


async def show_clock(exchange: Exchange) -> Answer:
    """Show whether things are deleted for their age."""
    clock = exchange.services.clock
    return Answer(
        {
            "state": clock.state.value,
            "now": timestamp(now()),
            "believed_at": timestamp(clock.believed_at),
        }
    )


async def confirm_clock(exchange: Exchange) -> Answer:
    """Believe the machine's clock as it is."""
    await exchange.services.clock.confirm()
    return await show_clock(exchange)
