"""Limits of time and the end of calls on request: the four cases, and what they leave."""

from __future__ import annotations

import asyncio

import pytest

from headrace.core.outcomes import Failure, FailureKind, Returned

STOP = Failure(FailureKind.CANCELLED, "Somebody cancelled it.")

LIMIT_S = 1
"""Long enough for calls that do not wait, however busy the machine is."""

WAITING = """
import asyncio, os, time
state = []
def wait(place):
    while not os.path.exists(place): time.sleep(0.005)

def plain(place=None):
    state.append('called')
    if place: open(place + '.begun', 'w').close()
    if place: wait(place)
    print('late')
    return {'out': [os.getpid(), state]}

async def awaited(place=None, stubborn=False):
    state.append('called')
    if place: open(place + '.begun', 'w').close()
    try:
        while place and not os.path.exists(place): await asyncio.sleep(0.005)
    except asyncio.CancelledError:
        state.append('cancelled')
        if not stubborn: raise
        while not os.path.exists(place): await asyncio.sleep(0.005)
    return {'out': [os.getpid(), state]}

async def blocking(place=None):
    if place: wait(place)
    return {'out': [os.getpid(), state]}
"""


@pytest.fixture
def place(pods):
    pods.write(WAITING)
    return pods.root / "place"


def timed_out(function: str) -> Failure:
    return Failure(FailureKind.TIMEOUT, f"{function}() did not end within {LIMIT_S} s.")


@pytest.mark.parametrize("max_parallel", [None, 2])
async def test_a_coroutine_that_takes_too_long_is_cancelled(pods, place, max_parallel):
    await pods.deploy("awaited", max_parallel=max_parallel, timeout_s=LIMIT_S)
    pid, _ = await pods.value()
    slow = pods.submit({"place": str(place)})
    others = [pods.submit() for _ in range(3)]
    assert await slow.ended == timed_out("awaited")
    for other in others:
        assert (await other.ended).values["out"][0] == pid
    _, state = await pods.value()
    assert state.count("cancelled") == 1


async def test_a_plain_parallel_call_is_given_up_and_keeps_its_slot(pods, place):
    await pods.deploy("plain", max_parallel=2, timeout_s=LIMIT_S)
    pid, _ = await pods.value()
    slow = pods.submit({"place": str(place)})
    assert await slow.ended == timed_out("plain")
    assert pods.log(slow) == []
    held = pods.submit()
    assert (await held.ended).values["out"][0] == pid
    # One slot is left, so these two run one after the other.
    assert [pods.submit() for _ in range(2)][1].is_running is False
    place.touch()
    await pods.until(lambda: "late" in pods.said("stdout"))
    await pods.until(lambda: pods.state().running == pods.state().waiting == 0)
    both = [pods.submit() for _ in range(2)]
    assert [ticket.is_running for ticket in both] == [True, True]
    for ticket in both:
        assert (await ticket.ended).values["out"][0] == pid


async def test_a_plain_call_that_runs_alone_has_no_limit_of_time(pods, place):
    await pods.deploy("plain", timeout_s=LIMIT_S)
    slow, behind = pods.submit({"place": str(place)}), pods.submit()
    await asyncio.wait({slow.ended}, timeout=2 * LIMIT_S)
    assert not slow.ended.done()
    place.touch()
    assert isinstance(await slow.ended, Returned)
    assert isinstance(await behind.ended, Returned)


@pytest.mark.parametrize("function", ["awaited", "blocking"])
async def test_a_coroutine_that_cannot_be_cancelled_ends_with_its_pod(pods, place, function):
    await pods.engine.close()
    pods.open(stop_grace_s=0.3)
    await pods.deploy(function, timeout_s=LIMIT_S)
    pid, _ = await pods.value()
    extra = {"stubborn": True} if function == "awaited" else {}
    slow = pods.submit({"place": str(place), **extra})
    behind = pods.submit()
    assert await slow.ended == timed_out(function)
    assert (await behind.ended).values["out"][0] != pid


async def test_a_parallel_coroutine_that_goes_on_is_given_up_and_keeps_its_slot(pods, place):
    await pods.engine.close()
    pods.open(stop_grace_s=0.3)
    await pods.deploy("awaited", max_parallel=2, timeout_s=LIMIT_S)
    pid, _ = await pods.value()
    slow = pods.submit({"place": str(place), "stubborn": True})
    assert await slow.ended == timed_out("awaited")
    assert [pods.submit() for _ in range(2)][1].is_running is False
    place.touch()
    await pods.until(lambda: [pods.submit() for _ in range(2)][1].is_running)
    assert (await pods.value())[0] == pid


@pytest.mark.parametrize("function", ["plain", "awaited"])
@pytest.mark.parametrize("max_parallel", [None, 2])
async def test_a_call_is_stopped_on_request(pods, place, function, max_parallel):
    await pods.engine.close()
    # Whatever ends it, it is not the end of the patience with it.
    pods.open(stop_grace_s=600)
    await pods.deploy(function, max_parallel=max_parallel)
    pid, _ = await pods.value()
    slow, behind = pods.submit({"place": str(place)}), pods.submit()
    await pods.until(place.with_suffix(".begun").exists)
    slow.stop(STOP)
    slow.stop(Failure(FailureKind.TIMEOUT, "too late"))
    assert await slow.ended == STOP
    assert isinstance(await behind.ended, Returned)
    # Nothing but its process ends a plain call that runs alone.
    is_same = (await pods.value())[0] == pid
    assert is_same == (function == "awaited" or max_parallel is not None)
    assert pods.state().status == "up"
    place.touch()


@pytest.mark.parametrize("function", ["plain", "awaited"])
async def test_a_call_that_waits_never_begins_once_it_is_stopped(pods, place, function):
    await pods.deploy(function)
    # Fast calls teach the engine to send some ahead.
    await asyncio.gather(*(pods.submit().ended for _ in range(50)))
    slow = pods.submit({"place": str(place)})
    waiting = [pods.submit() for _ in range(100)]
    for ticket in waiting:
        ticket.stop(STOP)
    for ticket in waiting:
        assert await ticket.ended == STOP
        assert ticket.started_us == 0
    assert not slow.ended.done()
    place.touch()
    _, state = (await slow.ended).values["out"]
    assert len(state) == 51
    assert len((await pods.value())[1]) == 52


async def test_a_call_that_is_stopped_while_it_is_taken_back_never_begins(pods, place):
    await pods.deploy("plain")
    begun = 0
    for n in range(6):
        await asyncio.gather(*(pods.submit().ended for _ in range(30)))
        turn = place.with_name(f"place-{n}")
        slow = pods.submit({"place": str(turn)})
        behind = [pods.submit() for _ in range(5)]
        # About when the pod is asked for what it has not begun.
        await asyncio.sleep(0.049 + n * 0.0005)
        for ticket in behind:
            ticket.stop(STOP)
        for ticket in behind:
            assert await ticket.ended == STOP
        turn.touch()
        await slow.ended
        begun += 31
    assert len((await pods.value())[1]) == begun + 1


async def test_calls_behind_a_slow_one_go_to_the_pod_that_is_free(pods, place):
    await pods.deploy("plain", count=2)
    await asyncio.gather(*(pods.submit().ended for _ in range(200)))
    # Both pods are fast, so that both were sent calls ahead; then one of them turns slow.
    tickets = [pods.submit() for _ in range(10)]
    slow = pods.submit({"place": str(place)})
    tickets += [pods.submit() for _ in range(50)]
    for ticket in tickets:
        assert isinstance(await ticket.ended, Returned)
    assert not slow.ended.done()
    place.touch()
    await slow.ended


async def test_a_call_that_has_ended_cannot_be_stopped(pods, place):
    await pods.deploy("plain")
    ticket = pods.submit()
    outcome = await ticket.ended
    ticket.stop(STOP)
    assert await ticket.ended is outcome
    assert isinstance(await pods.run(), Returned)


async def test_whoever_asks_is_told_when_user_code_begins(pods, place):
    await pods.deploy("plain")
    first, second = pods.submit({"place": str(place)}), pods.submit()
    begun = []
    first.when_started(lambda: begun.append(1))
    second.when_started(lambda: begun.append(2))
    assert begun == [1]
    assert (first.is_running, second.is_running) == (True, False)
    place.touch()
    await second.ended
    assert begun == [1, 2]
    assert (first.is_running, second.is_running) == (False, False)


async def test_a_pod_all_of_whose_slots_are_taken_for_ever_is_replaced(pods, place):
    await pods.deploy("plain", max_parallel=2, timeout_s=LIMIT_S)
    pid, _ = await pods.value()
    stuck = [pods.submit({"place": str(place)}) for _ in range(2)]
    behind = pods.submit()
    for ticket in stuck:
        assert await ticket.ended == timed_out("plain")
    assert (await behind.ended).values["out"][0] != pid
    place.touch()
