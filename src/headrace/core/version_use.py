"""What became of the latest executions of a pipeline, version by version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

LOOKED_AT = 2000
"""How many of a pipeline's newest executions are looked at."""


class Ended(NamedTuple):
    """An execution that has ended.

    Attributes:
        version: Number of the version that it ran.
        has_failed: Whether it failed.
        seconds: How long it was at work; None if it never began.
    """

    version: int
    has_failed: bool
    seconds: float | None


@dataclass(frozen=True, slots=True)
class VersionUse:
    """What became of the executions of one version.

    Attributes:
        ended: How many have ended; cancelled ones do not count.
        failed: How many of these failed.
        median_s: Half of those that succeeded took no longer; None if none did.
        slow_s: 95 % of them took no longer.
    """

    ended: int
    failed: int
    median_s: float | None
    slow_s: float | None

    @property
    def share_failed(self) -> float:
        """The share that failed, from 0 to 1."""
        return self.failed / self.ended


@dataclass(frozen=True, slots=True)
class VersionUses:
    """What became of a pipeline's latest executions.

    Attributes:
        looked_at: So many were looked at, those included that have not ended.
        since: When the first of them was accepted; None if there are none.
        is_all: Whether the pipeline has no others.
        by_number: The use of each version that has one.
    """

    looked_at: int = 0
    since: datetime | None = None
    is_all: bool = True
    by_number: Mapping[int, VersionUse] = field(default_factory=dict)


def uses_of(ended: Iterable[Ended]) -> dict[int, VersionUse]:
    """Return the use of each version that some executions ran."""
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    took: dict[int, list[float]] = defaultdict(list)
    for one in ended:
        counts[one.version][0] += 1
        counts[one.version][1] += one.has_failed
        if not one.has_failed and one.seconds is not None:
            took[one.version].append(one.seconds)
    return {
        number: VersionUse(count, failed, _below(took[number], 0.5), _below(took[number], 0.95))
        for number, (count, failed) in counts.items()
    }


def _below(seconds: list[float], share: float) -> float | None:
    """Return the least of some durations that so large a share of them does not exceed."""
    if not seconds:
        return None
    rank = -(-len(seconds) * round(share * 100) // 100)
    return sorted(seconds)[max(rank, 1) - 1]
