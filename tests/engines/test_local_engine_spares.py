"""The process that a template forks ahead of the next call."""

from __future__ import annotations

import asyncio

OWN = "import os, random\nnumber = random.random()\ndef fn(): return {'out': os.getpid()}\n"


async def test_the_next_call_gets_the_process_that_was_forked_ahead(bench):
    bench.write(OWN)
    await bench.value()
    for _ in range(3):
        [waiting] = await bench.until(bench.waiting)
        assert await bench.value() == waiting.pid


async def test_each_call_has_a_process_of_its_own(bench):
    bench.write(OWN)
    pids = [await bench.value() for _ in range(5)]
    pids += await asyncio.gather(*(bench.value() for _ in range(5)))
    assert len(set(pids)) == 10


async def test_a_killed_spare_is_replaced_and_no_call_is_harmed(bench):
    bench.write(OWN)
    await bench.value()
    for _ in range(3):
        [waiting] = await bench.until(bench.waiting)
        waiting.kill()
        waiting.wait()
        assert await bench.value() != waiting.pid


async def test_what_was_sent_to_a_spare_may_be_larger_than_a_pipe(bench):
    bench.write("def fn(text): return {'out': len(text)}")
    await bench.value(values={"text": ""})
    await bench.until(bench.waiting)
    assert await bench.value(values={"text": "x" * 500_000}) == 500_000


async def test_spares_draw_different_numbers(bench):
    bench.write("import random\ndef fn(): return {'out': random.random()}")
    drawn = set()
    for _ in range(4):
        drawn.add(await bench.value())
        await bench.until(bench.waiting)
    assert len(drawn) == 4
