"""What calls and pods use: sampled from their process trees, and asked for at their end."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import psutil

from headrace.core.clock import now_s
from headrace.core.usage import (
    FIRST_SAMPLE_S,
    Consumer,
    Measurement,
    UsageSample,
    Used,
    distance_s,
    plus,
)
from headrace_harness.processes import tree_of

logger = logging.getLogger(__name__)

_MOST_ENDED = 10_000
"""Consumers that have ended and are remembered until somebody takes their measurements."""

_MOST_LOOKED_INTO = 100
"""Processes of one consumer whose own memory is asked for, the largest: the kernel counts pages."""

_NOTHING = Used(0.0, 0)


@dataclass(eq=False, slots=True)
class Metered:
    """A consumer while it is measured.

    Attributes:
        consumer: Who uses the machine.
        begin: When it began, as ``time.monotonic`` counts.
        pid: Root of its processes; 0 until that is known.
        used: Its use until the last sample.
        sampled_at: When that was.
        due_at: When the next sample is due.
        memory: Bytes of memory at the last sample.
    """

    consumer: Consumer
    begin: float
    pid: int = 0
    used: Used = _NOTHING
    sampled_at: float = 0.0
    due_at: float = 0.0
    memory: int = 0


class Meter:
    """Measures calls and pods (:class:`headrace.engines.port.Metering`).

    All of it belongs to the event loop's thread, except for the reading of ``/proc``. A call that
    ends before its first sample costs two entries in a container.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._live: dict[Metered, None] = {}
        self._ended: deque[Measurement] = deque(maxlen=_MOST_ENDED)
        self._dropped = 0
        self._processors = os.cpu_count() or 1

    def begin(self, consumer: Consumer) -> Metered:
        """Measure a consumer from now on; its first process is named by :attr:`Metered.pid`."""
        now = self._clock()
        metered = Metered(consumer, now, sampled_at=now, due_at=now + FIRST_SAMPLE_S)
        self._live[metered] = None
        return metered

    def end(self, metered: Metered, counts: Sequence[int] | None = None) -> None:
        """Measure a consumer no more.

        Args:
            metered: What :meth:`begin` returned.
            counts: What the kernel counted for its first process
                (:data:`headrace_harness.usage.Used`); None if nobody asked it.
        """
        del self._live[metered]
        used = None if counts is None else _used(counts)
        if used is not None:
            sampled = metered.sampled_at > metered.begin
            self._dropped += len(self._ended) == _MOST_ENDED
            self._ended.append(self._note(metered, used, metered.memory, has_sample=sampled))

    async def take(self) -> list[Measurement]:
        """Sample what is due; return all measurements since the last time."""
        now = self._clock()
        due = [metered for metered in self._live if metered.pid and now >= metered.due_at]
        looks = await asyncio.to_thread(_look_at, [metered.pid for metered in due]) if due else []
        taken = [
            self._note(metered, look, look.memory, has_sample=True)
            for metered, look in zip(due, looks, strict=True)
            # It may have ended meanwhile, and has told what it used.
            if look is not None and metered in self._live
        ]
        taken += self._ended
        self._ended.clear()
        if self._dropped:
            logger.warning("%d measurements were not taken in time, and are lost", self._dropped)
            self._dropped = 0
        return taken

    def _note(self, metered: Metered, used: Used, memory: int, *, has_sample: bool) -> Measurement:
        """Return the news about a consumer that has used so much since it began."""
        now, before = self._clock(), metered.used
        # Of a process that nobody waited for, the kernel forgets the counts.
        used = Used(
            max(used.cpu_s, before.cpu_s),
            max(used.memory, before.memory),
            _highest(used.read, before.read),
            _highest(used.written, before.written),
        )
        more = replace(
            used,
            cpu_s=used.cpu_s - before.cpu_s,
            read=_less(used.read, before.read),
            written=_less(used.written, before.written),
        )
        seconds = max(now - metered.sampled_at, 0.001)
        sample = UsageSample(
            at_ms=int(now_s() * 1000),
            seconds=round(seconds, 3),
            cpu=min(100.0, more.cpu_s / seconds / self._processors * 100),
            memory=memory,
            read=more.read,
            written=more.written,
        )
        metered.used, metered.memory, metered.sampled_at = used, memory, now
        metered.due_at = now + distance_s(now - metered.begin)
        return Measurement(metered.consumer, more, sample if has_sample else None)


@dataclass(slots=True)
class _Tree:
    """The use of the processes of a tree that are there."""

    cpu_s: float = 0.0
    read: int | None = None
    written: int | None = None
    resident: list[tuple[int, psutil.Process]] = field(default_factory=list)

    def add(self, process: psutil.Process) -> None:
        with process.oneshot():
            times = process.cpu_times()
            self.cpu_s += times.user + times.system + times.children_user + times.children_system
            self.resident.append((process.memory_info().rss, process))
        try:
            counters = process.io_counters()
        except (psutil.AccessDenied, OSError, NotImplementedError):
            return
        self.read = plus(self.read, counters.read_bytes)
        self.written = plus(self.written, counters.write_bytes)

    @property
    def memory(self) -> int:
        """The largest process as a whole, and of the others what they share with nobody.

        So what a process shares with those that it forks counts once.
        """
        self.resident.sort(key=lambda one: one[0], reverse=True)
        others = self.resident[1:_MOST_LOOKED_INTO]
        return self.resident[0][0] + sum(_alone(*one) for one in others)


def _look_at(pids: Iterable[int]) -> list[Used | None]:
    """Return the use of each tree of processes since it began; None if it is gone."""
    return [_look(pid) for pid in pids]


def _look(pid: int) -> Used | None:
    tree = _Tree()
    try:
        pids = tree_of(pid)
    except OSError:
        # It ended while it was being read.
        return None
    for each in pids:
        try:
            tree.add(psutil.Process(each))
        except psutil.Error:
            continue
    return Used(tree.cpu_s, tree.memory, tree.read, tree.written) if tree.resident else None


def _alone(resident: int, process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.NoSuchProcess:
        return 0
    except psutil.Error:
        return resident


def _used(counts: Sequence[int]) -> Used:
    cpu_us, memory, read, written = counts
    return Used(cpu_us / 1_000_000, memory, read, written)


def _highest(one: int | None, other: int | None) -> int | None:
    return max((count for count in (one, other) if count is not None), default=None)


def _less(after: int | None, before: int | None) -> int | None:
    return None if after is None else after - (before or 0)
