"""Functions that yield: items on their way, and the list that is recorded."""

from __future__ import annotations

import asyncio

import pytest
from tests.engines.conftest import plain

from headrace.core.outcomes import Failure, FailureKind, Returned
from headrace.core.values import Json
from headrace.engines.local.pods.items import Items
from headrace.engines.port import Ticket

YIELDING = """
import asyncio, os, time
produced = 0

def plain(count, size=0, place=None):
    global produced
    for n in range(count):
        if place and n == count - 1:
            while not os.path.exists(place): time.sleep(0.005)
        produced += 1
        yield [n, 'x' * size] if size else n

async def awaited(count, size=0, place=None):
    global produced
    for n in range(count):
        while place and n == count - 1 and not os.path.exists(place): await asyncio.sleep(0.005)
        produced += 1
        yield [n, 'x' * size] if size else n

def returns_plain(**values): return plain(**values)
def returns_awaited(**values): return awaited(**values)
async def awaits_plain(**values): return plain(**values)

def reports(kind):
    yield from {'produced': [produced], 'nan': [1, float('nan')], 'bytes': [1, b'2'], 'none': [],
                'raises': (1 // n for n in (1, 0))}[kind]
"""
FUNCTIONS = ["plain", "awaited", "returns_plain", "returns_awaited", "awaits_plain"]


@pytest.fixture
def written(pods):
    pods.write(YIELDING)
    return pods


async def read(ticket: Ticket) -> list[Json]:
    assert ticket.items is not None
    return [item async for item in ticket.items]


@pytest.mark.parametrize("max_parallel", [None, 3])
@pytest.mark.parametrize("function", FUNCTIONS)
async def test_items_come_while_the_function_runs_and_are_recorded_as_a_list(
    written, function, max_parallel
):
    place = written.root / "place"
    await written.deploy(function, outputs={"out": "array"}, max_parallel=max_parallel)
    ticket = written.submit({"count": 4, "place": str(place)}, stream=True)
    items = aiter(ticket.items)
    assert [await anext(items) for _ in range(3)] == [0, 1, 2]
    assert not ticket.ended.done()
    place.touch()
    assert [item async for item in items] == [3]
    assert await ticket.ended == Returned({"out": [0, 1, 2, 3]})
    assert not ticket.items.is_cut


@pytest.mark.parametrize("function", ["plain", "awaited"])
async def test_without_a_reader_there_is_the_list_alone(written, function):
    await written.deploy(function)
    ticket = written.submit({"count": 3})
    assert ticket.items is None
    assert await ticket.ended == Returned({"out": [0, 1, 2]})
    assert await written.run({"count": 0}) == Returned({"out": []})


@pytest.mark.parametrize("outputs", [{}, {"a": "string"}, {"a": "array", "b": "json"}])
@pytest.mark.parametrize("function", ["plain", "awaited"])
async def test_items_need_exactly_one_output_that_can_be_a_list(written, function, outputs):
    await written.deploy(function, outputs=outputs)
    ticket = written.submit({"count": 3}, stream=True)
    outcome = await ticket.ended
    declared = ", ".join(f"{name} ({kind})" for name, kind in outputs.items()) or "none"
    assert outcome == Failure(
        FailureKind.BAD_OUTPUT,
        f"{function}() yields items, so exactly one output of type array or json must be declared, "
        f"which becomes their list; declared is: {declared}.",
    )
    assert await read(ticket) == []


async def test_what_goes_wrong_midway_ends_the_call_after_the_items_before_it(written):
    await written.deploy("reports")
    for kind, expected in [
        ("raises", "ZeroDivisionError: integer division or modulo by zero"),
        ("bytes", "reports(): item 2 of output 'out' holds a bytes: b'2', which JSON cannot hold"),
    ]:
        ticket = written.submit({"kind": kind}, stream=True)
        assert await read(ticket) == [1]
        assert expected in (await ticket.ended).message
    ticket = written.submit({"kind": "nan"}, stream=True)
    assert await read(ticket) == [1, None]
    assert (await ticket.ended).values == {"out": [1, None]}
    assert await written.value({"kind": "none"}) == []


async def test_a_function_that_does_not_yield_streams_nothing(pods):
    pods.write("def fn(): return {'out': [1]}")
    await pods.deploy()
    ticket = pods.submit(stream=True)
    assert await read(ticket) == []
    assert await ticket.ended == Returned({"out": [1]})


@pytest.mark.parametrize("function", ["plain", "awaited"])
async def test_a_slow_reader_holds_up_the_function_and_loses_nothing(written, function):
    size = 10_000
    await written.deploy(function, max_parallel=2)
    ticket = written.submit({"count": 500, "size": size}, stream=True)
    items = aiter(ticket.items)
    first = [(await anext(items))[0]]
    # It is held up with no more under way than the window holds, and this is where it stays.
    await written.until(lambda: held(ticket) >= (1 << 18) - 2 * size)
    for _ in range(20):
        await asyncio.sleep(0.005)
        assert held(ticket) <= (1 << 18) + 2 * size
    assert not ticket.ended.done()
    rest = [item[0] async for item in items]
    assert first + rest == list(range(500))
    assert len(plain((await ticket.ended).values["out"])) == 500


def held(ticket: Ticket) -> int:
    """The bytes of items that the engine holds for the reader."""
    assert isinstance(ticket.items, Items)
    return sum(size for size, _ in ticket.items._waiting)


@pytest.mark.parametrize("function", ["plain", "awaited"])
async def test_a_reader_that_leaves_does_not_keep_the_call_from_being_recorded(written, function):
    await written.deploy(function)
    ticket = written.submit({"count": 500, "size": 10_000}, stream=True)
    await anext(aiter(ticket.items))
    ticket.items.leave()
    assert len(plain((await ticket.ended).values["out"])) == 500
    assert await read(ticket) == []
    early = written.submit({"count": 500, "size": 10_000}, stream=True)
    early.items.leave()
    assert len(plain((await early.ended).values["out"])) == 500
    assert early.items.is_cut


async def test_a_reader_that_takes_nothing_is_given_up(written):
    await written.engine.close()
    written.open(stream_stall_s=0.2)
    await written.deploy("plain")
    ticket = written.submit({"count": 500, "size": 10_000}, stream=True)
    behind = written.submit({"count": 1})
    assert len(plain((await ticket.ended).values["out"])) == 500
    assert ticket.items.is_cut
    assert await behind.ended == Returned({"out": [0]})


async def test_a_list_that_grows_without_end_is_cut_off(written):
    await written.engine.close()
    written.open(output_bytes=100_000)
    await written.deploy("plain")
    failure = await written.failure({"count": 10**9, "size": 1000})
    assert failure.kind is FailureKind.BAD_OUTPUT
    assert "plain() yielded more than 100,000 bytes of JSON" in failure.message


@pytest.mark.parametrize("max_parallel", [None, 2])
@pytest.mark.parametrize("function", ["plain", "awaited"])
async def test_a_call_that_waits_for_its_reader_can_be_stopped(written, function, max_parallel):
    await written.deploy(function, max_parallel=max_parallel)
    ticket = written.submit({"count": 500, "size": 10_000}, stream=True)
    await anext(aiter(ticket.items))
    stop = Failure(FailureKind.CANCELLED, "Stopped.")
    ticket.stop(stop)
    assert await ticket.ended == stop
    assert await written.run({"count": 1}) == Returned({"out": [0]})


@pytest.mark.parametrize("function", ["plain", "awaited"])
async def test_items_of_parallel_calls_do_not_meet(written, function):
    await written.deploy(function, max_parallel=4)
    tickets = [written.submit({"count": 50 + n}, stream=True) for n in range(4)]
    found = await asyncio.gather(*map(read, tickets))
    assert found == [list(range(50 + n)) for n in range(4)]
