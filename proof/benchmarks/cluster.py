"""Runs on a node of a Ray cluster, against the same on the server's own machine, and a Ray task.

Everything is on this machine, in a network namespace of its own, because Ray listens on more than
loopback otherwise. The two servers take turns, so that a noisy moment does not fall on one alone.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import ray
from proof.benchmarks.running import running_server
from proof.benchmarks.runs import TRIVIAL, Caller, create
from ray.cluster_utils import Cluster
from tests.cluster.simulated import APART, raise_loopback

from headrace import HeadraceSdk

ROUNDS = 5
CALLS = 60
TASKS = 10
_STORE_BYTES = 80 << 20
INSIDE = "--inside"


def ray_task(**options: Any) -> Callable[[], None]:
    """Return a call of a Ray task."""

    def double(number: int) -> int:
        return number * 2

    task = ray.remote(num_cpus=1, **options)(double)

    def call() -> None:
        assert ray.get(task.remote(4)) == 8

    return call


def median(work: Callable[[], object], times: int) -> float:
    """Return the median time of ``work`` in seconds."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def memory_of(name: str) -> int:
    """Return the bytes that processes of this namespace with a name share with nobody."""
    found = [one for one in psutil.process_iter() if name in " ".join(one.cmdline())]
    return sum(one.memory_full_info().uss for one in found)


def measure(address: str) -> None:
    """Print the table."""
    with running_server() as here, running_server(HEADRACE_ENGINE=f"ray://{address}") as there:
        callers = {"one machine": Caller(here), "a node": Caller(there)}
        for server in (here, there):
            with HeadraceSdk(server.token, server.url) as sdk:
                create(sdk, "trivial", TRIVIAL, None)
        for caller in callers.values():
            caller.run("trivial")
        ray.init(address=address, log_to_driver=False)
        # With max_calls a worker ends after its call, so each call has one of its own.
        tasks = {"fresh": ray_task(max_calls=1), "shared": ray_task()}
        for task in tasks.values():
            task()
        rows: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for where, caller in callers.items():
                taken = median(lambda caller=caller: caller.run("trivial"), CALLS)  # type: ignore[misc]
                rows.setdefault(f"recorded run on {where}", []).append(taken)
            for which, task in tasks.items():
                rows.setdefault(f"Ray task, {which} worker", []).append(median(task, TASKS))
        found = {name: statistics.median(times) for name, times in rows.items()}
        local, node, fresh, _ = found.values()
        for name, seconds in found.items():
            print(f"{name:32} {seconds * 1000:8.1f} ms")
        print(f"{'node / one machine':32} {node / local:8.2f}    aim: at most 1.5")
        print(f"{'fresh Ray task / node':32} {fresh / node:8.2f}    aim: at least 5")
        print(f"{'memory of one agent':32} {memory_of('ray::Agent') / 2**20:8.1f} MiB")
        print(f"{'memory of the bridge':32} {memory_of('ray.bridge') / 2**20:8.1f} MiB")


def inside() -> None:
    """Measure on a cluster of one node, in this namespace."""
    raise_loopback()
    with tempfile.TemporaryDirectory(prefix="hr-", dir="/tmp") as scratch:
        os.environ |= {
            "RAY_USAGE_STATS_ENABLED": "0",
            "HEADRACE_AGENT_DIR": str(Path(scratch, "agents")),
        }
        head = {
            "num_cpus": 2,
            "node_ip_address": "127.0.0.1",
            "object_store_memory": _STORE_BYTES,
            "include_dashboard": False,
            "temp_dir": str(Path(scratch, "ray")),
        }
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            measure(cluster.address)
        finally:
            ray.shutdown()
            cluster.shutdown()


def main() -> None:
    """Measure in a namespace of its own, and print one table."""
    command = [*APART, sys.executable, "-m", "proof.benchmarks.cluster", INSIDE]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    if INSIDE in sys.argv:
        inside()
    else:
        main()
