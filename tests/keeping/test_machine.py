"""What the machine uses is written down for real, thinned out, and answered to clients."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RunningServer, wait_until
from tests.records import database_at

from headrace import HeadraceSdk, InvalidRequest
from headrace.control import resources
from headrace.core.resources import DAY_S, KEPT_S, Sample, Totals
from headrace.core.scopes import SERVER
from headrace.keeping.machine import Machine
from headrace.store import resources as rows

NOW_MS = 1_800_000_000_000


@pytest.mark.system
def test_clients_see_what_the_machine_uses(server: RunningServer) -> None:
    from craft_ai_sdk import CraftAiSdk

    public = CraftAiSdk(server.token, server.url, server.url)
    begin = datetime.now(UTC) - timedelta(hours=1)
    end = datetime.now(UTC) + timedelta(hours=1)

    def usage() -> Any:
        return public.get_resource_metrics(begin, end)["metrics"]["cpu_usage"]

    wait_until(usage, what="a first sample")
    found = public.get_resource_metrics(begin, end)
    assert found["additional_data"]["total_ram"] > 2**28
    for name in ("cpu_usage", "ram_usage", "disk_usage"):
        (series,) = found["metrics"][name]
        assert all(0 <= value <= 100 for _, value in series["values"])
    table = public.get_resource_metrics(begin, end, csv=True)
    assert next(csv.DictReader(io.StringIO(table.decode())))["worker"]
    with HeadraceSdk(server.token, server.url) as sdk:
        assert sdk.get_resource_metrics(begin, end)["metrics"].keys() == found["metrics"].keys()
        assert sdk.get_resource_metrics(begin, begin + timedelta(seconds=1), csv=True)
        with pytest.raises(InvalidRequest, match="start must be before end"):
            sdk.get_resource_metrics(end, begin)
        with pytest.raises(InvalidRequest, match="start_date must be a datetime"):
            sdk.get_resource_metrics("yesterday", end)  # type: ignore[arg-type]  # on purpose


@pytest.fixture
async def database(tmp_path: Path) -> Any:
    database = database_at(tmp_path / "headrace.db")
    yield database
    database.close()


async def test_a_sample_has_no_open_page_look_again(database: Any, tmp_path: Path) -> None:
    before = database.revision
    await Machine(database, "one", tmp_path)._look()
    found = await database.read(rows.samples_between, 0, 10**15)
    assert len(found["one"]) == 1
    assert database.revision == before


async def test_old_samples_of_all_servers_are_averaged_once_and_the_oldest_go(
    database: Any,
) -> None:
    ages = [0, 10, DAY_S + 30, DAY_S + 40, 8 * DAY_S, 8 * DAY_S + 10, KEPT_S + 60]
    found = [Sample(NOW_MS - age * 1000, 10, 10.0, 20.0, 30.0, 100, 1) for age in ages]
    for worker in ("one", "gone"):
        await database.write(rows.add_samples, worker, found)
    for _ in range(2):
        await database.write(rows.thin_out, NOW_MS)
        kept = await database.read(rows.samples_between, 0, NOW_MS + 1)
        for worker in ("one", "gone"):
            assert sorted(sample.seconds for sample in kept[worker]) == [10, 10, 60, 600]
            assert sum(sample.received for sample in kept[worker]) == 600
            assert {sample.cpu for sample in kept[worker]} == {10.0}


async def test_too_many_samples_are_refused_and_not_cut(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "MAX_SAMPLES", 3)
    asked = resources.Resources(database, lambda: Totals(1, 1))
    found = [Sample(at * 1000, 10, 1.0, 1.0, 1.0, 1, 1) for at in range(1, 5)]
    await database.write(rows.add_samples, "one", found)
    _, some = await asked.between(SERVER, 0, 4000)
    assert len(some["one"]) == 3
    with pytest.raises(InvalidRequest, match=r"4 samples in this period, .* at most 3: ask for a"):
        await asked.between(SERVER, 0, 5000)
