"""The end of a pause: all its fire times are on record by then, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.control.test_clocks_and_changes import NOON, PIPELINE, WORKER, add
from tests.records import careless, writing_at

from headrace.control.transactions import standby as records
from headrace.control.transactions.schedules import fire_due
from headrace.core.schedules import MAX_FIRES, Fate
from headrace.core.standby import EnvironmentStatus, Standing
from headrace.store import ledger
from headrace.store.pipelines import add_pipeline
from headrace.store.settings import read_standing

PAUSE, RESUME = EnvironmentStatus.PAUSE_ASKED, EnvironmentStatus.RESUME_ASKED


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    path = tmp_path / "headrace.db"
    with writing_at(path).connect() as made:
        careless(made)
        add_pipeline(made, PIPELINE)
        yield made


def fates_of(connection: Connection, deployment_id: str) -> list[Fate]:
    rows = ledger.list_rows(connection, deployment_id, limit=5000, before=None)
    return [row.fate for row in reversed(rows)]


def test_a_pause_ends_in_the_transaction_that_records_its_last_fire_time(
    connection: Connection,
) -> None:
    deployment = add(connection, "* * * * *")
    records.ask(connection, PAUSE, NOON + timedelta(minutes=2))
    long_after = NOON + timedelta(minutes=MAX_FIRES + 100)
    records.ask(connection, RESUME, long_after)
    standing, fired = records.end_pause(connection, long_after, WORKER)
    # More than one transaction takes: the pause goes on.
    assert (standing.status, fired.rows) == (RESUME, MAX_FIRES)
    standing, fired = records.end_pause(connection, long_after, WORKER)
    assert standing == Standing(EnvironmentStatus.PODS_COMING, long_after, None)
    assert read_standing(connection) == standing
    fates = fates_of(connection, deployment.id)
    assert len(fates) == MAX_FIRES + 100
    # Those before the pause were noticed late, and follow the rule for that.
    assert fates == [Fate.CAUGHT_UP] * 2 + [Fate.PAUSED] * (MAX_FIRES + 98)
    fire_due(connection, long_after + timedelta(minutes=1), WORKER)
    assert fates_of(connection, deployment.id)[-1] is Fate.RAN


def test_a_step_yields_to_whoever_has_asked_for_another_way(connection: Connection) -> None:
    asked = records.ask(connection, PAUSE, NOON)
    assert records.ask(connection, PAUSE, NOON + timedelta(1)) == asked
    records.move(connection, PAUSE, EnvironmentStatus.PODS_GOING, NOON)
    records.ask(connection, RESUME, NOON)
    for before in (PAUSE, EnvironmentStatus.PODS_GOING):
        moved = records.move(connection, before, EnvironmentStatus.STANDBY, NOON)
        assert moved.status is RESUME
    assert records.end_pause(connection, NOON, WORKER)[0].takes_work
    # A loop that still believes in the resumption changes nothing.
    again = records.ask(connection, PAUSE, NOON)
    assert records.end_pause(connection, NOON, WORKER)[0] == again
