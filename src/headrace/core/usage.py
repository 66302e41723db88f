"""What executions and pods use of their machine, over time and in all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

FIRST_SAMPLE_S = 1.0
"""Seconds after which the first sample is taken; what ends earlier has its totals alone."""

DISTANCES = ((10.0, 1.0), (60.0, 5.0))
"""Up to which age, in seconds, samples are taken at which distance."""

LATER_S = 10.0
"""The distance after that."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """Whatever uses the machine and is measured by itself.

    Attributes:
        id: Id of an execution, or of a pod.
        deployment_id: The deployment of a pod; None of an execution.
    """

    id: str
    deployment_id: str | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """Use in all.

    Attributes:
        cpu_s: Seconds of processor time.
        memory: Bytes of memory at its highest.
        read: Bytes read from disks; None where the machine does not count them.
        written: Bytes written to disks; None where the machine does not count them.
    """

    cpu_s: float
    memory: int
    read: int | None = None
    written: int | None = None


@dataclass(frozen=True, slots=True)
class UsageSample:
    """Use in a period.

    Attributes:
        at_ms: The end of the period, in milliseconds since 1970 UTC.
        seconds: Its length.
        cpu: Percent of all processors of the machine.
        memory: Bytes of memory; the highest of the samples that this one stands for.
        read: Bytes read from disks; None where the machine does not count them.
        written: Bytes written to disks; None where the machine does not count them.
        step: Seconds of the grid that it was averaged to; 0 as it was taken.
    """

    at_ms: int
    seconds: float
    cpu: float
    memory: int
    read: int | None
    written: int | None
    step: int = 0


@dataclass(frozen=True, slots=True)
class Measurement:
    """News about a consumer.

    Attributes:
        consumer: Who used it.
        more: Use since the measurement before.
        sample: The period since then; None if the consumer ended before its first sample.
    """

    consumer: Consumer
    more: Used
    sample: UsageSample | None


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Whose use is asked for; each criterion that is given has to hold.

    Attributes:
        pipeline_name: Name of a pipeline.
        deployment_name: Name of a deployment.
        execution_id: Id of an execution.
    """

    pipeline_name: str | None = None
    deployment_name: str | None = None
    execution_id: str | None = None

    def __bool__(self) -> bool:
        """Return whether any criterion is given."""
        return any((self.pipeline_name, self.deployment_name, self.execution_id))


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one consumer, oldest first.

    Attributes:
        worker: Name of the machine.
        consumer: Whose samples they are.
        samples: The samples.
    """

    worker: str
    consumer: Consumer
    samples: Sequence[UsageSample]


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The answer to a question about use.

    Attributes:
        series: Samples by consumer.
        executions: Executions that were measured by themselves.
        total: Their use together, and the highest memory of one; None if there are none.
        is_shared: Whether pods made executions that are asked for: the figures of a pod belong to
            all calls that it makes.
    """

    series: Sequence[Series]
    executions: int
    total: Used | None
    is_shared: bool


def distance_s(age_s: float) -> float:
    """Return the seconds until the next sample of something that began so many seconds ago."""
    return next((distance for until_s, distance in DISTANCES if age_s < until_s), LATER_S)


def plus(one: int | None, other: int | None) -> int | None:
    """Return a sum; None if neither is known."""
    return other if one is None else one if other is None else one + other


def averaged(samples: Sequence[UsageSample], step: int) -> Iterator[UsageSample]:
    """Yield one sample for each period of ``step`` seconds in which some ended.

    Args:
        samples: Of one consumer, in the order of their times.
        step: Seconds of the grid.
    """
    step_ms = step * 1000
    for slot, group in groupby(samples, lambda sample: (sample.at_ms - 1) // step_ms):
        some = list(group)
        seconds = sum(sample.seconds for sample in some)
        read = written = None
        for sample in some:
            read, written = plus(read, sample.read), plus(written, sample.written)
        yield UsageSample(
            at_ms=(slot + 1) * step_ms,
            seconds=seconds,
            cpu=sum(sample.cpu * sample.seconds for sample in some) / seconds,
            memory=max(sample.memory for sample in some),
            read=read,
            written=written,
            step=step,
        )
