"""The sockets of the server's port: one for each process that takes connections."""

from __future__ import annotations

import socket

from headrace.core.errors import Unavailable
from headrace.server.settings import Settings

BACKLOG = 2048


def listen(settings: Settings) -> list[socket.socket]:
    """Bind a socket for each process to the port; the first one listens.

    The system spreads connections over those that listen.

    Raises:
        Unavailable: The port cannot be listened on.
    """
    first = _bound(settings, settings.port)
    if settings.processes == 1:
        first.listen(BACKLOG)
        return [first]
    # Bound alone at first: sockets that share a port would take one that another server shares.
    port = first.getsockname()[1]
    first.close()
    sockets = [_bound(settings, port, is_shared=True) for _ in range(settings.processes)]
    sockets[0].listen(BACKLOG)
    return sockets


def _bound(settings: Settings, port: int, *, is_shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((settings.host, port))
    except OSError as error:
        bound.close()
        raise Unavailable(
            f"Port {port} of {settings.host} cannot be listened on: {error.strerror}. "
            "Choose another one with --port."
        ) from error
    return bound
