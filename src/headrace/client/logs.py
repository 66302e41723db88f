"""Logs: the lines there are, and those still to come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.client.messages import Query, Request
from headrace.client.parts import Part
from headrace.wire import routes
from headrace.wire.route import Route

HOLD_S = 20
"""Seconds for which the server is asked to hold a question about lines still to come."""

PAGE_LINES = 2000

Line = dict[str, Any]


class LogCalls(Part):
    """Logs as they are written."""

    def iter_pipeline_logs(self, pipeline_name: str, *, follow: bool = False) -> Iterator[Line]:
        """Yield the log of a pipeline's build, line by line.

        Args:
            pipeline_name: The pipeline.
            follow: Go on until the build ends; otherwise stop at the last line there is.

        Yields:
            ``{"timestamp": ISO 8601 UTC, "message": str, "stream": str}``, times ascending.

        Raises:
            NotFound: There is no such pipeline.
        """
        return self._lines(routes.PIPELINE_LOG_LINES, follow, name=pipeline_name)

    def iter_execution_logs(self, execution_id: str, *, follow: bool = False) -> Iterator[Line]:
        """Yield the log of an execution, line by line; see :meth:`iter_pipeline_logs`.

        Raises:
            NotFound: There is no such execution.
        """
        return self._lines(routes.EXECUTION_LOG_LINES, follow, execution_id=execution_id)

    def read_execution_log(self, execution_id: str, cursor: int = 0) -> Line:
        """Return the lines of an execution's log that are there, from a place on.

        Args:
            execution_id: The execution.
            cursor: ``cursor`` of the page before.

        Returns:
            ``{"lines": [{"timestamp", "message", "stream"}], "cursor": int, "is_complete": bool}``;
            it is complete once the execution has ended and these are its last lines.

        Raises:
            NotFound: There is no such execution.
        """
        query = {"cursor": cursor, "wait_s": 0, "limit": PAGE_LINES}
        page: Line = self._transport.call(
            routes.EXECUTION_LOG_LINES, Request(query=query), execution_id=execution_id
        )
        return page

    def search_execution_log(
        self, execution_id: str, text: str, *, after: int = 0, limit: int | None = None
    ) -> Line:
        """Return the lines of an execution's log that have a text, ASCII letters in whatever case.

        Args:
            execution_id: The execution.
            text: What they have.
            after: Only lines with greater numbers are returned; all are counted.
            limit: At most so many are returned, 100 unless it is given and 1,000 at most.

        Returns:
            ``{"lines": [{"number", "timestamp", "message", "stream"}], "count": int, "is_exact":
            bool}``; where ``is_exact`` is False there may be more than ``count``.

        Raises:
            NotFound: There is no such execution.
            InvalidRequest: Another argument cannot be used.
        """
        query: Query = {"text": text, "after": after, "limit": limit}
        found: Line = self._transport.call(
            routes.SEARCH_LOG, Request(query=query), execution_id=execution_id
        )
        return found

    def iter_deployment_logs(self, deployment_name: str, *, follow: bool = False) -> Iterator[Line]:
        """Yield what the pods of a low-latency deployment said outside of executions.

        Args:
            deployment_name: The deployment.
            follow: Go on until the deployment is deleted.

        Yields:
            ``{"timestamp", "message", "stream", "pod_id", "type"}``, times ascending.

        Raises:
            NotFound: There is no such deployment.
        """
        return self._lines(routes.DEPLOYMENT_LOG_LINES, follow, name=deployment_name)

    def _lines(self, route: Route, follow: bool, **names: str) -> Iterator[Line]:
        query = {"cursor": 0, "wait_s": HOLD_S if follow else 0, "limit": PAGE_LINES}

        def next_page(left: float | None) -> Line | None:
            del left
            page: Line = self._transport.call(route, Request(query=dict(query)), **names)
            is_news = page["lines"] or page["is_complete"] or not follow
            return page if is_news else None

        while True:
            page = self._wait(next_page, "The log")
            query["cursor"] = page["cursor"]
            yield from page["lines"]
            if page["is_complete"] or not (follow or page["lines"]):
                return
