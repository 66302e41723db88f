"""What a machine uses while it works, and how long that is remembered (wire contract, 5.10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

SAMPLE_S = 10
"""Seconds between two looks at the machine."""

DAY_S = 86_400

STEPS = ((DAY_S, SAMPLE_S), (7 * DAY_S, 60), (31 * DAY_S, 600))
"""Up to which age, in seconds, samples have which distance: older ones are averaged."""

KEPT_S = STEPS[-1][0]
"""Age, in seconds, at which samples go."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one server's machine used.

    Attributes:
        at_ms: When, in milliseconds since 1970 UTC.
        seconds: How long a time it stands for, which ended then.
        cpu: Percent of all processors.
        ram: Percent of the memory.
        disk: Percent of the disk of the data directory.
        received: Bytes that came by the network in this time.
        sent: Bytes that went.
        gpu: Percent of all graphics processors; None where there is none.
        vram: Percent of their memory; None where there is none.
    """

    at_ms: int
    seconds: int
    cpu: float
    ram: float
    disk: float
    received: int
    sent: int
    gpu: float | None = None
    vram: float | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """What the machine of a server has.

    Attributes:
        ram: Bytes of memory.
        disk: Bytes of the disk of the data directory.
        processors: How many processors.
        vram: Bytes of memory of all graphics processors; None where there is none.
    """

    ram: int
    disk: int
    processors: int = 1
    vram: int | None = None


def thinned(samples: Sequence[Sample], seconds: int) -> Iterator[Sample]:
    """Yield samples that stand for longer times, each made of all that ended in one such time.

    Args:
        samples: In the order of their times.
        seconds: How long a time each is to stand for.
    """
    step_ms = seconds * 1000
    for slot, group in groupby(samples, lambda sample: (sample.at_ms - 1) // step_ms):
        some = list(group)
        count = len(some)
        yield Sample(
            at_ms=(slot + 1) * step_ms,
            seconds=seconds,
            cpu=sum(sample.cpu for sample in some) / count,
            ram=sum(sample.ram for sample in some) / count,
            disk=sum(sample.disk for sample in some) / count,
            received=sum(sample.received for sample in some),
            sent=sum(sample.sent for sample in some),
            gpu=_mean(sample.gpu for sample in some),
            vram=_mean(sample.vram for sample in some),
        )


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are known; None if none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
