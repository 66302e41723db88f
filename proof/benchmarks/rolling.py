"""Ten changes of version under load: calls that fail, and how long calls take meanwhile.

Run ``python -m proof.benchmarks.rolling`` on a machine that does nothing else. Connections call a
low-latency endpoint one after the other, without a pause. Half of the changes are deploys, with a
build, and half go back, without one. Each answer is compared with the version that it says.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from proof.benchmarks.running import Running, running_server

from headrace import HeadraceSdk

CONNECTIONS = 16
CHANGES = 10
QUIET_CALLS = 1000
"""Calls before the first change, and after each."""

ANSWERS_IN_S = 60

SETTLE_S = 1.0
"""After a change the old pod ends, and the new one has its first calls: no quiet time yet."""

PHASES = ("quiet", "during a deploy", "during a rollback", "just after either")

SOURCE = "def fn(n):\n    return {{'made': {number}, 'n': n}}\n"
CHANGE = """
import sys
from pathlib import Path
from headrace import HeadraceSdk, Input, Output
url, token, folder, number = sys.argv[1:5]
with HeadraceSdk(token, url) as sdk:
    if not folder:
        sdk.rollback_pipeline("rolling", int(number))
    else:
        sdk.create_pipeline(
            "rolling",
            "work.py",
            "fn",
            container_config={"local_folder": folder},
            inputs=[Input("n", "number")],
            outputs=[Output("made", "number"), Output("n", "number")],
            replace=True,
        )
"""
"""In a process of its own, so that it does not hold up the callers."""


@dataclass
class Callers:
    """Connections that call on and on.

    Attributes:
        latencies: Seconds of each call, by the phase in which it began.
        failed: What was no answer of a call that succeeded.
        wrong: Answers of another version than they say.
        made: The version of the last answer.
        phase: The kind of calls that begin now.
        is_over: Whether they are to end.
        answered: Set with each answer.
    """

    url: str
    token: str
    latencies: dict[str, list[float]] = field(
        default_factory=lambda: {phase: [] for phase in PHASES}
    )
    failed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    made: int = 0
    phase: str = "quiet"
    is_over: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def count(self) -> int:
        """All calls so far."""
        return sum(len(times) for times in self.latencies.values()) + len(self.failed)

    async def call_on(self) -> None:
        """Call on one connection until it is over."""
        parts = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        loop = asyncio.get_running_loop()
        number = 0
        while not self.is_over:
            number += 1
            body = json.dumps({"n": number}).encode()
            head = (
                f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                f"Authorization: EndpointToken {self.token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            phase, begin = self.phase, loop.time()
            writer.write(head.encode() + body)
            answered = await reader.readuntil(b"\r\n\r\n")
            headers = dict(
                line.split(": ", 1) for line in answered.decode().lower().split("\r\n")[1:-2]
            )
            content = await reader.readexactly(int(headers["content-length"]))
            took = loop.time() - begin
            if not answered.startswith(b"HTTP/1.1 200"):
                self.failed.append(content.decode())
                continue
            outputs = json.loads(content)["outputs"]
            self.latencies[phase].append(took)
            self.made = outputs["made"]
            self.answered.set()
            if outputs["n"] != number or headers["headrace-version"] != str(self.made):
                self.wrong.append(content.decode())
        writer.close()

    async def until(self, found: Callable[[], bool]) -> None:
        """Return with the first answer after which something is so.

        Raises:
            TimeoutError: It is not so within :data:`ANSWERS_IN_S`.
        """
        async with asyncio.timeout(ANSWERS_IN_S):
            while not found():
                self.answered.clear()
                await self.answered.wait()

    async def until_made_by(self, version: int) -> None:
        """Return with the first answer of a version."""
        await self.until(lambda: self.made == version)

    async def be_quiet(self) -> None:
        """Return after the calls of a quiet time, which begins some time after a change."""
        self.phase = "just after either"
        await asyncio.sleep(SETTLE_S)
        self.phase = "quiet"
        enough = len(self.latencies["quiet"]) + QUIET_CALLS
        await self.until(lambda: len(self.latencies["quiet"]) >= enough)


async def change(server: Running, folder: Path | None, number: int) -> None:
    """Have a version of the pipeline be current."""
    if folder is not None:
        (folder / "work.py").write_text(SOURCE.format(number=number))
    given = (server.url, server.token, str(folder or ""), str(number))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", CHANGE, *given)
    if await process.wait():
        raise RuntimeError(f"the change to version {number} failed")


async def measure(server: Running, folder: Path) -> tuple[Callers, list[float]]:
    """Return what callers saw of ten changes, and the seconds from each rollback to its answer."""
    await change(server, folder, 1)
    with HeadraceSdk(server.token, server.url) as sdk:
        made = sdk.create_deployment("rolling", "rolling", "endpoint", mode="low_latency")
    callers = Callers(made["endpoint_url"], made["endpoint_token"])
    work = [asyncio.create_task(callers.call_on()) for _ in range(CONNECTIONS)]
    await callers.be_quiet()
    newest, rollbacks = 1, []
    for each in range(CHANGES):
        begin = asyncio.get_running_loop().time()
        if each % 2:
            callers.phase = "during a rollback"
            await change(server, None, newest - 1)
            await callers.until_made_by(newest - 1)
            rollbacks.append(asyncio.get_running_loop().time() - begin)
        else:
            newest += 1
            callers.phase = "during a deploy"
            await change(server, folder, newest)
            await callers.until_made_by(newest)
        await callers.be_quiet()
    callers.is_over = True
    await asyncio.gather(*work)
    return callers, rollbacks


def p50_p99(times: Sequence[float]) -> tuple[float, float]:
    """Return median and 99th percentile."""
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def main() -> None:
    """Print the figures."""
    with running_server() as server, tempfile.TemporaryDirectory() as folder:
        callers, rollbacks = asyncio.run(measure(server, Path(folder)))
    print(
        f"{callers.count:,} calls at {CONNECTIONS} connections through {CHANGES} changes: "
        f"{len(callers.failed)} failed, {len(callers.wrong)} of another version than they say."
    )
    quiet = p50_p99(callers.latencies["quiet"])
    for phase, times in callers.latencies.items():
        found = p50_p99(times)
        ratio = " and ".join(f"{one / other:.1f}" for one, other in zip(found, quiet, strict=True))
        print(
            f"{phase:18} {len(times):7,} calls  p50 {found[0] * 1e3:6.2f} ms  "
            f"p99 {found[1] * 1e3:6.2f} ms  {ratio} times the quiet ones"
        )
    median = statistics.median(rollbacks)
    print(f"from the start of `rollback` as a process to the first answer: {median:.2f} s")


if __name__ == "__main__":
    main()
