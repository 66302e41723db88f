"""Flow runs of an addition in Prefect: in this process, with its API and SQLite in one beside it.

Reads one task per line (flow runs at once, seconds) and answers each with one line of JSON. There
are no heartbeats: with them each flow run of Prefect 3.8 ends a second later.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings


@flow
def add(number1: int, number2: int) -> dict[str, int]:
    return {"number3": number1 + number2}


def runs_until(deadline: float) -> tuple[list[float], int]:
    """Run flows one after the other; return the time of each, and how many were wrong.

    One that ends after the deadline is not counted.
    """
    times, wrong = [], 0
    while (begin := time.perf_counter()) < deadline:
        wrong += add(9, 6) != {"number3": 15}
        ended = time.perf_counter()
        if ended <= deadline:
            times.append(ended - begin)
    return times, wrong


def at_once(workers: int, seconds: float) -> dict[str, object]:
    """Run flows in so many threads for some seconds."""
    deadline = time.perf_counter() + seconds
    with ThreadPoolExecutor(workers) as pool:
        # Settings are found through the context, which threads do not inherit.
        tasks = [
            pool.submit(contextvars.copy_context().run, runs_until, deadline)
            for _ in range(workers)
        ]
        done = [task.result() for task in tasks]
    return {
        "times": [seconds for times, _ in done for seconds in times],
        "wrong": sum(wrong for _, wrong in done),
        "recorded": asyncio.run(completed()),
    }


async def completed() -> int:
    """Return how many flow runs the API knows as completed."""
    async with get_client() as client:
        filters = FlowRunFilter.model_validate({"state": {"type": {"any_": ["COMPLETED"]}}})
        return int(await client.count_flow_runs(flow_run_filter=filters))


def main() -> None:
    """Do what standard input says."""
    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        add(9, 6)
        print(json.dumps({"recorded": asyncio.run(completed())}), flush=True)
        for line in sys.stdin:
            workers, seconds = line.split()
            print(json.dumps(at_once(int(workers), float(seconds))), flush=True)


if __name__ == "__main__":
    main()
