"""What goes on, read from the rows: what failed, what did not fire, the latest ends of many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, update
from tests.records import careless
from tests.store.conftest import AT, PIPELINE

from headrace.core.activity import IN_A_ROW
from headrace.core.executions import Execution, Status
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.schedules import Fate
from headrace.store import activity, health, listings
from headrace.store import ledger as ledger_rows
from headrace.store.executions import add_execution
from headrace.store.moments import to_us
from headrace.store.tables import activity_counts, deployments, ledger, pipelines, schedules

BROKEN = Failure(FailureKind.USER_ERROR, "ValueError: broken")


@pytest.fixture(autouse=True)
def some(connection: Connection) -> None:
    """Periodic deployments, of which "gone" was deleted and "off" is disabled."""
    careless(connection)
    for number, name in enumerate(("early", "late", "gone", "off")):
        connection.execute(
            insert(deployments).values(
                id=f"id-{name}",
                name=name,
                pipeline_id=PIPELINE.id,
                rule="periodic",
                mode="elastic",
                sources="[]",
                destinations="[]",
                is_enabled=name != "off",
                created_at=0,
                created_by="u",
                updated_at=0,
                updated_by="u",
                deleted_at=1 if name == "gone" else None,
            )
        )
        fire_us = to_us(AT) + number * 1_000_000
        connection.execute(
            insert(schedules).values(
                deployment_id=f"id-{name}",
                expression="* * * * *",
                timezone="UTC",
                missed="skip",
                missed_window_s=0,
                overlap="parallel",
                jitter_s=0,
                next_fire_at=fire_us,
                due_at=fire_us,
            )
        )


Add = Callable[..., None]


@pytest.fixture
def ended(connection: Connection, new_execution: Callable[..., Execution]) -> Add:
    """Adds executions of a deployment that ended one second after the other."""

    def add(whose: str | None, *failures: Failure | None) -> None:
        for number, failure in enumerate(failures):
            at = AT + timedelta(seconds=number)
            fields: dict[str, Any] = {
                "status": Status.SUCCEEDED if failure is None else Status.FAILED,
                "started_at": at,
                "ended_at": at,
                "failure": failure,
            }
            if whose is not None:
                fields |= {"deployment_id": f"id-{whose}", "deployment_name": whose}
            add_execution(connection, new_execution(f"{whose}-{number:04}", **fields), None)

    return add


def test_failures_are_told_by_cause_with_how_often_in_a_row(
    connection: Connection, ended: Add
) -> None:
    other = Failure(FailureKind.TIMEOUT, "It took too long.")
    ended("early", None, BROKEN, None, BROKEN, BROKEN)
    ended("late", other, None)
    ended(None, None, BROKEN, Failure(FailureKind.CANCELLED, "The execution was cancelled."))
    found, is_cut = activity.failures(connection, AT)
    told = {(one.name, one.deployment_name, one.kind): one for one in found}
    assert [one.last_at for one in found] == sorted((o.last_at for o in found), reverse=True)
    early = told["early", "early", FailureKind.USER_ERROR]
    assert (early.count, early.in_a_row, early.last_id) == (3, 2, "early-0004")
    assert early.message == BROKEN.message
    assert told["late", "late", FailureKind.TIMEOUT].in_a_row == 0
    assert told[PIPELINE.name, None, FailureKind.USER_ERROR].count == 1
    assert len(found) == 3
    assert not is_cut


def test_failures_before_a_time_do_not_count(connection: Connection, ended: Add) -> None:
    ended("early", BROKEN, BROKEN, BROKEN)
    (cause,), _ = activity.failures(connection, AT + timedelta(seconds=1))
    assert (cause.count, cause.in_a_row) == (2, 3)
    assert activity.failures(connection, AT + timedelta(seconds=3)).causes == ()


def test_more_failures_than_are_looked_at_are_said_to_be_more(
    connection: Connection, ended: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "FAILURES", 5)
    monkeypatch.setattr(activity, "_FAILED", activity._FAILED.limit(None).limit(5))
    ended("early", *[BROKEN] * 30)
    (cause,), is_cut = activity.failures(connection, AT)
    assert (cause.count, cause.in_a_row, is_cut) == (5, IN_A_ROW, True)


def test_failures_of_a_deleted_pipeline_are_gone(connection: Connection, ended: Add) -> None:
    ended(None, BROKEN)
    connection.execute(update(pipelines).values(deleted_at=1))
    assert activity.failures(connection, AT).causes == ()


def test_the_load_has_the_age_of_the_oldest(
    connection: Connection, new_execution: Callable[..., Execution]
) -> None:
    assert activity.load(connection).oldest_running is None
    for number in range(3):
        at = AT + timedelta(seconds=number)
        add_execution(connection, new_execution(f"r{number}", created_at=at), None)
    running = new_execution("a", status=Status.RUNNING, started_at=AT)
    add_execution(connection, running, "worker")
    found = activity.load(connection)
    assert (found.running, found.pending) == (1, 3)
    assert (found.oldest_running, found.oldest_pending) == (AT, AT)
    connection.execute(update(pipelines).values(deleted_at=1))
    assert (activity.load(connection).running, activity.load(connection).pending) == (0, 0)


def test_next_fire_times_are_of_deployments_that_fire(connection: Connection) -> None:
    names = [one.deployment_name for one in activity.next_fires(connection, 10)]
    assert names == ["early", "late"]
    assert [one.at for one in activity.next_fires(connection, 1)] == [AT]


def test_fire_times_without_an_execution_are_told_by_fate(connection: Connection) -> None:
    early, late, gone = "early", "late", "gone"
    fates = [(early, "missed"), (early, "missed"), (late, "ran"), (late, "paused")]
    for number, (name, fate) in enumerate([*fates, (gone, "missed")]):
        connection.execute(
            insert(ledger).values(
                deployment_id=f"id-{name}",
                fire_at=to_us(AT) + number,
                fate=fate,
                execution_id="x" if fate == "ran" else None,
                detail=f"detail {number}",
                recorded_at=0,
                recorded_by="w",
            )
        )
    found = {one.deployment_name: one for one in activity.unfired(connection, AT)}
    assert set(found) == {"early", "late"}
    assert (found["early"].fate, found["early"].count) == (Fate.MISSED, 2)
    assert found["early"].detail == "detail 1"
    assert found["late"].fate is Fate.PAUSED
    assert activity.unfired(connection, AT + timedelta(seconds=1)) == ()


def test_fates_are_counted_by_day_and_a_day_in_part_is_left_out(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = timedelta(days=1)
    for after, fate in enumerate(["missed", "ran", "ran", "ran", "missed"]):
        connection.execute(
            insert(ledger).values(
                deployment_id="id-early",
                fire_at=to_us(AT + day * (after // 2) + timedelta(seconds=after)),
                fate=fate,
                execution_id="x" if fate == "ran" else None,
                detail="",
                recorded_at=0,
                recorded_by="w",
            )
        )
    found = ledger_rows.fates_of_days(connection, "id-early", AT)
    assert found == {
        AT.date(): {Fate.MISSED: 1, Fate.RAN: 1},
        (AT + day).date(): {Fate.RAN: 2},
        (AT + 2 * day).date(): {Fate.MISSED: 1},
    }
    assert ledger_rows.fates_of_days(connection, "id-late", AT) == {}
    monkeypatch.setattr(ledger_rows, "COUNTED", 4)
    assert list(ledger_rows.fates_of_days(connection, "id-early", AT)) == [
        (AT + day).date(),
        (AT + 2 * day).date(),
    ]


def test_pages_of_lists_are_the_parts_of_the_whole(connection: Connection) -> None:
    whole = listings.all_deployments(connection)
    assert [one.name for one in whole] == ["early", "late", "off"]
    assert [one.next_fire_at for one in whole] == [AT, *(one.next_fire_at for one in whole[1:])]
    assert listings.deployment_page(connection, "", limit=2, skip=1) == whole[1:]
    assert listings.deployment_page(connection, "LAT", limit=9, skip=0) == whole[1:2]
    assert listings.deployment_page(connection, "%", limit=9, skip=0) == []
    (pipeline,) = listings.pipeline_page(connection, "", limit=9, skip=0)
    assert pipeline == whole[0].pipeline
    assert listings.pipeline_page(connection, "", limit=9, skip=1) == []
    connection.execute(
        update(deployments).where(deployments.c.name == "off").values(pinned_version=1)
    )
    assert listings.all_deployments(connection)[-1].pipeline == pipeline


def test_calls_of_several_are_those_of_the_last_minutes(connection: Connection) -> None:
    begin_s = to_us(AT) // 1_000_000
    for whose, after_s, calls in (("a", 0, 3), ("a", 60, 4), ("b", -60, 5), ("c", 0, 6)):
        connection.execute(
            insert(activity_counts).values(
                whose=whose, step_s=60, begin_s=begin_s + after_s, bin=1, calls=calls, failed=1
            )
        )
    assert activity.calls_of(connection, ["a", "b"], AT) == {"a": (7, 2)}


def test_strips_of_many_are_those_of_each(connection: Connection, ended: Add) -> None:
    ended("early", *[None, BROKEN] * 20)
    ended("late", BROKEN)
    ids = ["id-early", "id-late", "id-off"]
    together = health.endings_of(connection, ids, limit=7)
    assert [len(together[each]) for each in ids] == [7, 1, 0]
    assert [one.execution_id for one in together["id-early"]] == [
        f"early-{number:04}" for number in range(39, 32, -1)
    ]
    for each in ids:
        assert health.endings_of(connection, [each], limit=7) == {each: together[each]}
    of_pipeline = health.endings_of(connection, [PIPELINE.id], limit=100, of_pipelines=True)
    assert len(of_pipeline[PIPELINE.id]) == 41


def test_cancelled_executions_are_in_no_strip(connection: Connection, ended: Add) -> None:
    cancelled = Failure(FailureKind.CANCELLED, "The execution was cancelled.")
    ended("early", None, None, BROKEN, cancelled, cancelled)
    ended("late", None, None, None)
    found = health.endings_of(connection, ["id-early", "id-late"], limit=2)
    assert [one.failure for one in found["id-early"]] == [BROKEN, None]
    assert [one.execution_id for one in found["id-late"]] == ["late-0002", "late-0001"]
    assert len(health.health_of(connection, ["id-early"])["id-early"].endings) == 3


def test_strips_pass_by_what_has_not_ended(
    connection: Connection, ended: Add, new_execution: Callable[..., Execution]
) -> None:
    ended("early", None, BROKEN)
    for number in range(50):
        waiting = new_execution(f"z{number:03}", deployment_id="id-early")
        add_execution(connection, waiting, None)
    (first, second) = health.endings_of(connection, ["id-early"], limit=2)["id-early"]
    assert (first.failure, second.failure) == (BROKEN, None)


@pytest.mark.parametrize("kept", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("query", "index"),
    [
        (health._OF[False][1], "ix_executions_deployment_id_id"),
        (health._OF[True][1], "ix_executions_pipeline_id_id"),
        (health._OF[False][0], "ix_executions_deployment_id_id"),
        (health._OF[True][0], "ix_executions_pipeline_id_id"),
        (activity._FAILED, "ix_executions_failed"),
        (activity._UNFIRED, "ix_ledger_unfired"),
        (activity._NEXT, "ix_schedules_due_at"),
    ],
)
def test_reads_are_of_indexes(connection: Connection, query: Any, index: str) -> None:
    values = {"ids": ["a", "b"], "most": 5, "before_it": 9, "status": "Failed", "since": 0}
    asked: list[tuple[str, Any]] = []
    event.listen(
        connection, "before_cursor_execute", lambda *given: asked.append((given[2], given[3]))
    )
    connection.execute(query, values).all()
    statement, parameters = asked[0]
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    steps = [row[3] for row in plan]
    assert any(index in step for step in steps), steps
    whole = [step for step in steps if step.startswith("SCAN") and "executions" in step]
    assert not whole, steps
    assert not [step for step in steps if "TEMP B-TREE" in step and "failed" in index], steps
