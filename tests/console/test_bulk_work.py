"""Work on several executions: how far it is, what is refused, how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.console import bulk_progress, bulk_work
from headrace.console.bulk_progress import KeptProgress, Progress, begun
from headrace.console.bulk_work import BulkWork, Round
from headrace.core.errors import Conflict, NotFound, Unavailable
from headrace.core.execution_filters import Count


def rounds(*given: Round) -> Callable[[], Awaitable[Round]]:
    """Gives the rounds that come after the first."""
    left = iter(given)

    async def following() -> Round:
        return next(left)

    return following


def some(*ids: str, total: int, has_more: bool = False) -> Round:
    return Round(ids, Count(total, is_exact=not has_more), has_more=has_more)


async def until_over(place: Path, progress: Progress) -> Progress:
    async with asyncio.timeout(30):
        while True:
            found = KeptProgress(place).load(progress.id, progress.user)
            if found.is_over:
                return found
            await asyncio.sleep(0.02)


async def test_it_goes_from_round_to_round_until_nothing_fits(tmp_path: Path) -> None:
    seen: list[str] = []

    async def work(one: str) -> bool:
        seen.append(one)
        if one == "refused":
            raise Conflict("It cannot.")
        return one != "ended"

    first = some("a", "refused", "ended", total=3, has_more=True)
    # What was refused is found again, and not tried again.
    second = some("refused", "b", total=1, has_more=True)
    progress = begun("cancel", "me", "/executions")
    following = rounds(second, some("refused", total=0))
    await BulkWork().begin(tmp_path, progress, first, following, work)
    found = await until_over(tmp_path, progress)
    assert sorted(seen) == ["a", "b", "ended", "refused"]
    assert (found.done, found.ended, found.refused_count) == (2, 1, 1)
    assert [tuple(one) for one in found.refused] == [("refused", "It cannot.")]
    assert (found.total, found.is_exact, found.left) == (4, True, 0)
    assert not found.is_whole


async def test_it_ends_where_all_that_is_left_is_refused(tmp_path: Path) -> None:
    async def work(one: str) -> bool:
        raise Conflict(f"{one} cannot.")

    progress = begun("cancel", "me", "/executions")
    first = some("a", "b", total=5, has_more=True)
    await BulkWork().begin(tmp_path, progress, first, rounds(), work)
    found = await until_over(tmp_path, progress)
    assert (found.refused_count, found.left) == (2, 3)


@pytest.mark.parametrize("where", ["work", "find"])
async def test_a_defect_ends_it_and_never_looks_like_the_end_of_all(
    tmp_path: Path, where: str
) -> None:
    async def work(one: str) -> bool:
        return where == "find" or one[100] == ""

    async def find() -> Round:
        raise LookupError(where)

    progress = begun("cancel", "me", "/executions")
    first = some("a", total=2, has_more=True)
    await BulkWork().begin(tmp_path, progress, first, find, work)
    found = await until_over(tmp_path, progress)
    assert found.why_over == bulk_work.DEFECT
    assert not found.is_whole
    assert found.refused_count == (where == "work")


async def test_it_is_stopped_by_whoever_began_it_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_work, "QUICK_S", 0.0)
    gate = asyncio.Event()

    async def work(one: str) -> bool:
        if int(one) >= 8:
            await gate.wait()
        return True

    progress = begun("replay", "me", "/executions")
    first = some(*map(str, range(1000)), total=1000)
    await BulkWork().begin(tmp_path, progress, first, rounds(), work)
    async with asyncio.timeout(30):
        while KeptProgress(tmp_path).load(progress.id, "me").done < 8:
            await asyncio.sleep(0.02)
    kept = KeptProgress(tmp_path)
    for asked in (kept.load, kept.ask_to_stop):
        with pytest.raises(NotFound):
            asked(progress.id, "another")
        with pytest.raises(NotFound):
            asked("../data/headrace.db", "me")
    kept.ask_to_stop(progress.id, "me")
    async with asyncio.timeout(30):
        while not KeptProgress(tmp_path).load(progress.id, "me").why_over:
            await asyncio.sleep(0.02)
    gate.set()
    found = await until_over(tmp_path, progress)
    assert found.why_over == "It was stopped."
    # What was under way went to its end, and nothing was begun after it.
    assert (found.done, found.left) == (16, 984)


async def test_what_is_unavailable_ends_it_and_too_much_at_once_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_work, "QUICK_S", 0.0)
    gate, bulk = asyncio.Event(), BulkWork()

    async def paused(one: str) -> bool:
        await gate.wait()
        raise Unavailable("It is paused.")

    going = [begun("cancel", "me", "/executions") for _ in range(bulk_work.AT_ONCE)]
    ids = some(*map(str, range(100)), total=100)
    for progress in going:
        await bulk.begin(tmp_path, progress, ids, rounds(), paused)
    with pytest.raises(Unavailable, match="under way on this server"):
        await bulk.begin(tmp_path, begun("cancel", "me", "/"), ids, rounds(), paused)
    gate.set()
    for progress in going:
        found = await until_over(tmp_path, progress)
        assert (found.why_over, found.left) == ("It is paused.", 100 - bulk_work.PARALLEL)


async def test_progress_of_a_process_that_is_gone_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(one: str) -> bool:
        return True

    progress = begun("cancel", "me", "/executions")
    await BulkWork().begin(tmp_path, progress, some("a", total=1), rounds(), work)
    found = await until_over(tmp_path, progress)
    assert found.is_whole
    kept = KeptProgress(tmp_path)
    kept.save(replace(found, is_over=False))
    monkeypatch.setattr(bulk_progress, "SILENT_S", -1.0)
    found = KeptProgress(tmp_path).load(progress.id, "me")
    assert found.why_over == "The server was stopped meanwhile."
