"""Passwords: hashed slowly, and no more of them at once than the machine can bear."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from headrace.core.errors import Overloaded
from headrace.core.users import password_bytes

AT_ONCE = 2
"""Passwords that are hashed at the same time, each with 64 MiB of memory."""

MOST_WAITING = 16
"""Passwords that wait for their turn at most; whoever comes then is told to come back."""

KEPT_FOR_KNOWN = 4
"""How many of these places are for people who are signed in, or were before."""

NICENESS = 5
"""Hashing takes what the calls that are served leave of the processors."""

R = TypeVar("R")

TIME_COST = 3
MEMORY_KIB = 65536
"""What hashing a password costs: the parameters of RFC 9106 for machines with little memory."""


class Passwords:
    """Hashes passwords by Argon2id.

    Args:
        time_cost: How often the memory is passed over.
        memory_kib: How much memory that is.
    """

    def __init__(self, time_cost: int = TIME_COST, memory_kib: int = MEMORY_KIB) -> None:
        # One lane: several would take as many processors from the calls that are served.
        self._hasher = PasswordHasher(time_cost, memory_kib, parallelism=1)
        # What is compared where there is no hash, which takes as long; no password has this one.
        self._nobody = f"$argon2id$v=19$m={memory_kib},t={time_cost},p=1${'A' * 22}${'A' * 43}"
        self._threads = ThreadPoolExecutor(AT_ONCE, "passwords", _stand_back)
        self._pending = 0

    async def hash(self, password: str) -> str:
        """Return what is kept of a password.

        Raises:
            Overloaded: Too many passwords wait for their turn.
        """
        return await self._in_turn(MOST_WAITING, self._hasher.hash, password_bytes(password))

    async def matches(self, hashed: str | None, password: str, *, is_known: bool = False) -> bool:
        """Check a password. It takes the same time if there is no hash to compare it with.

        Args:
            hashed: What is kept of the right one, or None.
            password: The one that was given.
            is_known: Whether somebody asks who has signed in before.

        Raises:
            Overloaded: Too many passwords wait for their turn.
        """
        places = MOST_WAITING if is_known else MOST_WAITING - KEPT_FOR_KNOWN
        text = password_bytes(password)
        is_same = await self._in_turn(places, self._is_same, hashed or self._nobody, text)
        return is_same and hashed is not None

    def _is_same(self, hashed: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, places: int, work: Callable[..., R], *given: str | bytes) -> R:
        if self._pending >= AT_ONCE + places:
            raise Overloaded(
                "Too many passwords are being checked at this moment: try again in a few seconds.",
                details={"retry_after_s": 5},
            )
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)
        finally:
            self._pending -= 1


def _stand_back() -> None:
    """Lower the priority of this thread, which Linux gives to each of its own."""
    thread = threading.get_native_id()
    # Where the server's own is lower, to raise it would be refused, and nobody could sign in.
    nice = max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
    os.setpriority(os.PRIO_PROCESS, thread, nice)
