"""The route that checks whether the server can do what calls need."""

from __future__ import annotations

from headrace.core.clock_trust import ClockTrust
from headrace.core.errors import Unavailable
from headrace.version import __version__
from headrace.web.exchange import Exchange
from headrace.web.health_checks import Part
from headrace.wire.answers import Answer


async def health(exchange: Exchange) -> Answer:
    """Check whether the server can do what calls need, part by part."""
    services = exchange.services
    found = await services.health.parts()
    deletion = "on" if services.clock.state is ClockTrust.TRUSTED else "paused"
    parts = {
        "server": Part(True, __version__),
        "environment_id": Part(True, services.environment_id),
        "deletion_by_age": Part(True, deletion),
        **found,
    }
    body = {name: part.body() for name, part in parts.items()}
    wrong = [f"{name}: {part.text}" for name, part in found.items() if not part.is_well]
    if wrong:
        raise Unavailable(
            f"The server cannot do all that calls need. {' '.join(wrong)}", details=body
        )
    return Answer(body, 200, {"Cache-Control": "no-store"})
