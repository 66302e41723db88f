"""The environment: whether the server takes work, and how its parts are."""

from __future__ import annotations

from datetime import UTC, datetime

from headrace.client.messages import Json, Request
from headrace.client.parts import Object, Part
from headrace.core.errors import Conflict, InvalidRequest
from headrace.core.standby import PAUSING, EnvironmentStatus
from headrace.wire import routes

DEFAULT_WAIT_S = 300.0
"""Seconds for which pausing and resuming are waited for, unless said."""


class EnvironmentCalls(Part):
    """Pause and resume the server, and ask how it is."""

    def get_environment(self) -> Object:
        """Return the state of the server.

        Returns:
            ``{"environment_id", "environment_status", "environment_status_updated_at", "version",
            "running", "pending", "pythons", …}``. The status is ``ready``, ``standby`` while the
            server is paused, or ``pausing-step-1``, ``pausing-step-2``, ``resuming-step-1`` or
            ``resuming-step-2`` on the way; ``running`` and ``pending`` count executions.
        """
        info: Object = self._transport.call(routes.ENVIRONMENT_INFO)
        summary: Object = self._transport.call(routes.ENVIRONMENT_SUMMARY)
        return info | summary

    def get_activity(self, since: datetime | None = None) -> Object:
        """Return what runs, what failed, and what comes next.

        Args:
            since: From when on failures are told; a day ago unless said. One without a zone is in
                this machine's.

        Returns:
            ``{"since", "running", "pending", "oldest_running_at", "oldest_pending_at", "failures",
            "has_more_failures", "fire_times_without_execution", "next_fire_times"}``. Each of the
            failures is ``{"pipeline_name", "deployment_name", "kind", "message", "count",
            "in_a_row", "last_execution_id", "last_at"}``: those of one deployment, or of the runs
            of a pipeline, for one reason. ``in_a_row`` is how many of its latest executions failed,
            at most 10.
        """
        query = {"since": _instant(since)}
        found: Object = self._transport.call(routes.OVERVIEW, Request(query=query))
        return found

    def get_calls_over_time(
        self,
        range: str = "24h",  # noqa: A002 - the name of the parameter on the wire
        deployment_name: str | None = None,
    ) -> list[Object]:
        """Return how many calls there were in each period of a range, and how long they took.

        Args:
            range: ``"1h"``, ``"6h"``, ``"24h"``, ``"7d"`` or ``"31d"``.
            deployment_name: Only calls of this deployment.

        Returns:
            Periods, oldest first: ``{"begin", "calls", "failed", "p50_s", "p95_s"}``. A call is in
            the period in which it was accepted, once it has ended, after half a minute at most.
            Durations are in seconds, from start to end, true to a tenth; None without any.
        """
        query = {"range": range, "deployment_name": deployment_name}
        found: Object = self._transport.call(routes.CALLS_OVER_TIME, Request(query=query))
        periods: list[Object] = found["periods"]
        return periods

    def get_health(self) -> Object:
        """Return the state of each part of the server, each of them tried.

        Returns:
            By part ``{"status": "ok", "info": str}`` or ``{"status": "error", "error": str}``, with
            ``detail`` where something was measured.
        """
        parts: Object = self._transport.call(routes.HEALTH_DETAILS)
        return parts

    def pause_environment(self, timeout_s: float = DEFAULT_WAIT_S) -> Object:
        """Pause the server: it keeps everything, and takes no work until it is resumed.

        Executions that run end by themselves, and are waited for; those that are pending stay so.
        The pods are released. Calls, runs and builds are refused with ``ServerPaused``.

        Args:
            timeout_s: Seconds for which the pause is waited for; 0 to begin it and return.

        Returns:
            As :meth:`get_environment`.

        Raises:
            WaitTimeout: Something still runs after ``timeout_s``; the server goes on pausing.
            Conflict: Somebody resumed it meanwhile.
        """
        return self._changed(
            EnvironmentStatus.PAUSE_ASKED, EnvironmentStatus.STANDBY, "The pause", timeout_s
        )

    def resume_environment(self, timeout_s: float = DEFAULT_WAIT_S) -> Object:
        """Resume a server that is paused, or about to be.

        Args:
            timeout_s: Seconds for which the pods are waited for; 0 to begin and return.

        Returns:
            As :meth:`get_environment`.

        Raises:
            WaitTimeout: It is not ready after ``timeout_s``; it goes on.
            Conflict: Somebody paused it meanwhile.
        """
        return self._changed(
            EnvironmentStatus.RESUME_ASKED, EnvironmentStatus.READY, "The resumption", timeout_s
        )

    def _changed(
        self, asked: EnvironmentStatus, wanted: EnvironmentStatus, what: str, timeout_s: float
    ) -> Object:
        info: Object = self._transport.call(routes.ENVIRONMENT_INFO)
        self._transport.call(
            routes.CHANGE_ENVIRONMENT,
            Request(body=Json({"status": asked.value})),
            environment_id=info["environment_id"],
        )
        if timeout_s <= 0:
            return self.get_environment()

        def ask(_: float | None) -> Object | None:
            found = self.get_environment()
            status = EnvironmentStatus(found["environment_status"])
            if status is wanted:
                return found
            if (status in PAUSING) is not (wanted is EnvironmentStatus.STANDBY):
                raise Conflict(f"{what} was given up: the server is {status.value} by now.")
            return None

        return self._wait(ask, what, timeout_s)


def _instant(at: object) -> str | None:
    if at is None:
        return None
    if not isinstance(at, datetime):
        raise InvalidRequest(f"since must be a datetime, not {at!r}.")
    return at.astimezone(UTC).isoformat()
