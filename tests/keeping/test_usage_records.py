"""Measurements are recorded once, added up, averaged by age, and go with their executions."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text
from tests.records import database_at

from headrace.core.errors import Unavailable
from headrace.core.names import new_id
from headrace.core.resources import DAY_S, KEPT_S
from headrace.core.usage import (
    Consumer,
    Measurement,
    UsageFilter,
    UsageSample,
    Used,
    averaged,
    distance_s,
)
from headrace.engines.local.metering import Meter
from headrace.keeping.graphics import look_at_graphics
from headrace.keeping.usage import UsageRecorder
from headrace.store import usage as rows
from headrace.store import usage_reports
from headrace.store.tables import execution_samples, execution_usages, executions, pod_samples

NOW_MS = 1_800_000_000_000
POD = Consumer("pod", "deployment")


@pytest.fixture
async def database(tmp_path: Path) -> Any:
    database = database_at(tmp_path / "headrace.db")
    yield database
    database.close()


def add_execution(connection: Connection) -> str:
    """A row that nothing but its id matters of, without the rest of the house."""
    execution_id = new_id()
    connection.execute(
        text(
            "INSERT INTO pipelines (id, name, created_at, created_by, current_version) "
            "SELECT 'p', 'p', 0, 'u', 1 WHERE NOT EXISTS (SELECT 1 FROM pipelines)"
        )
    )
    connection.execute(
        insert(executions).values(
            id=execution_id,
            pipeline_id="p",
            pipeline_name="p",
            status="Succeeded",
            created_at=0,
            created_by="u",
            ended_at=1,
            inputs="[]",
            outputs="[]",
            attempt=1,
        )
    )
    return execution_id


def sample(age_s: float, **more: Any) -> UsageSample:
    values = {"seconds": 1.0, "cpu": 10.0, "memory": 100, "read": None, "written": 5, **more}
    return UsageSample(at_ms=NOW_MS - int(age_s * 1000), **values)


def test_averages_are_weighted_and_keep_the_highest_memory() -> None:
    found = [
        UsageSample(1000, 1.0, 100.0, 10, None, 1),
        UsageSample(11_000, 9.0, 0.0, 50, 7, 2),
        UsageSample(61_000, 10.0, 30.0, 20, None, None),
    ]
    first, second = averaged(found, 60)
    assert first == UsageSample(60_000, 10.0, 10.0, 50, 7, 3, step=60)
    assert second == UsageSample(120_000, 10.0, 30.0, 20, None, None, step=60)


def test_samples_are_close_at_first_and_ten_seconds_apart_later() -> None:
    assert [distance_s(age) for age in (0, 9.9, 10, 59, 60, 1e6)] == [1, 1, 5, 5, 10, 10]


async def test_totals_add_up_and_go_with_the_execution(database: Any) -> None:
    here = await database.write(add_execution)
    gone = Consumer(new_id())
    news = [
        Measurement(Consumer(here), Used(1.0, 30, None, 4), sample(2)),
        Measurement(Consumer(here), Used(0.5, 20, 8, None), None),
        Measurement(gone, Used(9.0, 9, 9, 9), sample(2)),
    ]
    for _ in range(2):
        await database.write(rows.record, "one", news)
    long_ago, later = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    whose = UsageFilter(execution_id=here)
    count, total = await database.read(usage_reports.totals, whose, long_ago, later)
    assert (count, total) == (1, Used(3.0, 30, 16, 8))
    (series,) = await database.read(usage_reports.series_of_executions, whose, 0, NOW_MS, most=10)
    assert series.samples == [sample(2)]
    none = await database.read(usage_reports.series_of_executions, whose, 0, NOW_MS, most=0)
    assert none is None

    def left(connection: Connection) -> list[int]:
        connection.execute(executions.delete())
        return [
            len(connection.execute(select(table)).all())
            for table in (execution_usages, execution_samples)
        ]

    assert await database.write(left) == [0, 0]


async def test_old_samples_are_averaged_once_and_the_oldest_go(database: Any) -> None:
    here = await database.write(add_execution)
    ages = [0, 10, DAY_S + 30, DAY_S + 40, 8 * DAY_S, 8 * DAY_S + 10, KEPT_S + 60]
    news = [
        Measurement(consumer, Used(1.0, 1), sample(age))
        for consumer in (Consumer(here), POD)
        for age in ages
    ]
    await database.write(rows.record, "one", news)

    def kept(connection: Connection) -> list[list[int]]:
        return [
            sorted(connection.scalars(select(table.c.step)))
            for table in (execution_samples, pod_samples)
        ]

    for _ in range(2):
        while await database.write(rows.thin_out_some, NOW_MS):
            pass
        assert await database.read(kept) == [[0, 0, 60, 600]] * 2


async def test_what_the_database_does_not_take_is_kept_for_later(database: Any) -> None:
    class Refusing:
        """A database whose disk is full for a while."""

        is_full = True

        async def write_unseen(self, *work: Any) -> Any:
            if self.is_full:
                raise Unavailable("The disk is full.")
            return await database.write_unseen(*work)

    meter, refusing = Meter(), Refusing()
    recorder = UsageRecorder(refusing, meter, "one")  # type: ignore[arg-type]  # all that it asks
    here = await database.write(add_execution)
    meter.end(meter.begin(Consumer(here)), [2_000_000, 10, 0, 0])
    with pytest.raises(Unavailable):
        await recorder.flush()
    refusing.is_full = False
    await recorder.flush()
    await recorder.flush()

    def used(connection: Connection) -> float:
        return float(connection.scalar(select(execution_usages.c.cpu_s)) or 0)

    assert await database.read(used) == 2.0


async def test_what_is_recorded_has_no_open_page_look_again(database: Any) -> None:
    meter = Meter()
    recorder = UsageRecorder(database, meter, "one")
    here = await database.write(add_execution)
    before = database.revision
    meter.end(meter.begin(Consumer(here)), [2_000_000, 10, 0, 0])
    await recorder._look()
    await recorder.flush()

    def used(connection: Connection) -> float:
        return float(connection.scalar(select(execution_usages.c.cpu_s)) or 0)

    assert await database.read(used) == 2.0
    assert database.revision == before


def test_graphics_processors_are_there_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert look_at_graphics() is None
    # Answers as the tool does on a machine with two of them; this one need not have any.
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '80, 4096, 8192'\necho '20, 0, 8192'\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    found = look_at_graphics()
    assert found is not None
    assert (found.used, found.memory, found.total) == (50.0, 25.0, 16 << 30)
    tool.write_text("#!/bin/sh\necho 'No devices were found'\nexit 6\n")
    assert look_at_graphics() is None
