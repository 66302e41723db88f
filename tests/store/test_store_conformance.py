"""What every database does that the store is to be kept in.

``opener`` opens the same database, each time through another object, as another process would. To
hold a new implementation to all of this, add it to the parameters of ``kept``.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select
from tests.store.conftest import AT, PIPELINE, Gate, Kept

from headrace.core.errors import NotFound, Unavailable
from headrace.core.execution_filters import ExecutionFilter
from headrace.core.executions import Execution, Status
from headrace.core.outcomes import Failure, FailureKind
from headrace.store import attempts, claims, deletion, executions, pipelines, versions, workers
from headrace.store.database import Database
from headrace.store.deletion import Deleted, Kind
from headrace.store.errors import Dangling, Duplicate, Refused
from headrace.store.execution_search import search
from headrace.store.settings import read_setting, write_setting
from headrace.store.tables import settings

Opener = Callable[[], Database]
Make = Callable[..., Execution]

WHY = Failure(FailureKind.WORKER_LOST, "why")


@pytest.fixture
def opener(kept: Kept) -> Opener:
    """Opens a database with the present schema and one pipeline."""
    return kept.opened


@pytest.fixture
def store(opener: Opener) -> Iterator[Database]:
    opened = opener()
    yield opened
    opened.close()


@pytest.fixture
def other(opener: Opener) -> Iterator[Database]:
    """The same database, as another process sees it."""
    opened = opener()
    yield opened
    opened.close()


def keys(connection: Connection) -> list[str]:
    return list(connection.scalars(select(settings.c.key).order_by(settings.c.key)))


def insert_key(connection: Connection, key: str) -> str:
    connection.execute(settings.insert().values(key=key, value="null"))
    return key


def refuse(connection: Connection, key: str) -> None:
    insert_key(connection, key)
    raise NotFound(f"There is no {key}.")


def count_up(connection: Connection) -> int:
    number = (read_setting(connection, "n") or 0) + 1
    write_setting(connection, "n", number)
    return int(number)


@pytest.fixture
def gate(store: Database) -> Iterator[Gate]:
    made = Gate(store)
    yield made
    made.open()


async def test_a_failing_write_disturbs_no_other(store: Database, gate: Gate) -> None:
    """Its change is undone, its error comes back to its caller alone, with its own type."""
    await gate.close()
    writes = [
        asyncio.ensure_future(write)
        for write in (
            store.write(insert_key, "a"),
            store.write(refuse, "b"),
            store.write(insert_key, "a"),
            store.write(lambda _: 1 // 0),
            store.write(insert_key, "c"),
        )
    ]
    await asyncio.sleep(0)
    gate.open()
    first, missing, doubled, divided, last = await asyncio.gather(*writes, return_exceptions=True)
    assert (first, last) == ("a", "c")
    assert isinstance(missing, NotFound)
    assert missing.message == "There is no b."
    assert isinstance(doubled, Duplicate)
    assert isinstance(divided, ZeroDivisionError)
    assert await store.read(keys) == ["a", "c"]


async def test_a_caller_who_leaves_undoes_nothing(store: Database, gate: Gate) -> None:
    await gate.close()
    writes = [asyncio.ensure_future(store.write(insert_key, key)) for key in "abc"]
    await asyncio.sleep(0)
    writes[1].cancel()
    gate.open()
    assert await writes[0] == "a"
    assert await writes[2] == "c"
    with pytest.raises(asyncio.CancelledError):
        await writes[1]
    assert await store.read(keys) == ["a", "b", "c"]


async def test_what_a_write_saw_is_what_the_writes_before_it_left(store: Database) -> None:
    results = await asyncio.gather(*(store.write(count_up) for _ in range(100)))
    assert results == list(range(1, 101))


async def test_the_revision_differs_after_each_change_that_can_be_seen(
    store: Database, gate: Gate
) -> None:
    first = store.revision
    assert await store.write_unseen(insert_key, "a") == "a"
    assert (await store.read(keys), store.revision) == (["a"], first)
    await store.write(insert_key, "b")
    second = store.revision
    assert second != first
    # Committed together with others, each counts for what it is.
    await gate.close()
    together = [
        asyncio.ensure_future(store.write(insert_key, "c")),
        asyncio.ensure_future(store.write_unseen(insert_key, "d")),
    ]
    await asyncio.sleep(0)
    before = store.revision
    gate.open()
    await asyncio.gather(*together)
    assert store.revision not in {first, second, before}


async def test_who_is_told_of_success_has_told_everybody(store: Database, other: Database) -> None:
    await store.write(insert_key, "a")
    assert await other.read(keys) == ["a"]


async def test_a_reader_cannot_write(store: Database) -> None:
    with pytest.raises(Unavailable):
        await store.read(insert_key, "a")
    assert await store.read(keys) == []


async def test_a_read_sees_one_state_of_the_database(store: Database) -> None:
    """A write that is committed in the middle of a read does not show in it."""
    looked, wrote = threading.Event(), threading.Event()

    def look_twice(connection: Connection) -> tuple[list[str], list[str]]:
        before = keys(connection)
        looked.set()
        wrote.wait(30)
        return before, keys(connection)

    reading = asyncio.ensure_future(store.read(look_twice))
    await asyncio.to_thread(looked.wait, 30)
    await store.write(insert_key, "a")
    wrote.set()
    assert await reading == ([], [])
    assert await store.read(keys) == ["a"]


async def test_closing_commits_what_waits(opener: Opener) -> None:
    store = opener()
    gate = Gate(store)
    await gate.close()
    writes = [asyncio.ensure_future(store.write(insert_key, key)) for key in "ab"]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.to_thread(store.close)
    assert await asyncio.gather(*writes) == ["a", "b"]


def test_two_loops_share_one_database(store: Database) -> None:
    """Each caller is answered in the event loop that it asked from."""
    failures: list[BaseException] = []

    def ask(name: str) -> None:
        async def write() -> None:
            for number in range(20):
                await store.write(insert_key, f"{name}{number}")

        try:
            asyncio.run(write())
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(asyncio.run(store.read(keys))) == 40


async def test_two_writers_lose_nothing(store: Database, other: Database) -> None:
    writes = [each.write(count_up) for _ in range(30) for each in (store, other)]
    assert sorted(await asyncio.gather(*writes)) == list(range(1, 61))


def without_pipeline(connection: Connection, execution: Execution) -> None:
    executions.add_execution(connection, replace(execution, pipeline_id="nobody"), None)


def with_end_but_no_reason(connection: Connection, execution: Execution) -> None:
    executions.add_execution(
        connection, replace(execution, status=Status.FAILED, ended_at=AT), None
    )


def under_its_executions(connection: Connection, execution: Execution) -> None:
    executions.add_execution(connection, execution, None)
    pipelines.remove_pipeline(connection, PIPELINE.id)


def twice(connection: Connection, execution: Execution) -> None:
    for _ in range(2):
        executions.add_execution(connection, execution, None)


def version_twice(connection: Connection, _: Execution) -> None:
    pipelines.add_version(connection, PIPELINE.id, replace(PIPELINE.version, id="other"))


@pytest.mark.parametrize(
    ("work", "error"),
    [
        (twice, Duplicate),
        (version_twice, Duplicate),
        (without_pipeline, Dangling),
        (under_its_executions, Dangling),
        (with_end_but_no_reason, Refused),
    ],
)
async def test_what_the_schema_refuses_is_said_in_the_words_of_the_store(
    store: Database,
    new_execution: Make,
    work: Callable[[Connection, Execution], None],
    error: type[Refused],
) -> None:
    with pytest.raises(Refused) as caught:
        await store.write(work, new_execution("1"))
    assert type(caught.value) is error
    assert await store.read(executions.execution_by_id, "1") is None
    assert await store.read(pipelines.pipeline_by_id, PIPELINE.id) == PIPELINE


async def test_a_transaction_goes_on_after_a_refusal(store: Database) -> None:
    """Only what was nested is undone: rows can be tried together and then one by one."""

    def insert_around(connection: Connection) -> None:
        insert_key(connection, "a")
        with pytest.raises(Duplicate), connection.begin_nested():
            connection.execute(
                settings.insert().values([{"key": key, "value": "1"} for key in ("b", "a")])
            )
        insert_key(connection, "c")

    await store.write(insert_around)
    assert await store.read(keys) == ["a", "c"]


async def test_a_setting_is_replaced(store: Database) -> None:
    for value in (1, {"a": None}, "text"):
        await store.write(write_setting, "s", value)
        assert await store.read(read_setting, "s") == value


async def test_two_claimers_never_get_the_same(
    store: Database, other: Database, new_execution: Make
) -> None:
    ids = [f"{number:04}" for number in range(60)]
    await store.write(executions.add_all, [new_execution(each) for each in ids], None)

    async def claim(through: Database, worker: str) -> list[str]:
        mine: list[str] = []
        while claimed := await through.write(claims.claim_pending, worker, limit=2, at=AT):
            mine += [execution.id for execution in claimed]
            assert all(execution.status is Status.RUNNING for execution in claimed)
        return mine

    shares = await asyncio.gather(claim(store, "w1"), claim(other, "w2"), claim(store, "w3"))
    assert sorted(execution_id for share in shares for execution_id in share) == ids
    assert all(share == sorted(share) for share in shares)


async def test_only_the_worker_of_an_attempt_moves_it(
    store: Database, other: Database, new_execution: Make
) -> None:
    await store.write(executions.add_execution, new_execution("1", status=Status.RUNNING), "w1")
    for worker, attempt in (("w2", 1), ("w1", 2)):
        held = ("1", worker)
        assert not await other.read(attempts.is_current, *held, attempt=attempt)
        assert not await other.write(attempts.hand_back, *held, attempt=attempt, at=AT)
        assert not await other.write(
            attempts.attempt_again, *held, WHY, attempt=attempt, at=AT, delay=AT - AT
        )
        assert not await other.write(
            attempts.finish, *held, attempt=attempt, outputs=(), failure=None, at=AT
        )
    ended: dict[str, Any] = {"attempt": 1, "outputs": (), "failure": None, "at": AT}
    assert await store.write(attempts.finish, "1", "w1", **ended)
    assert not await store.write(attempts.finish, "1", "w1", **ended)


async def test_queued_ones_of_workers_that_are_gone_can_be_taken(
    store: Database, new_execution: Make
) -> None:
    await store.write(workers.add_worker, "w1", AT)
    await store.write(executions.add_all, [new_execution("1"), new_execution("2")], "w1")
    await store.write(claims.release_queued)
    assert await store.write(claims.claim_pending, "w2", limit=2, at=AT) == []
    await store.write(workers.remove_worker, "w1")
    await store.write(claims.release_queued)
    claimed = await store.write(claims.claim_pending, "w2", limit=2, at=AT)
    assert [execution.id for execution in claimed] == ["1", "2"]


async def test_what_was_deleted_is_gone_at_once_and_its_rows_in_batches(
    store: Database, other: Database, new_execution: Make
) -> None:
    made = [new_execution(f"{number}") for number in range(5)]
    await store.write(executions.add_all, made, None)
    await store.write(deletion.mark_pipeline, PIPELINE.id, AT)
    assert await other.read(pipelines.pipeline_by_name, PIPELINE.name) is None
    assert (await other.read(search, ExecutionFilter(), limit=9)).executions == []
    assert await other.write(claims.claim_pending, "w1", limit=9, at=AT) == []
    deleted = Deleted(Kind.PIPELINE, PIPELINE.id)
    assert not await store.write(deletion.bury, deleted)
    batches = [await store.write(deletion.remove_some, PIPELINE.id, limit=2) for _ in range(4)]
    assert batches == [["4", "3"], ["2", "1"], ["0"], []]
    assert await store.write(deletion.bury, deleted)
    assert await store.read(deletion.all_deleted) == []
    assert await store.read(versions.digests_in_use, AT) == (set(), set())
