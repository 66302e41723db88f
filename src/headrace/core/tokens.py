"""SDK tokens: how they are minted, what is kept of them, how they are compared."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

MARK = "hdr_"
"""How every SDK token begins, so that scanners for leaked secrets can recognise one."""


@dataclass(frozen=True, slots=True)
class User:
    """A person or program behind tokens."""

    id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What is known of an SDK token: not the token itself, of which only a digest is kept."""

    id: str
    name: str
    user: User
    created_at: datetime


def mint_token() -> str:
    """Return a new token: 256 random bits in the characters ``A-Za-z0-9_-`` after a prefix."""
    return MARK + secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """Return the stored digest of a token, whose 256 random bits make one SHA-256 enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def same_token(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())
