"""Tries to sign in: how many somebody has in a row, and how soon there is another."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

MOST_KEYS = 10_000
"""Addresses or names whose tries are remembered; beyond, the one with fewest of them is forgotten.

So whoever tries many names does not wipe out the tries for one of them.
"""

IPV6_PREFIX = 64
"""Bits of an IPv6 address that are looked at: the others are its holder's to choose."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something may be tried.

    Attributes:
        in_a_row: Tries that may follow each other at once.
        every_s: Seconds after which there is one more.
    """

    in_a_row: int
    every_s: float


OF_ADDRESS = Rate(10, 30.0)
"""Of all who come from an address."""

OF_NAME = Rate(20, 120.0)
"""For a name, from all addresses together, by browsers that never signed in by it."""

OF_BROWSER = Rate(10, 30.0)
"""Of a browser that has signed in by the name before, which strangers cannot use up."""


class Tries:
    """Counts tries by keys, in bounded memory.

    Args:
        rate: How often each key may be tried.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        # For each key, until when its tries are used up if they come at the rate from now on.
        self._spent_until: dict[bytes, float] = {}

    def wait_s(self, key: str, at: float) -> float:
        """Return the seconds until a key may be tried, 0 if it may be at once.

        Args:
            key: An address or a name, of any length.
            at: Time of a clock that goes on steadily.
        """
        rate = self._rate
        spent = self._spent_until.get(_digest(key), at) - at
        return max(0.0, spent - (rate.in_a_row - 1) * rate.every_s)

    def count(self, key: str, at: float) -> None:
        """Record a try."""
        digest = _digest(key)
        if digest not in self._spent_until and len(self._spent_until) >= MOST_KEYS:
            del self._spent_until[min(self._spent_until, key=self._spent_until.__getitem__)]
        until = max(self._spent_until.get(digest, at), at) + self._rate.every_s
        self._spent_until[digest] = until

    def give_back(self, key: str) -> None:
        """Forget one try, which was no failure. Others of the same key still count."""
        digest = _digest(key)
        if digest in self._spent_until:
            self._spent_until[digest] -= self._rate.every_s


def neighbourhood(address: str) -> str:
    """Return the part of a network address that one caller does not choose at will."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found) >> 128 - IPV6_PREFIX << 128 - IPV6_PREFIX))
    return str(found)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:16]
