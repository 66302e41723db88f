"""A disk without room: nothing is accepted that cannot be kept, and nothing accepted is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from proof.chaos.small_disk import SmallDisk, small_disk
from tests.conftest import wait_until
from tests.system.told_pipelines import Told, kill

from headrace import Unavailable

pytestmark = pytest.mark.system

NOT_YET = "not recorded yet"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    with small_disk(tmp_path_factory.mktemp("small") / "disk") as found:
        if found is None:
            pytest.skip("a small disk needs the right to mount one")
        yield found


@pytest.fixture(scope="module")
def told(disk: SmallDisk, make_told: Callable[..., Told]) -> Told:
    """A server whose data fill a small disk; its log and what its code says are on another one."""
    return make_told(disk.folder, HEADRACE_STOP_GRACE_S="0")


@contextmanager
def full(told: Told, disk: SmallDisk) -> Iterator[None]:
    """Leave no room on the disk, nor in what the database has taken of it already."""
    path = told.server.data_dir / "headrace.db"

    def is_log_empty() -> bool:
        with closing(sqlite3.connect(path, timeout=60)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.with_name("headrace.db-wal").stat().st_size == 0

    wait_until(is_log_empty, what="the database has given back the room of its log")
    with disk.full():
        yield


def cannot_be_recorded(told: Told, count: int, *execution_ids: str) -> None:
    """Wait until the server has said so of ``count`` of these executions."""

    def are_said() -> bool:
        log = told.server.log.read_text()
        return sum(f"{each} {NOT_YET}" in log for each in execution_ids) >= count

    wait_until(are_said, what=f"{count} ends cannot be recorded")


def test_what_ends_while_the_disk_is_full_is_recorded_once_there_is_room(
    told: Told, disk: SmallDisk
) -> None:
    before = {item["execution_id"] for item in told.sdk.list_executions()["items"]}
    patient, victim = told.run("patient"), told.run("victim")
    pids = {name: told.begun(name)[0] for name in ("patient", "victim")}
    result = told.server.data_dir / "run" / "workspaces" / patient / "outcome.json"
    with full(told, disk):
        told.go("patient", pids["patient"])
        kill(pids["victim"])
        wait_until(result.exists, what="there is a result")
        cannot_be_recorded(told, 1, patient, victim)
        assert [told.status(execution_id) for execution_id in (patient, victim)] == ["Running"] * 2
        with pytest.raises(Unavailable):
            told.run("refused")
    execution = told.ended(patient)
    assert execution["status"] == "Succeeded"
    assert execution["outputs"][0]["value"] == pids["patient"]
    assert told.ended(victim)["failure"]["kind"] == "exited"
    ids = {item["execution_id"] for item in told.sdk.list_executions()["items"]}
    assert ids <= {*before, patient, victim}
    after = told.run("after")
    told.go("after", told.begun("after")[0])
    assert told.ended(after)["status"] == "Succeeded"
    assert not told.pids("refused")


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "told to end"])
def test_a_server_that_ends_while_the_disk_is_full_says_what_became_of_it(
    told: Told, disk: SmallDisk, is_killed: bool
) -> None:
    """The end of what ran could not be recorded; the next server knows that it is gone."""
    names = (f"once-{is_killed}", f"again-{is_killed}")
    told.endpoint(names[1], retries=1, retry_backoff_s=0)
    once, again = told.run(names[0]), told.call(names[1])
    pids = [told.begun(name)[0] for name in names]
    with full(told, disk):
        for pid in pids:
            kill(pid)
        cannot_be_recorded(told, 2, once, again)
        if is_killed:
            told.server.kill()
        else:
            assert told.server.stop() == 0
    told.restart()
    pid, _ = told.begun(names[1], 2)
    told.go(names[1], pid)
    execution = told.ended(again)
    assert (execution["status"], execution["attempt"]) == ("Succeeded", 2)
    execution = told.ended(once)
    assert (execution["status"], execution["failure"]["kind"]) == ("Error", "worker_lost")
    assert len(told.pids(names[0])) == 1
