"""Changes of a schedule while the clock is set to and fro: the ledger stays whole all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.records import careless, writing_at

from headrace.control.transactions import deployments as records
from headrace.control.transactions.deletion import mark_deployments
from headrace.control.transactions.schedules import fire_due
from headrace.core.cron import Cron
from headrace.core.deployments import Deployment, Mode
from headrace.core.errors import Conflict, NotFound
from headrace.core.ledger import Verification, verify
from headrace.core.names import new_id
from headrace.core.parameters import Input
from headrace.core.pipelines import (
    ContainerConfig,
    Origin,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
)
from headrace.core.schedules import Missed, Schedule
from headrace.core.sources import Rule
from headrace.store import ledger
from headrace.store import schedules as rows
from headrace.store.pipelines import add_pipeline

NOON = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)
WORKER = "worker-1"
EXPRESSIONS = ("* * * * *", "*/5 * * * *", "0 * * * *", "30 3 * * *")
PIPELINE = Pipeline(
    id="pipeline-1",
    name="one",
    created_at=NOON,
    created_by="user-1",
    version=PipelineVersion(
        id="pipeline-1-version",
        number=1,
        function_path="main.py",
        function_name="main",
        config=ContainerConfig("python:3.11-slim"),
        origin=Origin.LOCAL,
        status=PipelineStatus.READY,
        created_at=NOON,
        created_by="user-1",
        bundle="bundle-1",
        environment="environment-1",
    ),
)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    path = Path(tmp_path_factory.mktemp("clocks"), "headrace.db")
    with writing_at(path).connect() as made:
        careless(made)
        add_pipeline(made, PIPELINE)
        yield made


def add(
    connection: Connection,
    expression: str,
    jitter_s: float = 0.0,
    *,
    pipeline: Pipeline = PIPELINE,
) -> Deployment:
    made = Deployment(
        id=new_id(),
        name=new_id(),
        pipeline=pipeline,
        rule=Rule.PERIODIC,
        mode=Mode.ELASTIC,
        description=None,
        sources=(),
        destinations=(),
        is_enabled=True,
        created_at=NOON,
        created_by="user-1",
        updated_at=NOON,
        updated_by="user-1",
        schedule=Schedule(Cron(expression), missed=Missed.ALL, jitter_s=jitter_s),
    )
    records.add(connection, made, None)
    return made


def change(connection: Connection, made: Deployment, expression: str, at: datetime) -> None:
    def apply(before: Deployment) -> Deployment:
        schedule = before.schedule
        assert schedule is not None
        return replace(before, schedule=replace(schedule, cron=Cron(expression)))

    records.change(connection, made.name, apply, at, WORKER)


def fire_all(connection: Connection, at: datetime) -> None:
    while fire_due(connection, at, WORKER).rows:
        pass


def verified(connection: Connection, made: Deployment, until: datetime) -> Verification:
    fates = ledger.fates_between(connection, made.id, NOON, until)
    return verify(rows.revisions_of(connection, made.id), fates, NOON, until)


def test_a_change_after_the_clock_was_set_back_repeats_nothing(connection: Connection) -> None:
    made = add(connection, "* * * * *")
    fire_all(connection, NOON + timedelta(minutes=10))
    change(connection, made, "*/2 * * * *", NOON + timedelta(minutes=4))
    fire_all(connection, NOON + timedelta(minutes=20))
    found = verified(connection, made, NOON + timedelta(minutes=20))
    # Ten by the first schedule, then 12:12, 12:14 … 12:20.
    assert (found.is_proven, found.rows) == (True, 15), found


def test_two_changes_at_one_moment_are_one(connection: Connection) -> None:
    made = add(connection, "* * * * *")
    fire_all(connection, NOON + timedelta(minutes=10))
    for expression in EXPRESSIONS:
        change(connection, made, expression, NOON)
    assert [item.cron.expression for item in rows.revisions_of(connection, made.id)] == [
        "* * * * *",
        EXPRESSIONS[-1],
    ]
    fire_all(connection, NOON + timedelta(days=1))
    assert verified(connection, made, NOON + timedelta(days=1)).is_proven


steps = st.lists(
    st.tuples(
        st.sampled_from(["fire", "change", "pause"]),
        # Minutes by which the clock has moved.
        st.integers(-90, 120),
        st.sampled_from(EXPRESSIONS),
    ),
    max_size=12,
)


@given(steps, st.sampled_from([0.0, 40.0, 3600.0]))
@settings(deadline=None, max_examples=60)
def test_the_ledger_stays_whole(
    connection: Connection, story: list[tuple[str, int, str]], jitter_s: float
) -> None:
    made = add(connection, "* * * * *", jitter_s)
    at = latest = NOON
    for verb, minutes, expression in story:
        at = max(NOON, at + timedelta(minutes=minutes))
        latest = max(latest, at)
        if verb == "fire":
            fire_all(connection, at)
        elif verb == "change":
            change(connection, made, expression, at)
        else:
            records.change(
                connection,
                made.name,
                lambda before: replace(before, is_enabled=not before.is_enabled),
                at,
                WORKER,
            )
    # By then nothing is put off any more.
    end = latest + timedelta(hours=2)
    fire_all(connection, end)
    found = verified(connection, made, latest)
    assert found.is_proven, found
    mark_deployments(connection, [made.id], at, WORKER)
    assert verified(connection, made, latest).is_proven


def test_a_mapping_is_checked_for_the_version_that_is_current_when_it_is_recorded(
    connection: Connection,
) -> None:
    read = replace(PIPELINE.version, inputs=(Input("gone", "number"),))
    with pytest.raises(Conflict, match="Version 1 of pipeline 'one' is current meanwhile"):
        add(connection, "* * * * *", pipeline=replace(PIPELINE, version=read))
    with pytest.raises(NotFound, match="no pipeline 'one'"):
        add(connection, "* * * * *", pipeline=replace(PIPELINE, id="deleted"))
