"""Sessions: people who signed in with a browser, and how long that lasts."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from headrace.core.scopes import Scope

IDLE = timedelta(days=7)
"""A session that was not used for so long has ended."""

LIFETIME = timedelta(days=30)
"""So long a session lasts at most."""

MOST = 100
"""Sessions of one person; the one that was not used for longest ends when there is another."""

SEEN_EVERY = timedelta(minutes=10)
"""Use is written down once in so long a time."""


@dataclass(frozen=True, slots=True)
class Session:
    """A person who has signed in.

    Attributes:
        scope: The person with the person's rights.
        csrf: What a request that changes something bears besides the cookie: other sites, whose
            pages may make a browser send the cookie, do not know it.
    """

    scope: Scope
    csrf: str


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What is kept of a session: not its token, of which only a digest is kept.

    Attributes:
        digest: Of its token.
        user_id: Who signed in.
        sdk_token_id: The SDK token that it was opened with, or None.
        created_at: When, UTC.
        seen_at: When it was last used, within :data:`SEEN_EVERY`, UTC.
    """

    digest: str
    user_id: str
    sdk_token_id: str | None
    created_at: datetime
    seen_at: datetime

    def is_over(self, at: datetime) -> bool:
        """Check whether it has ended by a time."""
        return at >= self.created_at + LIFETIME or at >= self.seen_at + IDLE


def mint_session() -> str:
    """Return a new token of a session: 256 random bits in characters that a cookie may have."""
    return secrets.token_urlsafe(32)


def csrf_of(token: str, key: bytes) -> str:
    """Return what requests of a session bear besides its token."""
    return hmac.digest(key, token.encode(), "sha256").hex()
