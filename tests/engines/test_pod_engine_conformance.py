"""What every engine of warm processes does. Another one adds its site to ``SITES``.

A site is made from a folder. It has an ``engine``, writes a pipeline, keeps pods of it and makes
calls; the tests ask for nothing else of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.engines.pod_bench import DEPLOYMENT, PodBench

from headrace.core.calls import InputFile
from headrace.core.outcomes import CANCELLED, Failure, FailureKind, Outcome, Returned
from headrace.core.pods import PodStatus, QueueFull

SITES: dict[str, Callable[[Path], PodBench]] = {"local": PodBench}

WAITS = """
    import asyncio, pathlib
    async def fn(mark):
        pathlib.Path(mark).touch()
        while not pathlib.Path(mark + '.go').exists(): await asyncio.sleep(0.005)
        return {'out': mark}
"""


@pytest.fixture(params=SITES)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PodBench]:
    made = SITES[request.param](tmp_path)
    yield made
    await made.engine.close()


async def test_calls_share_the_process_and_its_state(site: PodBench) -> None:
    site.write("seen = []\ndef fn(n):\n    seen.append(n)\n    return {'out': seen}")
    await site.deploy()
    assert [await site.value({"n": n}) for n in (1, 2)] == [[1], [1, 2]]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("raise ValueError('no')", FailureKind.USER_ERROR),
        ("return {'out': object()}", FailureKind.BAD_OUTPUT),
        ("import os; os._exit(3)", FailureKind.WORKER_LOST),
    ],
)
async def test_what_goes_wrong_is_a_failure_of_its_kind_and_the_next_call_is_made(
    site: PodBench, body: str, kind: FailureKind
) -> None:
    site.write(f"def fn(goes_wrong):\n    if goes_wrong: {body}\n    return {{'out': 1}}")
    await site.deploy()
    assert (await site.failure({"goes_wrong": True})).kind is kind
    assert await site.value({"goes_wrong": False}) == 1


async def test_code_that_cannot_be_imported_makes_no_pods(site: PodBench) -> None:
    site.write("raise RuntimeError('at import')")
    assert "RuntimeError: at import" in (await site.refused()).message
    assert site.state().status is PodStatus.CREATION_FAILED
    assert "at import" in (await site.failure()).message


async def test_an_outcome_is_told_before_it_is_waited_for(site: PodBench) -> None:
    site.write("def fn(): return {'out': 1}")
    await site.deploy()
    told: list[Outcome] = []
    ticket = site.engine.submit(DEPLOYMENT, site.call(), told.append)
    assert not isinstance(ticket, QueueFull)
    assert [await ticket.ended] == told == [Returned({"out": 1})]
    assert ticket.started_us > 0


async def test_a_deployment_that_nobody_knows_takes_no_calls(site: PodBench) -> None:
    with pytest.raises(KeyError):
        site.engine.submit("unknown", site.call())


async def test_calls_that_wait_are_bounded_and_begin_in_order(site: PodBench) -> None:
    site.write("""
        import os, time
        order = []
        def fn(n, mark):
            order.append(n)
            while not os.path.exists(mark): time.sleep(0.005)
            return {'out': order}
    """)
    await site.deploy(max_queue=2)
    mark = site.root / "mark"
    first = site.submit({"n": 0, "mark": str(mark)})
    await site.until(lambda: first.is_running)
    waiting = [site.submit({"n": n, "mark": str(mark)}) for n in (1, 2)]
    refused = site.engine.submit(DEPLOYMENT, site.call({"n": 3, "mark": str(mark)}))
    assert isinstance(refused, QueueFull)
    assert refused.waiting >= 2
    mark.touch()
    assert await waiting[1].ended == Returned({"out": [0, 1, 2]})


async def test_a_call_is_stopped_whether_it_runs_or_waits(site: PodBench) -> None:
    site.write(WAITS)
    await site.deploy()
    runs = site.submit({"mark": str(site.root / "one")})
    await site.until(lambda: runs.is_running)
    waits = site.submit({"mark": str(site.root / "other")})
    for ticket in (waits, runs):
        ticket.stop(CANCELLED)
    assert await waits.ended == await runs.ended == CANCELLED
    assert not waits.may_have_begun
    assert not (site.root / "other").exists()


async def test_a_coroutine_that_takes_too_long_is_ended(site: PodBench) -> None:
    site.write(WAITS)
    await site.deploy(timeout_s=1)
    assert (await site.failure({"mark": str(site.root / "m")})).kind is FailureKind.TIMEOUT


async def test_the_log_of_each_call_is_its_own_and_complete(site: PodBench) -> None:
    site.write("def fn(n):\n    for _ in range(100): print(n)\n    return {'out': n}")
    await site.deploy(max_parallel=4)
    tickets = [site.submit({"n": n}) for n in range(8)]
    for n, ticket in enumerate(tickets):
        await ticket.ended
        assert site.log(ticket) == [("stdout", str(n))] * 100


async def test_items_are_read_while_the_function_yields(site: PodBench) -> None:
    site.write("""
        import os, time
        def fn(mark):
            yield 1
            while not os.path.exists(mark): time.sleep(0.005)
            yield 2
    """)
    await site.deploy(outputs={"out": "array"})
    mark = site.root / "mark"
    ticket = site.submit({"mark": str(mark)}, stream=True)
    assert ticket.items is not None
    items = aiter(ticket.items)
    assert await anext(items) == 1
    assert not ticket.ended.done()
    mark.touch()
    assert [item async for item in items] == [2]
    assert await ticket.ended == Returned({"out": [1, 2]})


async def test_files_go_in_and_come_out(site: PodBench) -> None:
    given = site.root / "given"
    given.write_text("in")
    site.write("""
        def fn(data):
            text = open(data['path']).read()
            open('b.txt', 'w').write(text + ' and out')
            return {'out': {'path': 'b.txt'}}
    """)
    await site.deploy(outputs={"out": "file"})
    outcome = await site.run(files={"data": InputFile(given, "a.txt")})
    assert isinstance(outcome, Returned)
    assert outcome.files["out"].path.read_text() == "in and out"


async def test_another_plan_takes_over_once_its_pods_are_up(site: PodBench) -> None:
    site.write("def fn(): return {'out': 'old'}")
    await site.deploy()
    site.write("raise RuntimeError('broken')")
    await site.refused()
    assert await site.value() == "old"
    site.write("def fn(): return {'out': 'new'}")
    await site.deploy()
    assert await site.value() == "new"


async def test_retiring_ends_what_runs_and_what_waits(site: PodBench) -> None:
    site.write(WAITS)
    await site.deploy()
    runs, waits = [site.submit({"mark": str(site.root / name)}) for name in ("one", "other")]
    await site.until(lambda: runs.is_running)
    await site.engine.retire(DEPLOYMENT, 0)
    for ticket in (runs, waits):
        assert isinstance(await ticket.ended, Failure)
    assert site.state().pods == ()
    with pytest.raises(KeyError):
        site.engine.submit(DEPLOYMENT, site.call())


async def test_retiring_waits_for_what_ends_in_time(site: PodBench) -> None:
    site.write(WAITS)
    await site.deploy()
    mark = site.root / "mark"
    ticket = site.submit({"mark": str(mark)})
    await site.until(lambda: ticket.is_running)
    retiring = asyncio.create_task(site.engine.retire(DEPLOYMENT, 60))
    await asyncio.sleep(0)
    mark.with_name("mark.go").touch()
    await retiring
    assert await ticket.ended == Returned({"out": str(mark)})
