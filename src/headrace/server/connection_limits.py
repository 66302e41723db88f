"""How many connections a server takes, by its settings and its descriptors."""

from __future__ import annotations

import logging

from headrace.server.descriptors import reserved
from headrace.server.limits import DEFAULT_CONNECTIONS, HttpLimits
from headrace.server.settings import Settings

logger = logging.getLogger(__name__)


def connection_limits(settings: Settings, descriptors: int) -> HttpLimits:
    """Return the limits of connections, where this process may open so many descriptors.

    A setting that would leave none in reserve is lowered, and the log says so.
    """
    room = max(descriptors - reserved(descriptors), 1)
    connections = settings.max_connections or min(DEFAULT_CONNECTIONS, descriptors // 2)
    if connections > room:
        logger.warning(
            "HEADRACE_MAX_CONNECTIONS is %d, but there are only %d descriptors (ulimit -n), of "
            "which %d are kept in reserve: at most %d connections are open at once",
            connections,
            descriptors,
            descriptors - room,
            room,
        )
        connections = room
    share = settings.max_connections_per_address or max(1, connections * 3 // 4)
    return HttpLimits(
        connections=connections,
        per_address=min(share, connections),
        request_s=settings.request_timeout_s,
        idle_s=settings.idle_timeout_s,
    )
