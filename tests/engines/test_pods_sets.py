"""The pods of a deployment as a set: replacing, retrying, queueing, sleeping and waking."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from headrace.core.outcomes import Failure, FailureKind, Returned
from headrace.core.pods import PodStatus, QueueFull
from headrace.engines.local.pods.backoff import Backoff

VERSIONED = """
import os, time
def fn(s=0, place=None):
    time.sleep(s)
    while place and not os.path.exists(place): time.sleep(0.005)
    return {{'out': [{version!r}, os.getpid()]}}
"""


def write(pods, version):
    # Of another size each time, or bytecode of the same second would be taken for that of this one.
    pods.write(VERSIONED.format(version=version) + "#" * version)


@pytest.mark.parametrize(("count", "max_parallel"), [(1, None), (2, None), (1, 4)])
async def test_a_replacement_under_load_fails_no_call(pods, count, max_parallel):
    write(pods, 1)
    limits = {"count": count, "max_parallel": max_parallel}
    await pods.deploy(**limits)
    found = []
    is_over = False

    async def call_on() -> None:
        while not is_over:
            found.append(await pods.value({"s": 0.001}))

    load = [asyncio.create_task(call_on()) for _ in range(8)]
    for version in (2, 3):
        await pods.until(lambda: len(found) > 50)
        write(pods, version)
        await pods.deploy(**limits)
        found.clear()
    await pods.until(lambda: len(found) > 50)
    is_over = True
    await asyncio.gather(*load)
    # What was deployed last answers every call that came after that.
    assert {version for version, _ in found[16:]} == {3}
    assert len(pods.state().pods) == count


async def test_an_old_pod_finishes_what_it_runs(pods):
    write(pods, 1)
    await pods.deploy()
    place = pods.root / "place"
    running = pods.submit({"place": str(place)})
    await pods.until(lambda: running.is_running)
    write(pods, 2)
    await pods.deploy()
    assert (await pods.value())[0] == 2
    assert not running.ended.done()
    place.touch()
    assert (await running.ended).values["out"][0] == 1
    await pods.until(lambda: len(pods.processes()) == 2)


async def test_what_cannot_be_imported_leaves_the_old_pods_as_they_are(pods):
    write(pods, 1)
    await pods.deploy()
    before = await pods.value()
    pods.write("raise LookupError('not today')")
    assert (await pods.refused()).message == "LookupError: not today"
    assert await pods.value() == before
    assert pods.state().status is PodStatus.UP
    assert pods.state().failure.message == "LookupError: not today"


async def test_limits_and_the_number_of_pods_change_without_a_restart(pods):
    write(pods, 1)
    await pods.deploy(count=1)
    _, first = await pods.value()
    await pods.deploy(count=3, max_queue=5, idle_timeout_s=600)
    assert len(pods.state().pods) == 3
    three = {(await pods.value({"s": 0.05}))[1]}
    tickets = [pods.submit({"s": 0.2}) for _ in range(3)]
    three |= {(await ticket.ended).values["out"][1] for ticket in tickets}
    assert len(three) == 3
    assert first in three
    await pods.deploy(count=2)
    await pods.until(lambda: len(pods.processes()) == 4)
    tickets = [pods.submit({"s": 0.2}) for _ in range(2)]
    assert {(await ticket.ended).values["out"][1] for ticket in tickets} < three


async def test_parallel_slots_grow_without_a_restart(pods):
    write(pods, 1)
    await pods.deploy(max_parallel=1)
    _, pid = await pods.value()
    await pods.deploy(max_parallel=3)
    tickets = [pods.submit({"s": 0.1}) for _ in range(4)]
    assert [ticket.is_running for ticket in tickets] == [True, True, True, False]
    assert {(await ticket.ended).values["out"][1] for ticket in tickets} == {pid}


async def test_a_pod_that_keeps_dying_is_started_later_and_later(pods):
    pods.write("""
        import os, time
        def fn(dies):
            if dies: os._exit(1)
            return {'out': os.getpid()}
    """)
    await pods.deploy()
    loop = asyncio.get_running_loop()
    waits = []
    for _ in range(4):
        assert (await pods.failure({"dies": True})).kind is FailureKind.WORKER_LOST
        began = loop.time()
        assert pods.state().status is PodStatus.DOWN_RETRYING
        # What waits is served as soon as there is a pod again.
        await pods.value({"dies": False})
        waits.append(loop.time() - began)
    assert waits[1] >= 0.2
    assert waits[2] >= 0.4
    assert waits[3] >= 0.8
    assert pods.state().status is PodStatus.UP


def test_delays_double_up_to_a_limit_and_are_forgiven_after_a_while(pods_settings):
    backoff = Backoff(pods_settings)
    delays = []
    for _ in range(9):
        delays.append(backoff.delay_s)
        backoff.note_end(1)
    assert delays == [0, 0, 1, 2, 4, 8, 16, 32, 60]
    backoff.note_end(60)
    assert backoff.delay_s == 0
    backoff.note_end(59)
    assert backoff.delay_s == 1


@pytest.fixture
def pods_settings(pods):
    return replace(pods.settings, retry_s=1.0, max_retry_s=60.0, settled_s=60.0)


async def test_calls_that_wait_for_a_pod_that_does_not_start_are_told_why(pods):
    flag = pods.root / "broken"
    pods.write(f"""
        import os
        if os.path.exists({str(flag)!r}): raise ConnectionError('no database')
        def fn(dies=False):
            if dies: os._exit(1)
            return {{'out': os.getpid()}}
    """)
    await pods.deploy()
    flag.touch()
    dying, waiting = pods.submit({"dies": True}), pods.submit()
    assert (await dying.ended).kind is FailureKind.WORKER_LOST
    assert await waiting.ended == Failure(FailureKind.USER_ERROR, "ConnectionError: no database")
    assert pods.state().status is PodStatus.DOWN_RETRYING
    flag.unlink()
    await pods.until(lambda: pods.state().status is PodStatus.UP)
    assert pods.state().failure is None
    await pods.value()


async def test_a_pod_is_started_again_while_nobody_calls(pods):
    write(pods, 1)
    await pods.deploy()
    _, pid = await pods.value()
    before = pods.state().pods[0].id
    os.kill(pid, signal.SIGKILL)
    await pods.until(
        lambda: [pod.id for pod in pods.state().pods if pod.status == "up"] != [before]
    )
    await pods.until(lambda: pods.state().status is PodStatus.UP)
    assert (await pods.value())[1] != pid


async def test_no_more_calls_wait_than_may(pods):
    write(pods, 1)
    await pods.deploy(count=2, max_queue=3)
    place = pods.root / "place"
    tickets = [pods.submit({"place": str(place)}) for _ in range(5)]
    refused = pods.engine.submit("d", pods.call())
    assert isinstance(refused, QueueFull)
    assert refused.waiting == 3
    assert 1 <= refused.retry_after_s <= 60
    assert (pods.state().running, pods.state().waiting) == (2, 3)
    tickets[4].stop(Failure(FailureKind.CANCELLED, "no"))
    tickets[4] = pods.submit()
    assert isinstance(pods.engine.submit("d", pods.call()), QueueFull)
    place.touch()
    for ticket in tickets:
        assert isinstance(await ticket.ended, Returned)
    await pods.value()
    await pods.deploy(count=2, max_queue=0)
    two = [pods.submit({"s": 0.1}) for _ in range(2)]
    assert isinstance(pods.engine.submit("d", pods.call()), QueueFull)
    await asyncio.gather(*(ticket.ended for ticket in two))


async def test_pods_go_to_sleep_when_nobody_calls_and_wake_with_the_next_call(pods):
    write(pods, 1)
    await pods.deploy(count=2, idle_timeout_s=0.3)
    _, pid = await pods.value()
    await pods.until(lambda: pods.state().status is PodStatus.STANDBY)
    await pods.until(lambda: pods.processes() == [])
    tickets = [pods.submit() for _ in range(3)]
    assert pods.state().status is PodStatus.STANDBY
    for ticket in tickets:
        assert (await ticket.ended).values["out"][1] != pid
    assert pods.state().status is PodStatus.UP
    long = await pods.value({"s": 0.8})
    assert long[0] == 1
    await pods.until(lambda: pods.state().status is PodStatus.STANDBY)


async def test_a_pod_that_cannot_wake_says_why_and_tries_again_with_the_next_call(pods):
    flag = pods.root / "broken"
    pods.write(f"""
        import os
        if os.path.exists({str(flag)!r}): raise ConnectionError('no database')
        def fn(): return {{'out': 1}}
    """)
    await pods.deploy(idle_timeout_s=0.2)
    await pods.until(lambda: pods.state().status is PodStatus.STANDBY)
    flag.touch()
    assert (await pods.failure()).message == "ConnectionError: no database"
    assert pods.state().status is PodStatus.STANDBY
    flag.unlink()
    assert await pods.value() == 1


async def test_retiring_gives_running_calls_time_and_ends_the_others(pods):
    write(pods, 1)
    await pods.deploy()
    running, waiting = pods.submit({"s": 0.3}), pods.submit({"s": 600})
    retiring = asyncio.create_task(pods.engine.retire("d", 10))
    assert isinstance(await running.ended, Returned)
    assert (await waiting.ended).kind is FailureKind.CANCELLED
    await retiring
    assert pods.processes() == []
    with pytest.raises(KeyError):
        pods.engine.submit("d", pods.call())
    await pods.deploy()
    endless = pods.submit({"s": 600})
    await pods.engine.retire("d", 0.2)
    assert (await endless.ended).kind is FailureKind.CANCELLED
    assert pods.processes() == []
    await pods.engine.retire("d", 0)


async def test_retiring_ends_a_creation_that_is_under_way(pods):
    pods.write("import time\ntime.sleep(600)")
    creating = asyncio.create_task(pods.engine.deploy(pods.plan()))
    await pods.until(pods.processes)
    assert pods.state().status is PodStatus.CREATION_PENDING
    waiting = pods.submit()
    await pods.engine.retire("d", 0)
    assert (await waiting.ended).kind is FailureKind.CANCELLED
    assert isinstance(await creating, Failure)
    assert pods.processes() == []


async def test_a_creation_that_nobody_waits_for_any_more_leaves_nothing(pods):
    pods.write("import time\ntime.sleep(600)")
    creating = asyncio.create_task(pods.engine.deploy(pods.plan()))
    await pods.until(pods.processes)
    creating.cancel()
    await asyncio.wait({creating})
    await pods.until(lambda: pods.processes() == [])


async def test_a_creation_that_is_begun_again_leaves_no_pod_of_the_first_time(pods):
    begun, go = pods.root / "begun", pods.root / "go"
    # The first pod comes up at once, the second one when it may.
    pods.write(f"""
        import os, time
        try: os.mkdir({str(begun)!r})
        except FileExistsError:
            while not os.path.exists({str(go)!r}): time.sleep(0.005)
        def fn(): return {{'out': os.getpid()}}
    """)
    creating = asyncio.create_task(pods.engine.deploy(pods.plan(count=2)))
    await pods.until(lambda: len(pods.processes()) == 4)
    creating.cancel()
    await asyncio.wait({creating})
    go.touch()
    await pods.deploy(count=2)
    assert len(pods.state().pods) == 2
    await pods.until(lambda: len(pods.processes()) == 4)


async def test_a_pod_that_gets_no_folder_is_refused(pods):
    write(pods, 1)
    pods.settings.runtime_dir.mkdir()
    (pods.settings.runtime_dir / "pods").touch()
    async with asyncio.timeout(60):
        await pods.refused()
        await pods.engine.retire("d", 0)
    assert pods.revoked == pods.issued


async def test_deployments_have_pods_of_their_own(pods):
    write(pods, 1)
    await pods.deploy()
    other = replace(pods.plan(), deployment_id="other")
    assert await pods.engine.deploy(other) is None
    _, pid = await pods.value()
    ticket = pods.engine.submit("other", pods.call())
    assert (await ticket.ended).values["out"][1] != pid
    await pods.engine.retire("other", 0)
    assert (await pods.value())[1] == pid


async def test_nothing_is_deployed_once_the_engine_is_closed(pods):
    write(pods, 1)
    await pods.engine.close()
    assert (await pods.refused()).kind is FailureKind.WORKER_LOST
