"""How many files of a store are open at once, so that descriptors are left for other things."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from headrace.core.errors import Unavailable

SHARE = 16
"""One of so many descriptors of the process is for one kind of file of one store."""

FEWEST = 8

PATIENCE_S = 20.0
"""How long whoever needs a file waits until another one is closed."""


def slots() -> Slots:
    """Return as many slots as this process's limit of descriptors allows."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = 2**16 if soft == resource.RLIM_INFINITY else soft
    return Slots(max(FEWEST, limit // SHARE))


class Slots:
    """Places for open files."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)

    async def take(self) -> None:
        """Wait until a file may be opened.

        Raises:
            Unavailable: None was closed for :data:`PATIENCE_S`.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable(
                "Too many files of the data store are being sent and fetched: try again later."
            ) from None

    def give_back(self) -> None:
        """Release one slot."""
        self._free.release()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold a slot for one open file inside."""
        await self.take()
        try:
            yield
        finally:
            self.give_back()


class LateSlot:
    """A slot that is taken when it is first needed, and given back at the end of the block."""

    def __init__(self, source: Slots) -> None:
        self._source = source
        self._is_taken = False

    async def take(self) -> None:
        """Take the slot if it was not taken yet; raises as :meth:`Slots.take`."""
        if not self._is_taken:
            await self._source.take()
            self._is_taken = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._is_taken:
            self._is_taken = False
            self._source.give_back()
