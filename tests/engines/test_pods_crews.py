"""Pods that take over from others: each call keeps those that it was submitted to."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from typing import Any

import pytest
from tests.engines.pod_bench import DEPLOYMENT, PodBench

from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pods import PodPlan, PodStatus
from headrace.engines.local.pods.ticket import Ticket

SOURCE = """
    import os, time
    version = os.path.basename(__file__)[:-len('.py')]
    if version == 'broken': raise RuntimeError('broken')
    while version == 'hanging': time.sleep(0.01)
    def fn(place=None):
        while place and not os.path.exists(place): time.sleep(0.005)
        return {'out': [version, os.getpid()]}
"""


async def take_over(pods: PodBench, version: str, **limits: Any) -> Failure | None:
    """Have pods of a version take over, and return why they do not."""
    return await pods.engine.deploy(plan_of(pods, version, **limits))


def plan_of(pods: PodBench, version: str, **limits: Any) -> PodPlan:
    return pods.plan(generation=version, path=f"src/{version}.py", **limits)


def held(pods: PodBench, generation: str | None = None) -> Ticket:
    """Return a call that ends when :func:`let_go` is called."""
    call = pods.call({"place": str(pods.root / "place")})
    found = pods.engine.submit(DEPLOYMENT, replace(call, generation=generation))
    assert isinstance(found, Ticket)
    return found


def let_go(pods: PodBench) -> None:
    (pods.root / "place").touch()


async def version_of(ticket: Ticket) -> str:
    outcome = await ticket.ended
    assert not isinstance(outcome, Failure), outcome
    version = outcome.values["out"][0]
    assert isinstance(version, str)
    return version


@pytest.fixture
def versioned(pods: PodBench) -> PodBench:
    for version in ("1", "2", "broken", "hanging"):
        pods.write(SOURCE, f"src/{version}.py")
    return pods


@pytest.mark.parametrize(("count", "max_parallel"), [(1, None), (2, None), (1, 2)])
async def test_calls_that_wait_are_answered_by_the_pods_that_they_were_submitted_to(
    versioned: PodBench, count: int, max_parallel: int | None
) -> None:
    limits = {"count": count, "max_parallel": max_parallel}
    await take_over(versioned, "1", **limits)
    old = [held(versioned) for _ in range(5)]
    assert await take_over(versioned, "2", **limits) is None
    new = held(versioned)
    late = held(versioned, "1")
    assert versioned.state().running + versioned.state().waiting == 7
    let_go(versioned)
    assert [await version_of(ticket) for ticket in [*old, late]] == ["1"] * 6
    assert await version_of(new) == "2"
    # A guardian and its pod for each.
    await versioned.until(lambda: len(versioned.processes()) == 2 * count)


async def test_a_call_of_pods_that_are_gone_is_not_made_by_others(versioned: PodBench) -> None:
    await take_over(versioned, "1")
    await take_over(versioned, "2")
    let_go(versioned)
    with pytest.raises(KeyError):  # noqa: PT012 - until then there are some
        while True:
            assert await version_of(held(versioned, "1")) == "1"
            await asyncio.sleep(0.2)
    assert await version_of(held(versioned, "2")) == "2"


async def test_calls_that_lose_their_pod_while_others_take_over_get_one_of_their_own_version(
    versioned: PodBench,
) -> None:
    await take_over(versioned, "1")
    _, pid = await versioned.value()
    runs, waits, also_waits = (held(versioned) for _ in range(3))
    await versioned.until(lambda: runs.is_running)
    await take_over(versioned, "2")
    os.kill(pid, signal.SIGKILL)
    lost = await runs.ended
    assert isinstance(lost, Failure)
    assert lost.kind is FailureKind.WORKER_LOST
    let_go(versioned)
    assert [await version_of(ticket) for ticket in (waits, also_waits)] == ["1", "1"]
    await versioned.until(lambda: len(versioned.processes()) == 2)


async def test_pods_that_wait_for_nothing_end_while_others_of_their_version_run(
    versioned: PodBench,
) -> None:
    await take_over(versioned, "1", count=2)
    runs = held(versioned)
    await versioned.until(lambda: runs.is_running)
    await take_over(versioned, "2")
    await versioned.until(lambda: len(versioned.processes()) == 4)
    assert not runs.ended.done()
    let_go(versioned)
    assert await version_of(runs) == "1"


async def test_who_takes_calls_is_told_in_the_step_in_which_it_changes(
    versioned: PodBench,
) -> None:
    await take_over(versioned, "1")
    let_go(versioned)
    told: list[Ticket] = []
    plan = plan_of(versioned, "2")
    await versioned.engine.deploy(plan, lambda: told.append(held(versioned)))
    assert [await version_of(ticket) for ticket in told] == ["2"]
    # Nothing changes for a plan that they fit, and that is told as well.
    await versioned.engine.deploy(replace(plan, count=2), lambda: told.append(held(versioned)))
    assert len(told) == 2


async def test_those_that_do_not_come_up_leave_the_others_with_the_new_limits(
    versioned: PodBench,
) -> None:
    await take_over(versioned, "1")
    broken = await take_over(versioned, "broken", count=2)
    assert broken is not None
    assert broken.message == "RuntimeError: broken"
    assert versioned.state().failure == broken
    await versioned.until(lambda: [pod.status for pod in versioned.state().pods] == ["up"] * 2)
    let_go(versioned)
    assert await version_of(held(versioned)) == "1"
    assert await take_over(versioned, "2") is None
    assert versioned.state().failure is None


async def test_a_change_that_is_not_wanted_any_more_ends_at_once(versioned: PodBench) -> None:
    await take_over(versioned, "1")
    changing = asyncio.create_task(take_over(versioned, "hanging"))
    await versioned.until(lambda: len(versioned.state().pods) == 2)
    changing.cancel()
    assert await take_over(versioned, "1") is None
    await versioned.until(lambda: len(versioned.processes()) == 2)
    let_go(versioned)
    assert await version_of(held(versioned)) == "1"


async def test_pods_that_sleep_are_relieved_by_ones_that_are_seen_to_start(
    versioned: PodBench,
) -> None:
    await take_over(versioned, "1", idle_timeout_s=0.2)
    await versioned.until(lambda: versioned.state().status is PodStatus.STANDBY)
    assert await take_over(versioned, "broken", idle_timeout_s=0.2) is not None
    let_go(versioned)
    assert await version_of(held(versioned)) == "1"
    assert await take_over(versioned, "2", idle_timeout_s=0.2) is None
    await versioned.until(lambda: versioned.state().status is PodStatus.STANDBY)
    assert await version_of(held(versioned)) == "2"


async def test_retiring_ends_all_of_them(versioned: PodBench) -> None:
    await take_over(versioned, "1")
    old = held(versioned)
    await versioned.until(lambda: old.is_running)
    await take_over(versioned, "2")
    new = held(versioned)
    changing = asyncio.create_task(take_over(versioned, "hanging"))
    await versioned.until(lambda: len(versioned.processes()) == 6)
    await versioned.engine.retire(DEPLOYMENT, 0)
    for ticket in (old, new):
        assert isinstance(await ticket.ended, Failure)
    assert isinstance(await changing, Failure)
    assert versioned.processes() == []
