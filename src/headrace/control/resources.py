"""What machines used, and executions and pods on them, for callers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from headrace.core.errors import InvalidRequest, NotFound, Unavailable
from headrace.core.resources import KEPT_S, Sample, Totals
from headrace.core.scopes import Scope
from headrace.core.usage import (
    Consumer,
    Series,
    UsageFilter,
    UsageReport,
    UsageSample,
    Used,
)
from headrace.store import deployments, pipelines, usage_reports
from headrace.store import resources as rows
from headrace.store.database import Reader

MAX_SAMPLES = 100_000
"""Samples of one answer; a month of one machine has a third of that."""

_FLUSH_S = 5.0
"""Seconds that the latest measurements may take to be recorded before a question is answered."""

_LATE_S = 60
"""Seconds after which a sample surely was taken, if its pod was still there."""


async def _nothing_to_do() -> None: ...


class Resources:
    """What machines used, and executions and pods on them (wire contract, 5.10).

    Args:
        reader: Where it is on record.
        totals: Returns what this machine has.
        flush: Records what has been measured until now.
    """

    def __init__(
        self,
        reader: Reader,
        totals: Callable[[], Totals],
        flush: Callable[[], Awaitable[None]] = _nothing_to_do,
    ) -> None:
        self._reader = reader
        self._totals = totals
        self._flush = flush

    async def between(
        self, scope: Scope, begin_ms: int, end_ms: int
    ) -> tuple[Totals, Mapping[str, Sequence[Sample]]]:
        """Return what the machine has, and its samples in a period, by server.

        Raises:
            InvalidRequest: The period does not begin before its end, or has too many samples.
        """
        begin_ms = _begin(begin_ms, end_ms)
        count = await self._reader.read(rows.count_between, begin_ms, end_ms)
        if count > MAX_SAMPLES:
            raise InvalidRequest(
                f"There are {count:,} samples in this period, and one answer has at most "
                f"{MAX_SAMPLES:,}: ask for a shorter one."
            )
        found = await self._reader.read(rows.samples_between, begin_ms, end_ms)
        return self._totals(), found

    async def used(
        self, scope: Scope, whose: UsageFilter, begin_ms: int, end_ms: int
    ) -> tuple[Totals, UsageReport]:
        """Return what the machine has, and what was used in a period.

        Raises:
            NotFound: There is no execution, pipeline or deployment of that name.
            InvalidRequest: The period does not begin before its end, or has too many samples.
        """
        begin_ms = _begin(begin_ms, end_ms)
        # What is on record is answered in any case.
        with contextlib.suppress(TimeoutError, Unavailable):
            async with asyncio.timeout(_FLUSH_S):
                await self._flush()
        pods_of, ran = await self._pods_of(whose), None
        if whose.execution_id is not None:
            ran = await self._reader.read(usage_reports.ran, whose.execution_id)
            if ran is None:
                raise NotFound(f"There is no execution {whose.execution_id!r}.")
            pods_of = ran.pods_of
        read = self._reader.read
        of_executions = await read(
            usage_reports.series_of_executions, whose, begin_ms, end_ms, most=MAX_SAMPLES
        )
        of_pods: list[Series] | None = []
        if pods_of is not None:
            period = (begin_ms, end_ms) if ran is None else _while(ran, begin_ms, end_ms)
            of_pods = await read(usage_reports.series_of_pods, pods_of, *period, most=MAX_SAMPLES)
            if of_pods is not None and ran is not None and ran.ended_at is not None:
                of_pods = _until_known(of_pods, _ms(ran.ended_at))
        if of_executions is None or of_pods is None:
            raise InvalidRequest(
                f"There are more than {MAX_SAMPLES:,} samples in this period, which one answer "
                "has at most: ask for a shorter one, or for fewer executions."
            )
        count, total = await read(usage_reports.totals, whose, _instant(begin_ms), _instant(end_ms))
        machine = self._totals()
        if ran is not None and total is not None and not of_executions:
            of_executions = _from_total(whose.execution_id or "", ran, total, machine.processors)
        series = [*of_executions, *of_pods]
        return machine, UsageReport(series, count, total, pods_of is not None)

    async def _pods_of(self, whose: UsageFilter) -> str | None:
        """Return the id of the deployment that is asked for, if it has pods."""
        if whose.pipeline_name is not None:
            pipeline = await self._reader.read(pipelines.pipeline_by_name, whose.pipeline_name)
            if pipeline is None:
                raise NotFound(f"There is no pipeline {whose.pipeline_name!r}.")
        if whose.deployment_name is None:
            return None
        found = await self._reader.read(deployments.deployment_by_name, whose.deployment_name)
        if found is None:
            raise NotFound(f"There is no deployment {whose.deployment_name!r}.")
        deployment, _ = found
        return None if deployment.low_latency is None else deployment.id


def _begin(begin_ms: int, end_ms: int) -> int:
    if begin_ms >= end_ms:
        raise InvalidRequest("start must be before end.")
    # What is older is not there, and a period of a century is no reason to look for it.
    return max(begin_ms, end_ms - 2 * KEPT_S * 1000)


def _while(ran: usage_reports.Ran, begin_ms: int, end_ms: int) -> tuple[int, int]:
    """Return the part of a period in which the samples have an execution that pods make."""
    if ran.started_at is not None:
        begin_ms = max(begin_ms, _ms(ran.started_at))
    if ran.ended_at is not None:
        end_ms = min(end_ms, _ms(ran.ended_at) + _LATE_S * 1000)
    return begin_ms, max(begin_ms, end_ms)


def _until_known(of_pods: Sequence[Series], ended_ms: int) -> list[Series]:
    """Return series up to the first sample after an end, which tells of the time before it."""
    found = []
    for series in of_pods:
        samples = series.samples
        count = sum(sample.at_ms < ended_ms for sample in samples)
        found.append(replace(series, samples=samples[: count + 1]))
    return found


def _from_total(
    execution_id: str, ran: usage_reports.Ran, total: Used, processors: int
) -> list[Series]:
    """Return the one sample of an execution that ended before another was taken."""
    if ran.worker is None or ran.started_at is None or ran.ended_at is None:
        return []
    seconds = max((ran.ended_at - ran.started_at).total_seconds(), 0.001)
    sample = UsageSample(
        at_ms=_ms(ran.ended_at),
        seconds=seconds,
        cpu=min(100.0, total.cpu_s / seconds / processors * 100),
        memory=total.memory,
        read=total.read,
        written=total.written,
    )
    return [Series(ran.worker, Consumer(execution_id), [sample])]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(max(at_ms, 0) / 1000, UTC)
