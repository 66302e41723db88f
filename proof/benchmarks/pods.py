"""What a call of a pod costs, without HTTP and without a record, next to the floor of the machine.

Run with ``python -m proof.benchmarks.pods``. The floor is a bare socket pair to a Python process
that sends back what it receives, on the same event loop. Times are microseconds per call: from the
submission to the outcome with ``1`` call in flight, per call with ``16``; and the processor time of
the engine's process and of the pod. Each figure is the median of several rounds, which take turns.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import cast

import uvloop

from headrace.core.calls import Code, Material
from headrace.core.pods import PodCall, PodPlan, QueueFull
from headrace.core.values import DataType
from headrace.engines.local.install import install_harness
from headrace.engines.local.pods import LocalPodEngine, PodSettings

ROUNDS = 5
CALLS = 3000
IN_FLIGHT = (1, 16)
SOURCE = """\
def plain(number1, number2):
    return {"number3": number1 + number2}


async def awaited(number1, number2):
    return {"number3": number1 + number2}


def prints(number1, number2):
    print("adding", number1, number2)
    return {"number3": number1 + number2}
"""
ECHO = """\
import socket, sys
line = socket.socket(fileno=int(sys.argv[1]))
while True:
    data = line.recv(262144)
    if not data:
        break
    line.sendall(data)
"""
KINDS = {
    "plain function, one at a time": ("plain", None),
    "the same, and it prints a line": ("prints", None),
    "async function, one at a time": ("awaited", None),
    "plain function, parallel": ("plain", 16),
    "async function, parallel": ("awaited", 16),
}
_TICKS = os.sysconf("SC_CLK_TCK")

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of one call: until its outcome, of the engine's processor, of the pod's."""

    passed: float
    engine: float
    pod: float


class Echo(asyncio.Protocol):
    """Sends messages of one length and counts what comes back."""

    def __init__(self, size: int) -> None:
        self._message = b"x" * size
        self._received = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        whole, self._received = divmod(self._received + len(data), len(self._message))
        for future in self._waiting[:whole]:
            future.set_result(None)
        del self._waiting[:whole]

    async def call(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._transport.write(self._message)
        await future


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def cost_of(call: Call, pid: int, in_flight: int) -> Cost:
    """Return what one of many calls costs."""

    async def some() -> None:
        for _ in range(CALLS // in_flight):
            await call()

    pod, engine, begin = processor_s(pid), time.process_time(), time.perf_counter()
    await asyncio.gather(*(some() for _ in range(in_flight)))
    passed = time.perf_counter() - begin
    share = 1e6 / (CALLS // in_flight * in_flight)
    return Cost(
        passed * share,
        (time.process_time() - engine) * share,
        (processor_s(pid) - pod) * share,
    )


def call_of(engine: LocalPodEngine, deployment: str, folder: Path) -> Call:
    """Return what calls a deployment as the server does."""
    numbers = itertools.count()
    variables: dict[str, str] = {}

    async def call() -> object:
        number = next(numbers)
        execution_id = f"0198f7a1-0000-7000-8000-{number:012}"
        made = PodCall(
            execution_id=execution_id,
            values={"number1": 9, "number2": 6},
            variables=variables,
            log=f"{folder}/logs/{deployment}-{number % 256}.log",
            workspace=f"{folder}/workspaces/{execution_id}",
        )
        ticket = engine.submit(deployment, made)
        assert not isinstance(ticket, QueueFull)
        return await ticket.ended

    return call


@dataclass(frozen=True)
class Here:
    """One folder for all code (:class:`headrace.engines.port.Materials`)."""

    folder: Path

    async def resolve(self, code: Code) -> Material:  # noqa: ARG002 - all is the same
        return Material(Path(sys.executable), self.folder)


async def measure(root: Path) -> dict[str, dict[int, list[Cost]]]:
    """Return the costs of the floor and of all kinds of pods, by the number in flight."""
    folder = root / "pipeline"
    folder.mkdir()
    (folder / "add.py").write_text(SOURCE)
    calls: dict[str, tuple[Call, int]] = {}
    mine, child = start_echo()
    loop = asyncio.get_running_loop()
    transport, echo = await loop.create_unix_connection(lambda: Echo(500), sock=mine)
    calls["bare socket pair"] = echo.call, child.pid
    settings = PodSettings(root / "runtime", install_harness(root / "h"), "benchmark")
    engine = LocalPodEngine(settings, Here(folder))
    for name, (function, max_parallel) in KINDS.items():
        code = Code("env", "bundle", "add.py", function)
        plan = PodPlan(
            deployment_id=name,
            generation="1",
            code=code,
            outputs={"number3": DataType.NUMBER},
            log=root / "deployment.log",
            max_parallel=max_parallel,
        )
        assert await engine.deploy(plan) is None
        calls[name] = call_of(engine, name, root), latest_pod()
    found: dict[str, dict[int, list[Cost]]] = {name: {} for name in calls}
    for _ in range(ROUNDS + 1):
        for in_flight in IN_FLIGHT:
            for name, (call, pid) in calls.items():
                cost = await cost_of(call, pid, in_flight)
                found[name].setdefault(in_flight, []).append(cost)
    await engine.close()
    child.kill()
    child.wait()
    transport.abort()
    return found


def start_echo() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    mine, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-c", ECHO, str(theirs.fileno())]
        return mine, subprocess.Popen(command, pass_fds=[theirs.fileno()])


def latest_pod() -> int:
    """Return the process id of the pod that was started last: the child of the last guardian."""
    guardian = max(children(os.getpid()))
    return max(children(guardian))


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="headrace-benchmark-") as folder:
        found = uvloop.run(measure(Path(folder)))
    print(f"{'':34}{'1 in flight':>24}{'16 in flight':>26}")
    print(f"{'microseconds per call':34}" + f"{'passed':>10}{'engine':>8}{'pod':>8}" * 2)
    for name, by_number in found.items():
        line = f"{name:34}"
        for costs in by_number.values():
            kept = costs[1:]  # the first round warms up
            line += f"{median(cost.passed for cost in kept):10.1f}"
            line += f"{median(cost.engine for cost in kept):8.1f}"
            line += f"{median(cost.pod for cost in kept):8.1f}"
        print(line)


if __name__ == "__main__":
    main()
