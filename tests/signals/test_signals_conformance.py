"""What all signals do. Another transport adds its constructor to ``SIGNALS``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from headrace.signals.local import LocalSignals
from headrace.signals.port import Signals
from headrace.signals.waiting import wait_until_over

SIGNALS: dict[str, Callable[[], Signals]] = {"local": LocalSignals}

LONG_S = 30.0


@pytest.fixture(params=SIGNALS)
def signals(request: pytest.FixtureRequest) -> Signals:
    return SIGNALS[request.param]()


async def test_who_listens_is_woken(signals: Signals) -> None:
    with signals.listen("topic") as one, signals.listen("topic") as other:
        waits = [asyncio.create_task(each.wait(LONG_S)) for each in (one, other)]
        await asyncio.sleep(0)
        signals.notify("topic")
        assert await asyncio.gather(*waits) == [True, True]


async def test_a_signal_between_two_waits_is_not_missed(signals: Signals) -> None:
    with signals.listen("topic") as signal:
        signals.notify("topic")
        assert await signal.wait(LONG_S)


async def test_a_wait_takes_all_signals_before_it(signals: Signals) -> None:
    with signals.listen("topic") as signal:
        signals.notify("topic")
        signals.notify("topic")
        assert await signal.wait(LONG_S)
        assert not await signal.wait(0.01)


async def test_other_topics_wake_nobody(signals: Signals) -> None:
    with signals.listen("topic") as signal:
        signals.notify("another")
        assert not await signal.wait(0.01)


async def test_nobody_needs_to_listen(signals: Signals) -> None:
    signals.notify("topic")
    with signals.listen("topic"):
        pass
    signals.notify("topic")
    with signals.listen("topic") as signal:
        assert not await signal.wait(0.01)


async def test_a_wait_may_be_cancelled_and_the_next_one_hears(signals: Signals) -> None:
    with signals.listen("topic") as signal:
        wait = asyncio.create_task(signal.wait(LONG_S))
        await asyncio.sleep(0)
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait
        signals.notify("topic")
        assert await signal.wait(LONG_S)


async def test_a_state_is_returned_as_soon_as_it_is_over(signals: Signals) -> None:
    states = ["running"]

    async def look() -> str:
        return states[-1]

    waiting = asyncio.create_task(
        wait_until_over(signals, "topic", look, lambda state: state == "over", LONG_S)
    )
    await asyncio.sleep(0)
    states.append("over")
    signals.notify("topic")
    async with asyncio.timeout(LONG_S / 2):
        assert await waiting == "over"
