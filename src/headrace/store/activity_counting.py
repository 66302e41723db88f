"""Counts of executions over time: how they are taken from the rows, each row once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, delete, func, insert, literal, or_, select, text
from sqlalchemy.sql.elements import ColumnElement

from headrace.core.activity import BIN_ENDS, NEVER_STARTED, STEPS
from headrace.core.names import least_id
from headrace.core.outcomes import FailureKind
from headrace.store.moments import to_us
from headrace.store.settings import ACTIVITY_COUNTED, read_setting, write_setting
from headrace.store.tables import UNFINISHED, activity_counts, activity_open, executions

BATCH = 4000
"""Executions that are counted at once."""

_MINUTE_US = 60_000_000


class Key(NamedTuple):
    """The key of a count: its deployment, its period and its bin of durations."""

    whose: str
    step_s: int
    begin_s: int
    bin: int


@dataclass(slots=True)
class News:
    """Executions that are not counted yet.

    Attributes:
        after: The id behind which they begin.
        until: The id of the last of them, or one before the next.
        is_all: Whether there were no more of them.
        calls: What they add to each count.
        failed: What they add to each count of failures.
        opened: Those that have not ended, which are counted later.
        settled: Those of an earlier time that are in the counts now, or are gone.
    """

    after: str
    until: str
    is_all: bool
    calls: Counter[Key] = field(default_factory=Counter)
    failed: Counter[Key] = field(default_factory=Counter)
    opened: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        """Whether there is anything to record, the place that was reached included."""
        return bool(self.calls or self.opened or self.settled) or not self.is_all


def _bin(duration: ColumnElement[int], low: int, high: int) -> ColumnElement[int]:
    """Return what finds the bin of a duration by halving: bins are counted where the rows are."""
    if low == high:
        return literal(low)
    middle = (low + high) // 2
    return case(
        (duration < BIN_ENDS[middle], _bin(duration, low, middle)),
        else_=_bin(duration, middle + 1, high),
    )


_DURATION = executions.c.ended_at - executions.c.started_at
_COUNTED = (
    func.coalesce(executions.c.deployment_id, "").label("whose"),
    (executions.c.created_at // literal(_MINUTE_US)).label("minute"),
    case(
        (executions.c.started_at.is_(None), NEVER_STARTED),
        else_=_bin(_DURATION, 0, len(BIN_ENDS)),
    ).label("bin"),
)
_HAS_FAILED = executions.c.failure_kind != FailureKind.CANCELLED.value
_NEWS = (
    executions.c.id > bindparam("after"),
    executions.c.id <= bindparam("until"),
)
_LAST = select(executions.c.id).where(*_NEWS).order_by(executions.c.id).offset(BATCH - 1).limit(1)
_ENDED = (
    select(*_COUNTED, func.count(), func.count().filter(_HAS_FAILED))
    .where(*_NEWS, executions.c.ended_at.is_not(None))
    .group_by(text("1"), text("2"), text("3"))
)
_OPEN = select(executions.c.id).where(*_NEWS, UNFINISHED)
_SETTLED = (
    select(
        activity_open.c.execution_id,
        executions.c.id.is_(None).label("is_gone"),
        *_COUNTED,
        case((_HAS_FAILED, 1), else_=0).label("failed"),
    )
    .select_from(activity_open)
    .join(executions, executions.c.id == activity_open.c.execution_id, isouter=True)
    .where(or_(executions.c.id.is_(None), executions.c.ended_at.is_not(None)))
    .limit(BATCH)
)
_ADD = text(
    "INSERT INTO activity_counts (whose, step_s, begin_s, bin, calls, failed)"
    " VALUES (:whose, :step_s, :begin_s, :bin, :calls, :failed)"
    " ON CONFLICT (whose, step_s, begin_s, bin) DO UPDATE"
    " SET calls = activity_counts.calls + excluded.calls,"
    " failed = activity_counts.failed + excluded.failed"
)
_FORGET = delete(activity_counts).where(
    *(activity_counts.c[name] == bindparam(f"of_{name}") for name in Key._fields)
)


def find_news(connection: Connection, until: datetime, now: datetime) -> News:
    """Return what executions accepted before ``until`` add to the counts, at most some of them."""
    stored = read_setting(connection, ACTIVITY_COUNTED)
    after = stored or ""
    end = least_id(until)
    if end <= after:
        news = News(after, after, is_all=True)
    else:
        last = connection.scalar(_LAST, {"after": after, "until": end})
        news = News(after, last or end, is_all=last is None)
        which = {"after": after, "until": news.until}
        for row in connection.execute(_ENDED, which):
            _add(news, row[:3], row[3], row[4], now)
        news.opened = list(connection.scalars(_OPEN, which))
    for row in connection.execute(_SETTLED):
        news.settled.append(row.execution_id)
        if not row.is_gone:
            _add(news, (row.whose, row.minute, row.bin), 1, row.failed, now)
    return news


def add_news(connection: Connection, news: News) -> bool:
    """Add news to the counts; False if they are there already."""
    if (read_setting(connection, ACTIVITY_COUNTED) or "") != news.after:
        return False
    if news.calls:
        connection.execute(
            _ADD,
            [
                {**key._asdict(), "calls": calls, "failed": news.failed[key]}
                for key, calls in news.calls.items()
            ],
        )
    if news.opened:
        rows = [{"execution_id": each} for each in news.opened]
        connection.execute(insert(activity_open), rows)
    if news.settled:
        connection.execute(
            delete(activity_open).where(activity_open.c.execution_id == bindparam("of_execution")),
            [{"of_execution": each} for each in news.settled],
        )
    write_setting(connection, ACTIVITY_COUNTED, news.until)
    return True


def find_old(connection: Connection, now: datetime) -> list[Key]:
    """Return counts that are older than their kind is kept, at most some of them."""
    found: list[Key] = []
    for step_s, kept_s in STEPS.items():
        rows = connection.execute(
            select(*(activity_counts.c[name] for name in Key._fields))
            .where(
                activity_counts.c.step_s == step_s,
                activity_counts.c.begin_s < to_us(now) // 1_000_000 - kept_s,
            )
            .limit(BATCH)
        )
        found += [Key(*row) for row in rows]
    return found[:BATCH]


def forget(connection: Connection, old: Sequence[Key]) -> None:
    """Delete counts."""
    connection.execute(
        _FORGET, [{f"of_{name}": value for name, value in key._asdict().items()} for key in old]
    )


def _add(news: News, counted: Iterable[Any], calls: int, failed: int, now: datetime) -> None:
    deployment_id, minute, number = counted
    now_s = to_us(now) // 1_000_000
    for step_s, kept_s in STEPS.items():
        begin_s = minute * 60 // step_s * step_s
        if begin_s < now_s - kept_s:
            continue
        for whose in {"", deployment_id}:
            key = Key(whose, step_s, begin_s, number)
            news.calls[key] += calls
            news.failed[key] += failed
