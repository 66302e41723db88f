"""A loop goes on, whatever its work raises, until it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from headrace.core.errors import Unavailable
from headrace.signals import loop as loop_module
from headrace.signals.loop import Loop


class Work:
    """Raises what it is given, one after the other, then has no more to say."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.is_past = asyncio.Event()

    async def __call__(self) -> float:
        if self.errors:
            raise self.errors.pop(0)
        self.is_past.set()
        return 3600.0


async def went_on(work: Work) -> None:
    loop = Loop("test", work, complaint="nothing is done", try_again_s=0.01)
    await loop.begin()
    async with asyncio.timeout(20):
        await work.is_past.wait()
    await loop.close()


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("unexpected"),
        OSError(28, "No space left on device"),
        Unavailable("The database did not answer."),
        asyncio.CancelledError(),
        TimeoutError(),
        StopAsyncIteration(),
        RecursionError(),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_no_error_ends_a_loop_and_each_is_said(error, caplog):
    await went_on(Work(error))
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("nothing is done: ")


async def test_what_is_unexpected_is_said_with_its_traceback_and_a_repetition_not_again(caplog):
    await went_on(Work(*(RuntimeError("again") for _ in range(5)), Unavailable("Not now.")))
    first, second = caplog.records
    assert first.getMessage() == "nothing is done: RuntimeError: again"
    assert first.exc_info
    assert second.getMessage() == "nothing is done: Not now."
    assert not second.exc_info


async def test_a_closed_loop_has_stopped_wherever_it_was():
    begun, stopped = asyncio.Event(), []

    async def work() -> float:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            stopped.append(True)
        return 0.0

    loop = Loop("test", work, complaint="")
    await loop.begin()
    await begun.wait()
    await loop.close()
    assert stopped == [True]
    await loop.close()  # once more changes nothing


async def test_the_wait_is_told_for_how_long():
    waits: list[float] = []
    enough = asyncio.Event()

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            enough.set()
            await asyncio.sleep(3600)

    async def work() -> float:
        return 5.0

    loop = Loop("test", work, complaint="", wait=wait)
    await loop.begin()
    async with asyncio.timeout(20):
        await enough.wait()
    await loop.close()
    assert waits == [5.0, 5.0, 5.0]


async def test_a_loop_that_finishes_does_what_it_has_begun_and_no_more():
    begun, go, done = asyncio.Event(), asyncio.Event(), []

    async def work() -> float:
        begun.set()
        await go.wait()
        done.append(True)
        return 0.0

    loop = Loop("test", work, complaint="")
    await loop.begin()
    await begun.wait()
    finishing = asyncio.create_task(loop.finish())
    await asyncio.sleep(0)
    assert not finishing.done()
    go.set()
    async with asyncio.timeout(20):
        await finishing
    assert done == [True]


@pytest.mark.parametrize("error", [None, RuntimeError("a reason to wait before the next time")])
async def test_a_loop_that_waits_finishes_at_once(error):
    work = Work(*([] if error is None else [error]))
    loop = Loop("test", work, complaint="", try_again_s=3600.0)
    await loop.begin()
    await asyncio.sleep(0.01)
    async with asyncio.timeout(20):
        await loop.finish()


async def test_work_that_does_not_stop_is_left_behind(monkeypatch, caplog):
    monkeypatch.setattr(loop_module, "CLOSE_S", 0.01)
    begun, go = asyncio.Event(), asyncio.Event()

    async def work() -> float:
        begun.set()
        while not go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await go.wait()
        return 3600.0

    loop = Loop("test", work, complaint="nothing is done")
    await loop.begin()
    await begun.wait()
    async with asyncio.timeout(20):
        await loop.close()
    assert [record.getMessage() for record in caplog.records] == [
        "nothing is done: test does not stop"
    ]
    go.set()


async def test_it_is_known_since_when_a_loop_has_not_come_round():
    rounds, failing = asyncio.Event(), True

    async def work() -> float:
        rounds.set()
        if failing:
            raise Unavailable("not now")
        return 0.001

    loop = Loop("test", work, complaint="nothing is done", try_again_s=0.001)
    assert loop.silent_s == 0
    await loop.begin()
    async with asyncio.timeout(20):
        for _ in range(3):
            before = loop.silent_s
            rounds.clear()
            await rounds.wait()
            assert loop.silent_s > before
        failing = False
        while loop.silent_s >= before:
            await asyncio.sleep(0.001)
    await loop.close()
