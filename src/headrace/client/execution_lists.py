"""Lists of executions, and one of them found by the beginning of its id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from headrace.client.messages import Query, Request
from headrace.client.parts import Object, Part
from headrace.core.errors import AmbiguousId, InvalidRequest, NotFound
from headrace.wire import routes

LATEST = "latest"
"""What is said for the newest execution in place of an id."""

ID_LENGTH = 36
MAX_CANDIDATES = 5
_BEGINNING = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{0,35}")


class ExecutionLists(Part):
    """Which executions there are."""

    def list_pipeline_executions(self, pipeline_name: str) -> list[Object]:
        """Return the executions of a pipeline, newest first, without inputs and outputs.

        Raises:
            NotFound: There is no such pipeline.
        """
        found: list[Object] = self._transport.call(routes.PIPELINE_EXECUTIONS, name=pipeline_name)
        return found

    def list_executions(
        self,
        limit: int | None = None,
        cursor: str | None = None,
        status: str | Sequence[str] | None = None,
        pipeline_name: str | None = None,
        deployment_name: str | None = None,
        since: datetime | None = None,
        id_prefix: str | None = None,
        until: datetime | None = None,
        version: int | None = None,
        *,
        created_by: str | None = None,
        execution_rule: str | None = None,
        text: str | None = None,
        after: str | None = None,
    ) -> Object:
        """Return one page of all executions, newest first.

        A page may have fewer than ``limit`` and yet a ``next_cursor``, where many had to be looked
        at for it.

        Args:
            limit: At most so many.
            cursor: ``next_cursor`` of the page before.
            status: Only those with this status, a member of :class:`~headrace.EXECUTION_STATUS`,
                or with one of several.
            pipeline_name: Only those of this pipeline.
            deployment_name: Only those of this deployment.
            since: Only those created from this time on; one without a zone is in this machine's.
            id_prefix: Only those whose ids begin so.
            until: Only those created before this time.
            version: Only those of this version, of the pipeline or deployment that is named.
            created_by: Only those of this user: an id, a name or an e-mail address.
            execution_rule: Only those that started so: ``run``, ``endpoint`` or ``periodic``.
            text: Only those whose ids begin so; if none does, those that failed with a reason that
                contains it.
            after: ``previous_cursor`` of the page after: what comes before that one.

        Returns:
            ``{"items": [...], "next_cursor": str | None, "previous_cursor": str | None}``.

        Raises:
            NotFound: There is no such pipeline or deployment.
            InvalidRequest: Another argument cannot be used.
        """
        query: Query = {
            "limit": limit,
            "cursor": cursor,
            "after": after,
            "id_prefix": id_prefix,
            **_chosen(
                status,
                pipeline_name,
                deployment_name,
                since,
                until,
                version,
                created_by,
                execution_rule,
                text,
            ),
        }
        page: Object = self._transport.call(routes.EXECUTIONS, Request(query=query))
        return page

    def count_executions(
        self,
        *,
        pipeline_name: str | None = None,
        deployment_name: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        version: int | None = None,
        created_by: str | None = None,
        execution_rule: str | None = None,
        text: str | None = None,
    ) -> Object:
        """Return how many executions there are of each status, counted up to a bound.

        Args:
            pipeline_name: As :meth:`list_executions`, and so are all others.
            deployment_name: Only those of this deployment.
            since: Only those created from this time on.
            until: Only those created before this time.
            version: Only those of this version.
            created_by: Only those of this user.
            execution_rule: Only those that started so.
            text: Only those whose ids or reasons have it.

        Returns:
            By status, and ``all``: ``{"count": int, "is_exact": bool}``; where ``is_exact`` is
            False there may be more.

        Raises:
            NotFound: There is no such pipeline or deployment.
            InvalidRequest: Another argument cannot be used.
        """
        query = _chosen(
            None,
            pipeline_name,
            deployment_name,
            since,
            until,
            version,
            created_by,
            execution_rule,
            text,
        )
        found: Object = self._transport.call(routes.COUNT_EXECUTIONS, Request(query=query))
        counts: Object = found["counts"]
        return counts

    def compare_executions(
        self,
        execution_ids: Sequence[str],
        columns: Sequence[str] | None = None,
        csv: bool = False,
    ) -> Any:
        """Return executions side by side: what went in, what came out, how they went.

        Args:
            execution_ids: The executions, at most 50.
            columns: Only these, such as ``took_s``, ``input.seed``, ``output.label``,
                ``metric.accuracy`` or ``last.loss`` (the last value of a list metric).
            csv: Return a table as the bytes of a CSV file, a row for each execution.

        Returns:
            ``{"execution_ids": [...], "columns": [{"name", "differs", "values"}]}``, with the
            values in the order of the executions; None where there is none.

        Raises:
            NotFound: There is no such execution.
            InvalidRequest: Another argument cannot be used.
        """
        query: Query = {
            "id": tuple(execution_ids),
            "column": tuple(columns or ()),
            "download": "true" if csv else None,
        }
        return self._transport.call(routes.COMPARE_EXECUTIONS, Request(query=query))

    def find_execution_id(self, beginning: str) -> str:
        """Return the id of the execution whose id begins so; ``latest`` is the newest of all.

        Raises:
            NotFound: There is none.
            AmbiguousId: There are several; ``details["candidates"]`` has the newest of them.
        """
        beginning = beginning.lower()
        if len(beginning) == ID_LENGTH:
            return beginning
        is_latest = beginning == LATEST
        if not (is_latest or _BEGINNING.fullmatch(beginning)):
            raise NotFound(
                f"There is no execution {beginning!r}: give its id, the beginning of its id, or "
                f"{LATEST!r}."
            )
        found = self.list_executions(
            1 if is_latest else MAX_CANDIDATES, id_prefix=None if is_latest else beginning
        )
        ids = [item["execution_id"] for item in found["items"]]
        if not ids:
            raise NotFound(
                "There are no executions." if is_latest else f"There is no execution {beginning!r}."
            )
        if len(ids) > 1:
            shown = "".join(
                f"\n  {item['execution_id']}  {item['pipeline_name']}  {item['status']}"
                for item in found["items"]
            )
            more = "\n  and more" if found["next_cursor"] else ""
            raise AmbiguousId(
                f"Several executions have an id that begins with {beginning!r}:{shown}{more}",
                details={"candidates": ids},
            )
        return str(ids[0])


def _chosen(
    status: str | Sequence[str] | None,
    pipeline_name: str | None,
    deployment_name: str | None,
    since: datetime | None,
    until: datetime | None,
    version: int | None,
    created_by: str | None,
    execution_rule: str | None,
    text: str | None,
) -> Query:
    """Return the part of a query that says which executions are meant."""
    several = [status] if isinstance(status, str) else list(status or ())
    return {
        "status": tuple(str(one) for one in several),
        "pipeline_name": pipeline_name,
        "deployment_name": deployment_name,
        "since": _instant(since, "since"),
        "until": _instant(until, "until"),
        "version": version,
        "created_by": created_by,
        "execution_rule": execution_rule,
        "text": text,
    }


def _instant(at: object, name: str) -> str | None:
    if at is None:
        return None
    if not isinstance(at, datetime):
        raise InvalidRequest(f"{name} must be a datetime, not {at!r}.")
    return at.astimezone(UTC).isoformat()
