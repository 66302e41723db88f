"""Activities: what goes on, what failed, and how many calls there were over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from headrace.core.activity import Load, Overview, Period
from headrace.core.clock import now
from headrace.core.errors import InvalidRequest
from headrace.core.health import Health
from headrace.core.schedules import Fate
from headrace.core.scopes import Scope
from headrace.store import activity, health, ledger
from headrace.store.database import Reader


class Range(NamedTuple):
    """A range of time up to now, and how it is divided.

    Attributes:
        seconds: How long it is.
        step_s: Seconds of the counts that are read.
        point_s: Seconds of each period.
    """

    seconds: int
    step_s: int
    point_s: int


RANGES: Mapping[str, Range] = {
    "1h": Range(3600, 60, 60),
    "6h": Range(6 * 3600, 600, 600),
    "24h": Range(86_400, 600, 1800),
    "7d": Range(7 * 86_400, 3600, 3600),
    "31d": Range(31 * 86_400, 21_600, 21_600),
}
"""The ranges, by what they are called in an address."""

NEXT_FIRES = 10


class Activities:
    """Reads of what goes on, bounded whatever is on record."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def load(self, scope: Scope) -> Load:
        """Return how many executions run and wait, and since when the oldest ones do."""
        return await self._reader.read(activity.load)

    async def overview(
        self, scope: Scope, since: datetime, *, next_fires: int = NEXT_FIRES
    ) -> Overview:
        """Return what runs now, what comes next, and what went wrong since a time."""
        read = self._reader.read
        return Overview(
            since=since,
            load=await read(activity.load),
            failures=await read(activity.failures, since),
            unfired=await read(activity.unfired, since),
            next_fires=await read(activity.next_fires, next_fires),
        )

    async def periods(
        self, scope: Scope, chosen: str, *, deployment_id: str = ""
    ) -> Sequence[Period]:
        """Return the periods of a range, oldest first: those without calls as well.

        Args:
            scope: The caller.
            chosen: One of :data:`RANGES`.
            deployment_id: The deployment; empty for all executions.

        Raises:
            InvalidRequest: There is no such range.
        """
        which = RANGES.get(chosen)
        if which is None:
            raise InvalidRequest(f"range must be one of {', '.join(RANGES)}, not {chosen!r:.50}.")
        until_s = int(now().timestamp()) // which.point_s * which.point_s + which.point_s
        since = datetime.fromtimestamp(until_s - which.seconds, UTC)
        found = await self._reader.read(
            activity.periods,
            deployment_id,
            step_s=which.step_s,
            point_s=which.point_s,
            since=since,
            until=datetime.fromtimestamp(until_s, UTC),
        )
        by_begin = {period.begin: period for period in found}
        begins = (
            since + timedelta(seconds=after) for after in range(0, which.seconds, which.point_s)
        )
        return [by_begin.get(begin, Period(begin)) for begin in begins]

    async def with_pods(self, scope: Scope) -> Sequence[tuple[str, str]]:
        """Return id and name of the deployments that are to have pods, at most some hundreds."""
        return await self._reader.read(activity.with_pods)

    async def last_hour(
        self, scope: Scope, deployment_ids: Sequence[str]
    ) -> Mapping[str, tuple[int, int]]:
        """Return how many calls of deployments there were in the last hour, and failures, by id."""
        since = now() - timedelta(hours=1)
        return await self._reader.read(activity.calls_of, deployment_ids, since)

    async def fates_of_days(
        self, scope: Scope, deployment_id: str, since: datetime
    ) -> Mapping[date, Mapping[Fate, int]]:
        """Return how many fire times of each day (UTC) had which fate, of the newest 20,000."""
        return await self._reader.read(ledger.fates_of_days, deployment_id, since)

    async def of_pipelines(self, scope: Scope, ids: Sequence[str]) -> Mapping[str, Health]:
        """Return the ends of the latest executions of pipelines, by id."""
        return await self._reader.read(health.health_of, ids, of_pipelines=True)
