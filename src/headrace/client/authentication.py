"""Access tokens: how old one may become before it is fetched anew."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from headrace.client.messages import decode_object
from headrace.core.errors import InvalidRequest

MARGIN_S = 120.0
"""Seconds before its end at which a token is fetched anew (wire contract, 2)."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token and when it was fetched.

    Attributes:
        text: The token.
        fetched_at: Monotonic seconds.
        lifetime_s: Seconds for which it is used, or None until the server refuses it.
    """

    text: str
    fetched_at: float
    lifetime_s: float | None

    def is_fresh(self, now: float) -> bool:
        """Check whether it may be used at monotonic time ``now``."""
        return self.lifetime_s is None or now - self.fetched_at < self.lifetime_s


def access_token(text: str, now: float) -> AccessToken:
    """Return a token that was fetched just now.

    Its age is measured on this machine alone, from ``exp`` and ``iat``, so a wrong clock does no
    harm. A token that does not say how long it lives is used until it is refused.
    """
    claims = _claims(text)
    try:
        lifetime = float(claims["exp"]) - float(claims["iat"])
    except (KeyError, TypeError, ValueError):
        return AccessToken(text, now, None)
    return AccessToken(text, now, lifetime - min(MARGIN_S, lifetime / 2))


def _claims(text: str) -> dict[str, Any]:
    parts = text.split(".")
    if len(parts) != 3:
        return {}
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return decode_object(payload, "The access token")
    except (binascii.Error, InvalidRequest):
        return {}
