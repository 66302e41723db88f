"""The call that a new pod has to pass before it takes others."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from typing import Any

import pytest
from tests.engines.pod_bench import PodBench

from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pods import PodCall, PodStatus

SOURCE = """
    import os, time
    seen = []
    def fn(how='well'):
        seen.append(how)
        print('tried', how)
        if how == 'raises': raise ValueError('not today')
        if how == 'dies': os._exit(3)
        if how == 'hangs': time.sleep(600)
        return {'out': 'text' if how == 'text' else len(seen), 'pid': os.getpid()}
"""
OUTPUTS = {"out": "number", "pid": "number"}


def probe(how: str) -> PodCall:
    return PodCall("", {"how": how}, {}, "", "")


async def tried(
    pods: PodBench, how: str, generation: str = "tried", **limits: Any
) -> Failure | None:
    """Have pods start that have to make a probe, and return why they do not take calls."""
    plan = pods.plan(outputs=OUTPUTS, generation=generation, **limits)
    return await pods.engine.deploy(replace(plan, probe=probe(how)))


@pytest.mark.parametrize("max_parallel", [None, 3])
async def test_a_pod_takes_calls_after_its_probe(pods: PodBench, max_parallel: int | None) -> None:
    pods.write(SOURCE)
    assert await tried(pods, "well", max_parallel=max_parallel, count=2) is None
    assert pods.state().running == pods.state().waiting == 0
    assert await pods.value() == 2
    # One that takes another one's place makes it too.
    ticket = pods.submit()
    outcome = await ticket.ended
    assert not isinstance(outcome, Failure)
    os.kill(int(str(outcome.values["pid"])), signal.SIGKILL)
    await pods.until(lambda: any(line.startswith("the pod was lost") for line in pods.said()))
    await pods.until(lambda: [pod.status for pod in pods.state().pods] == [PodStatus.UP] * 2)
    assert {await pods.value() for _ in range(2)} <= {2, 3, 4}


@pytest.mark.parametrize(
    ("how", "kind", "why"),
    [
        ("raises", FailureKind.USER_ERROR, "The probe failed: ValueError: not today"),
        ("dies", FailureKind.WORKER_LOST, "The probe failed: The pod ended with status 3"),
        ("text", FailureKind.BAD_OUTPUT, "The probe failed: fn(): output 'out' must be a number"),
        ("hangs", FailureKind.TIMEOUT, "The probe did not end within 1.5 s."),
    ],
)
async def test_pods_that_do_not_pass_leave_the_others(
    pods: PodBench, how: str, kind: FailureKind, why: str
) -> None:
    await pods.engine.close()
    pods.open(start_s=1.5)
    pods.write(SOURCE)
    assert await tried(pods, "well", "before") is None
    failure = await tried(pods, how)
    assert failure is not None
    assert failure.kind is kind
    assert why in failure.message
    await pods.until(lambda: f"tried {how}" in pods.said())
    assert await pods.value() == 2
    await pods.until(lambda: len(pods.processes()) == 2)


async def test_the_first_pods_that_do_not_pass_make_no_deployment(pods: PodBench) -> None:
    pods.write(SOURCE)
    assert await tried(pods, "raises") is not None
    assert pods.state().status is PodStatus.CREATION_FAILED
    assert (await pods.failure()).message == "The probe failed: ValueError: not today"
    await pods.until(lambda: "ValueError: not today" in pods.said())
    await pods.until(lambda: pods.processes() == [])


async def test_a_probe_that_nobody_waits_for_any_more_ends_with_its_pod(pods: PodBench) -> None:
    pods.write(SOURCE)
    trying = asyncio.create_task(tried(pods, "hangs"))
    await pods.until(pods.processes)
    await asyncio.sleep(0.5)
    trying.cancel()
    await asyncio.wait({trying})
    await pods.until(lambda: pods.processes() == [])
