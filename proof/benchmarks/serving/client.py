"""A load generator of our own: one process, raw protocols on uvloop, parsed by httptools.

Reads its task as JSON from standard input and prints one line of JSON. It is used where wrk is not
installed, and where requests come at a fixed rate.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from array import array
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import httptools
import uvloop

LATE_S = 60
"""How long answers are waited for after the end."""


class Load:
    """What all connections share: the task, and what was seen."""

    def __init__(self, task: dict[str, Any], bodies: BinaryIO | None) -> None:
        self.expected = task["expected"].encode()
        self.status: int = task["status"]
        self.connections: int = task["connections"]
        self.rate: float | None = task.get("rate")
        self.seconds: float = task["seconds"]
        parts = urlsplit(task["url"])
        self.address = (parts.hostname, parts.port)
        body = task["body"].encode()
        headers = {"Host": parts.netloc, **task["headers"], "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.request = f"POST {parts.path} HTTP/1.1\r\n{head}\r\n".encode() + body
        self.bodies = bodies
        self.begin = self.deadline = 0.0
        self.answers = self.wrong = self.errors = self.sent = 0
        self.first_wrong = ""
        # Microseconds, four bytes each: half an hour of answers fits in memory.
        self.latencies = array("f")
        self.open: set[Connection] = set()
        self.idle = asyncio.Event()

    def answered(self, status: int, body: bytes, since: float) -> None:
        """Count one answer; one that came after the end is checked but not counted as work."""
        now = time.perf_counter()
        if status != self.status or self.expected not in body:
            self.wrong += 1
            self.first_wrong = self.first_wrong or f"{status} {body[:200]!r}"
        elif self.bodies is not None:
            # Read when the time is over: it is this program's work, and no server's.
            self.bodies.write(body.replace(b"\n", b" ") + b"\n")
        if now <= self.deadline:
            self.answers += 1
            self.latencies.append((now - since) * 1e6)

    def next_due(self) -> float:
        """Return when the next request is due; at once if there is no rate."""
        now = time.perf_counter()
        if self.rate is None:
            return now
        due = self.begin + self.sent / self.rate
        self.sent += 1
        return due


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.is_waiting = False
        self.since = 0.0
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.parser = httptools.HttpResponseParser(self)
        self.load.open.add(self)
        self.start()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        load = self.load
        if self.is_waiting:
            load.errors += 1
        load.open.discard(self)
        if time.perf_counter() < load.deadline:
            loop = asyncio.get_running_loop()
            loop.call_later(0.05, lambda: loop.create_task(connect(load)))
        self._rest()

    def start(self) -> None:
        """Send the next request when it is due, unless the end is before that."""
        self.is_waiting = False
        self.since = self.load.next_due()
        if self.since >= self.load.deadline:
            self._rest()
            return
        early = self.since - time.perf_counter()
        if early > 0:
            asyncio.get_running_loop().call_later(early, self._send)
        else:
            self._send()

    def _send(self) -> None:
        if self.transport.is_closing():
            # The server hung up between two requests; the connection that follows goes on.
            return
        self.is_waiting = True
        self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.body = b""

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.load.answered(self.parser.get_status_code(), self.body, self.since)
        self.start()

    def _rest(self) -> None:
        if not any(one.is_waiting for one in self.load.open):
            self.load.idle.set()


async def connect(load: Load) -> None:
    """Open one connection and start it; failing to is an error that is counted."""
    loop = asyncio.get_running_loop()
    try:
        await loop.create_connection(lambda: Connection(load), *load.address)
    except OSError:
        load.errors += 1
        if time.perf_counter() < load.deadline:
            loop.call_later(0.05, lambda: loop.create_task(connect(load)))


async def run(load: Load) -> None:
    """Send requests for the time of the task, then wait for the answers that are due."""
    asyncio.get_running_loop().set_exception_handler(_give_up)
    load.begin = time.perf_counter()
    load.deadline = load.begin + load.seconds
    await asyncio.gather(*(connect(load) for _ in range(load.connections)))
    await asyncio.sleep(load.deadline - time.perf_counter())
    load.idle.clear()
    if any(one.is_waiting for one in load.open):
        try:
            await asyncio.wait_for(load.idle.wait(), LATE_S)
        except TimeoutError:
            load.errors += sum(one.is_waiting for one in load.open)
    for one in list(load.open):
        one.is_waiting = False
        one.transport.close()


def _give_up(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # A defect in a callback would otherwise look like a server that does not answer.
    loop.default_exception_handler(context)
    sys.stderr.flush()
    os._exit(1)


def main() -> None:
    """Do one task and print what was seen."""
    task = json.loads(sys.stdin.read())
    if task["ids"]:
        with tempfile.TemporaryFile() as bodies:
            load = Load(task, bodies)
            uvloop.run(run(load))
            bodies.seek(0)
            with Path(task["ids"]).open("w") as ids:
                ids.writelines(json.loads(body)["execution_id"] + "\n" for body in bodies)
    else:
        load = Load(task, None)
        uvloop.run(run(load))
    ordered = sorted(load.latencies) or [0.0]
    seen = {
        "answers": load.answers,
        "wrong": load.wrong,
        "errors": load.errors,
        "seconds": load.seconds,
        "p50_s": ordered[len(ordered) // 2] / 1e6,
        "p99_s": ordered[len(ordered) * 99 // 100] / 1e6,
        "first_wrong": load.first_wrong,
    }
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
