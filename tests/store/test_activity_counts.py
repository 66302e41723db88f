"""Counts over time are equal to the rows that they were taken from, however those came about."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update
from tests.records import careless
from tests.store.conftest import Kept

from headrace.control.activities import RANGES, Activities
from headrace.core.activity import (
    BIN_ENDS,
    NEVER_STARTED,
    STEPS,
    CallCount,
    middle_of,
    period_of,
)
from headrace.core.clock import now
from headrace.core.errors import InvalidRequest
from headrace.core.names import least_id
from headrace.keeping.activity import ActivityCounter
from headrace.store import activity_counting as counting
from headrace.store.moments import from_us, to_us
from headrace.store.tables import activity_counts, activity_open, deployments, executions

DEPLOYMENTS = ("d1", "d2", "d3")


@pytest.fixture(autouse=True)
def three(connection: Connection) -> None:
    """Deployments that executions may be of."""
    careless(connection)
    for name in DEPLOYMENTS:
        connection.execute(
            insert(deployments).values(
                id=name,
                name=name,
                pipeline_id="pipeline-1",
                rule="endpoint",
                mode="elastic",
                sources="[]",
                destinations="[]",
                is_enabled=True,
                created_at=0,
                created_by="u",
                updated_at=0,
                updated_by="u",
                url_path=name,
                sealed_token=b"t",
            )
        )


def row(number: int, at: datetime, whose: str | None, status: str, took_us: int) -> dict[str, Any]:
    """An execution that was accepted at a time and began a millisecond later."""
    created_us = to_us(at)
    has_ended = status not in {"Running", "Pending"}
    failed = status in {"Failed", "Error"}
    return {
        "id": f"{least_id(at)[:-12]}{number:012x}",
        "pipeline_id": "pipeline-1",
        "pipeline_name": "one",
        "deployment_name": whose,
        "deployment_id": whose,
        "status": status,
        "created_at": created_us,
        "created_by": "u",
        "started_at": None if status == "Pending" else created_us + 1000,
        "ended_at": created_us + 1000 + took_us if has_ended else None,
        "inputs": "[]",
        "outputs": "[]",
        "failure_kind": "user_error" if failed else None,
        "failure_message": "ValueError: no" if failed else None,
        "attempt": 1,
        "worker_id": "w" if status == "Running" else None,
    }


def add(connection: Connection, rows: list[dict[str, Any]]) -> None:
    connection.execute(insert(executions), rows)


def some_rows(chance: random.Random, count: int, until: datetime) -> list[dict[str, Any]]:
    statuses = ("Succeeded", "Succeeded", "Failed", "Error", "Running", "Pending")
    return [
        row(
            number,
            until - timedelta(seconds=1 + chance.uniform(0, 40 * 86_400) * chance.random() ** 3),
            chance.choice((*DEPLOYMENTS, None)),
            chance.choice(statuses),
            round(10 ** chance.uniform(0, 12)),
        )
        for number in range(count)
    ]


def by_hand(connection: Connection, at: datetime) -> Counter[tuple[Any, ...]]:
    """The counts that the rows make, one after the other."""
    found: Counter[tuple[Any, ...]] = Counter()
    for one in connection.execute(select(executions).where(executions.c.ended_at.is_not(None))):
        took = None if one.started_at is None else one.ended_at - one.started_at
        number = NEVER_STARTED if took is None else bisect_right(BIN_ENDS, took)
        has_failed = one.failure_kind not in {None, "cancelled"}
        for step_s, kept_s in STEPS.items():
            begin_s = one.created_at // 1_000_000 // step_s * step_s
            if begin_s >= to_us(at) // 1_000_000 - kept_s:
                for whose in {"", one.deployment_id or ""}:
                    found[whose, step_s, begin_s, number, "calls"] += 1
                    found[whose, step_s, begin_s, number, "failed"] += has_failed
    return +found


def counted(connection: Connection) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for whose, step_s, begin_s, number, calls, failed in connection.execute(
        select(activity_counts)
    ):
        found[whose, step_s, begin_s, number, "calls"] += calls
        found[whose, step_s, begin_s, number, "failed"] += failed
    return +found


def count_all(connection: Connection, at: datetime, until: datetime | None = None) -> None:
    while True:
        news = counting.find_news(connection, until or at, at)
        if news.is_new:
            assert counting.add_news(connection, news)
        if news.is_all:
            return


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_the_rows(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Executions come, run, end later, are cancelled while they wait, and are deleted."""
    monkeypatch.setattr(counting, "BATCH", 50)
    monkeypatch.setattr(
        counting, "_LAST", counting._LAST.offset(None).limit(None).offset(49).limit(1)
    )
    chance, at = random.Random(seed), datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    begun = some_rows(chance, 400, at)
    add(connection, begun)
    count_all(connection, at)
    assert counted(connection) == by_hand(connection, at)
    waiting = list(connection.scalars(select(activity_open.c.execution_id)))
    unfinished = {each["id"] for each in begun if each["ended_at"] is None}
    assert set(waiting) == unfinished
    for execution_id in waiting[::2]:
        ends = {"status": "Failed", "failure_message": "", "worker_id": None}
        kind = chance.choice(("cancelled", "timeout"))
        after = chance.randrange(10**9)
        connection.execute(
            update(executions)
            .where(executions.c.id == execution_id)
            .values(**ends, failure_kind=kind, ended_at=to_us(at) + after)
        )
    connection.execute(delete(executions).where(executions.c.id.in_(waiting[1::4])))
    late = [row(1000 + n, at + timedelta(seconds=n), "d1", "Succeeded", 7) for n in range(120)]
    add(connection, late)
    for _ in range(3):
        count_all(connection, at + timedelta(seconds=200))
        count_all(connection, at + timedelta(seconds=200))
    expected = by_hand(connection, at)
    found = counted(connection)
    # Those that are too old by now were counted when they were not.
    limit = {step: to_us(at) // 1_000_000 + 200 - kept for step, kept in STEPS.items()}
    for counts in (expected, found):
        for key in [key for key in counts if key[2] < limit[key[1]]]:
            del counts[key]
    assert found == expected
    left = set(connection.scalars(select(activity_open.c.execution_id)))
    assert left == set(waiting[1::2]) - set(waiting[1::4])


def test_what_was_counted_is_not_counted_twice(connection: Connection) -> None:
    at = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    add(connection, [row(1, at, "d1", "Succeeded", 5000)])
    news = counting.find_news(connection, at + timedelta(seconds=1), at)
    assert counting.add_news(connection, news)
    assert not counting.add_news(connection, news)
    assert counted(connection) == by_hand(connection, at)


def test_counts_go_when_they_are_too_old(connection: Connection) -> None:
    at = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    add(connection, [row(1, at, "d1", "Succeeded", 5000)])
    count_all(connection, at, at + timedelta(seconds=1))
    for step_s, kept_s in STEPS.items():
        begin_s = to_us(at) // 1_000_000 // step_s * step_s
        before = from_us((begin_s + kept_s) * 1_000_000)
        assert not [key for key in counting.find_old(connection, before) if key.step_s == step_s]
        assert step_s in {key[1] for key in counted(connection)}
        older = counting.find_old(connection, before + timedelta(seconds=1))
        counting.forget(connection, older)
        assert step_s not in {key[1] for key in counted(connection)}


def test_a_duration_read_from_counts_is_true_to_a_tenth() -> None:
    for took_us in (100, 101, 999, 1234, 56_789, 10**6, 3 * 10**8, 9 * 10**10):
        middle = middle_of(bisect_right(BIN_ENDS, took_us)) * 1e6
        assert abs(middle - took_us) <= took_us / 9


def test_percentiles_are_of_those_that_ran() -> None:
    counts = [
        CallCount(0, NEVER_STARTED, 100, 100),
        CallCount(0, 10, 94, 0),
        CallCount(0, 30, 6, 6),
    ]
    period = period_of(from_us(0), counts)
    assert (period.calls, period.failed) == (200, 106)
    assert (period.p50_s, period.p95_s) == (middle_of(10), middle_of(30))
    assert period_of(from_us(0), counts[:1]).p95_s is None


def test_the_loop_counts_and_the_verb_reads_every_range(kept: Kept) -> None:
    async def work() -> None:
        database = kept.opened()
        try:
            at = now()
            rows = [
                row(number, at - timedelta(seconds=30 + number), "d1", "Failed", 20_000)
                for number in range(10)
            ]
            await database.write(add, rows)
            while await ActivityCounter(database).count():
                pass
            activities: Any = Activities(database)
            for chosen, which in RANGES.items():
                for whose, calls in (("", 10), ("d1", 10), ("d2", 0)):
                    found = await activities.periods(None, chosen, deployment_id=whose)
                    assert len(found) == which.seconds // which.point_s
                    assert sum(period.calls for period in found) == calls
                    assert sum(period.failed for period in found) == calls
            with pytest.raises(InvalidRequest, match="range must be one of 1h"):
                await activities.periods(None, "2h")
        finally:
            database.close()

    asyncio.run(work())
