"""What becomes of calls whose agent or node is lost (run by test_on_a_cluster.py, last)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from tests.cluster.cluster_bench import CLUSTER, SECOND_RAYLET, RayBench, ray_site, settings
from tests.engines.test_engine_conformance import WAITS, is_living

from headrace.core.errors import Unavailable
from headrace.core.outcomes import Failure, FailureKind, Outcome
from headrace.engines.ray.engine import SILENCE_S, RayEngine

FORGES_THE_VERSION = """
import json, sys
from ray._raylet import GcsClient
cluster = GcsClient(address=sys.argv[1])
key, space = b"CLUSTER_METADATA", b"cluster"
found = json.loads(cluster.internal_kv_get(key, space))
found["ray_version"] = sys.argv[2]
cluster.internal_kv_put(key, json.dumps(found).encode(), True, space)
"""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[RayBench]:
    async with ray_site(tmp_path) as made:
        made.write(WAITS)
        await made.until(made.ray.nodes)
        yield made


async def begun(site: RayBench, name: str) -> tuple[asyncio.Task[Outcome], int]:
    """A call that has begun and waits, and its process."""
    mark = site.root / name
    run = asyncio.create_task(site.engine.run(site.call("fn", {"mark": str(mark)})))
    await site.until(mark.exists)
    return run, int(mark.read_text())


def agent_above(pid: int) -> psutil.Process:
    above = psutil.Process(pid).parents()
    return next(one for one in above if "ray::Agent" in " ".join(one.cmdline()) + one.name())


async def lost(run: asyncio.Task[Outcome]) -> str:
    """The reason of a call that is to be lost."""
    outcome = await asyncio.wait_for(run, 60)
    assert isinstance(outcome, Failure), outcome
    assert outcome.kind is FailureKind.WORKER_LOST
    return outcome.message


async def test_a_killed_agent_loses_its_calls_and_another_takes_new_ones(site: RayBench) -> None:
    run, pid = await begun(site, "killed")
    agent_above(pid).kill()
    assert "was lost while fn() ran" in await lost(run)
    await site.until(lambda: not is_living(pid))
    await site.until(lambda: len(site.ray.nodes()) == 2)
    site.write("def fn(): return {'out': 1}")
    assert await site.value() == 1


async def test_a_lost_connection_loses_calls_once_they_have_ended(site: RayBench) -> None:
    run, pid = await begun(site, "connection")
    bridges = [one for one in psutil.Process().children() if "ray.bridge" in str(one.cmdline())]
    for bridge in bridges:
        bridge.kill()
    assert "the connection to the cluster has ended" in await lost(run)
    # Whoever begins it again has it to itself.
    assert not is_living(pid)
    await site.until(lambda: len(site.ray.nodes()) == 2)


async def test_an_agent_that_hangs_is_lost_within_its_bound(site: RayBench) -> None:
    run, pid = await begun(site, "hangs")
    agent = agent_above(pid)
    agent.send_signal(signal.SIGSTOP)
    try:
        assert "no sign of life" in await lost(run)
    finally:
        agent.send_signal(signal.SIGCONT)
    assert SILENCE_S == 15
    await site.until(lambda: not is_living(pid))


async def test_another_version_of_ray_is_refused_before_anything_starts() -> None:
    environ = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": settings().token or ""}

    def forge(version: str) -> None:
        address = os.environ[CLUSTER]
        command = [sys.executable, "-W", "ignore", "-c", FORGES_THE_VERSION, address, version]
        subprocess.run(command, env=environ, check=True)

    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import ray; print(ray.__version__)"],
        capture_output=True,
        check=True,
    )
    await asyncio.to_thread(forge, "2.0.0")
    try:
        with pytest.raises(Unavailable) as error:
            await RayEngine(settings(), None).open()  # type: ignore[arg-type]
    finally:
        await asyncio.to_thread(forge, found.stdout.decode().strip())
    assert "has another version of Ray or Python than this server" in error.value.message
    assert "2.0.0" in error.value.message


async def test_a_wrong_token_and_a_wrong_address_are_said() -> None:
    with pytest.raises(Unavailable) as error:
        await RayEngine(settings(token="f" * 64), None).open()  # type: ignore[arg-type]
    assert "HEADRACE_RAY_TOKEN" in error.value.message
    with pytest.raises(Unavailable) as error:
        await RayEngine(settings(address="127.0.0.1:9"), None).open()  # type: ignore[arg-type]
    assert "ray start" in error.value.message


async def test_a_killed_node_loses_its_calls_and_the_other_goes_on(site: RayBench) -> None:
    await site.until(lambda: len(site.ray.nodes()) == 2)
    runs = [await begun(site, f"node-{number}") for number in range(2)]
    raylet = int(os.environ[SECOND_RAYLET])
    gone = [one for one in runs if raylet in {up.pid for up in psutil.Process(one[1]).parents()}]
    assert len(gone) == 1
    os.kill(raylet, signal.SIGKILL)
    await lost(gone[0][0])
    await site.until(lambda: not is_living(gone[0][1]))
    [(other, pid)] = [one for one in runs if one is not gone[0]]
    assert not other.done()
    assert is_living(pid)
    other.cancel()
    await asyncio.wait({other})
    await site.until(lambda: len(site.ray.nodes()) == 1)
    site.write("def fn(): return {'out': 1}")
    assert await site.value() == 1
    await site.engine.close()
