"""What machines used, for callers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from headrace.core.errors import InvalidRequest
from headrace.core.resources import KEPT_S, Sample, Totals
from headrace.core.scopes import Scope
from headrace.store import resources as rows
from headrace.store.database import Reader

MAX_SAMPLES = 100_000
"""Samples of one answer; a month of one machine has a third of that."""


class Resources:
    """What machines used (wire contract, 5.10)."""

    def __init__(self, reader: Reader, totals: Callable[[], Totals]) -> None:
        self._reader = reader
        self._totals = totals

    async def between(
        self, scope: Scope, begin_ms: int, end_ms: int
    ) -> tuple[Totals, Mapping[str, Sequence[Sample]]]:
        """Return what the machine has, and its samples in a period, by server.

        Raises:
            InvalidRequest: The period does not begin before its end, or has too many samples.
        """
        if begin_ms >= end_ms:
            raise InvalidRequest("start must be before end.")
        # What is older is not there, and a period of a century is no reason to look for it.
        begin_ms = max(begin_ms, end_ms - 2 * KEPT_S * 1000)
        count = await self._reader.read(rows.count_between, begin_ms, end_ms)
        if count > MAX_SAMPLES:
            raise InvalidRequest(
                f"There are {count:,} samples in this period, and one answer has at most "
                f"{MAX_SAMPLES:,}: ask for a shorter one."
            )
        found = await self._reader.read(rows.samples_between, begin_ms, end_ms)
        return self._totals(), found
