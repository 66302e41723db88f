"""Schedules of periodic deployments: fire times to come, the ledger of the others, the proof."""

from __future__ import annotations

from datetime import UTC, datetime

from headrace.client.messages import Request
from headrace.client.parts import Object, Part
from headrace.core.errors import InvalidRequest
from headrace.core.numbers import is_whole_number
from headrace.wire import routes

PAGE = 1000
"""Rows of the ledger that are asked for at once."""


class ScheduleCalls(Part):
    """When periodic deployments fire, and what became of each fire time."""

    def get_fire_times(self, deployment_name: str, count: int = 10) -> Object:
        """Return the next fire times of a periodic deployment.

        Args:
            deployment_name: The deployment.
            count: How many, at most 1,000.

        Returns:
            ``{"schedule", "human_readable_schedule", "timezone", "is_enabled", "offset_s",
            "fire_times"}``: times in UTC, and the seconds by which the deployment's jitter puts
            off each of them. They go on while the deployment is disabled.

        Raises:
            NotFound: There is no such deployment.
            InvalidRequest: It is an endpoint, or there cannot be so many.
        """
        found: Object = self._transport.call(
            routes.FIRE_TIMES, Request(query={"count": count}), name=deployment_name
        )
        return found

    def get_ledger(
        self,
        deployment_name: str,
        from_datetime: datetime | None = None,
        to_datetime: datetime | None = None,
        fate: str | None = None,
        limit: int | None = None,
        *,
        with_status: bool = False,
    ) -> list[Object]:
        """Return the ledger of a periodic deployment, newest fire time first.

        Each fire time that has come has exactly one row. The rows of a deleted deployment are
        still there.

        Args:
            deployment_name: The deployment.
            from_datetime: Fire times from this time on; one without a zone is in this machine's.
            to_datetime: Fire times before this time.
            fate: Only those with this fate: ``ran``, ``caught_up``, ``overlapped``, ``paused``,
                ``missed`` or ``failed``, which means that no execution could be recorded.
            limit: At most so many; None for all.
            with_status: Rows have ``execution_status`` as well: the present status of the
                execution, None where it is gone.

        Returns:
            Rows of ``{"fire_at", "fate", "execution_id", "detail", "recorded_at", "recorded_by"}``.

        Raises:
            NotFound: There is no periodic deployment of that name, and there never was.
            InvalidRequest: Another argument cannot be used.
        """
        if limit is not None and not is_whole_number(limit):
            raise InvalidRequest(f"limit must be a whole number or None, not {limit!r}.")
        if limit is not None and limit < 1:
            raise InvalidRequest(f"limit must be at least 1, not {limit}.")
        period = _period(from_datetime, to_datetime)
        rows: list[Object] = []
        cursor: str | None = None
        while True:
            left = PAGE if limit is None else min(PAGE, limit - len(rows))
            query = {**period, "fate": fate and str(fate), "limit": left, "cursor": cursor}
            if with_status:
                query["with_status"] = "true"
            page = self._transport.call(routes.LEDGER, Request(query=query), name=deployment_name)
            rows += page["items"]
            cursor = page["next_cursor"]
            if cursor is None or len(rows) == limit:
                return rows

    def verify_ledger(
        self,
        deployment_name: str | None = None,
        from_datetime: datetime | None = None,
        to_datetime: datetime | None = None,
    ) -> Object:
        """Prove from the ledger that no fire time is missing or doubled.

        The fire times are computed anew from the schedule, as it was at each time, and compared
        with the rows one by one.

        Args:
            deployment_name: The deployment; None for all, those deleted included.
            from_datetime: Fire times after this time; None for all that the ledger keeps.
            to_datetime: Fire times up to this time; None for all up to a few seconds ago.

        Returns:
            ``{"is_proven": bool, "deployments": [...]}``. Each deployment has ``is_proven``,
            ``expected`` and ``rows`` (how many), ``fates`` (how many of each), and of the
            ``missing``, ``doubled`` and ``unexpected`` fire times the first 20, with
            ``missing_count``, ``doubled_count`` and ``unexpected_count``.

        Raises:
            NotFound: There is no periodic deployment of that name, and there never was.
        """
        query = {"deployment_name": deployment_name, **_period(from_datetime, to_datetime)}
        found: Object = self._transport.call(routes.VERIFY_LEDGER, Request(query=query))
        return found


def _period(
    from_datetime: datetime | None, to_datetime: datetime | None
) -> dict[str, str | int | None]:
    """Return the parameters of a period; a datetime without a zone is one of this machine's."""
    period: dict[str, str | int | None] = {}
    for key, at in (("from", from_datetime), ("to", to_datetime)):
        if at is None:
            continue
        if not isinstance(at, datetime):
            raise InvalidRequest(f"{key}_datetime must be a datetime, not {at!r}.")
        period[key] = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return period
