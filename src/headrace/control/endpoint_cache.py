"""Endpoints as calls need them, kept until one changes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from headrace.core.deployments import Deployment

MAX_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A deployment that is an endpoint, with its token.

    Attributes:
        deployment: The deployment.
        token: Its token.
        authorization: The value of the header that a caller sends.
    """

    deployment: Deployment
    token: str
    authorization: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "authorization", b"EndpointToken " + self.token.encode())


class EndpointCache:
    """The endpoints that were called of late, by URL path.

    Args:
        trust_s: How long an endpoint is trusted. The only server on a database hears of every
            change, and may trust it for ever.
        on_change: Called when one was created, changed or deleted, before that is answered.
    """

    def __init__(
        self, trust_s: float = math.inf, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._on_change = on_change
        self._trust_s = trust_s
        self._kept: dict[str, tuple[float, Endpoint]] = {}
        self._changes = 0

    @property
    def changes(self) -> int:
        """How often something changed; ask before reading what is to be kept."""
        return self._changes

    def find(self, path: str) -> Endpoint | None:
        """Return the endpoint at a URL path, if it is known and has not changed."""
        kept = self._kept.get(path)
        return kept[1] if kept is not None and kept[0] > time.monotonic() else None

    def keep(self, path: str, endpoint: Endpoint, changes: int) -> None:
        """Keep an endpoint, unless something has changed since it was read."""
        if changes != self._changes:
            return
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[path] = time.monotonic() + self._trust_s, endpoint

    def forget(self) -> None:
        """Forget all endpoints: one was created, changed or deleted."""
        self._kept.clear()
        self._changes += 1
        self._on_change()
