"""One measurement: requests to one target for some seconds, by our own generator or by wrk.

Ours is the usual one. It takes about as much of the processor as wrk does with a script that checks
each answer, its latencies are as they were (wrk adds some that it thinks were missed, which at 512
connections makes its 99th percentile ten times as long), and it leaves no call unfinished.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proof.benchmarks.serving.targets import Target

HERE = Path(__file__).parent
LATE_S = 90
WITHOUT_WRK = (
    "wrk is not installed (Debian: apt-get install wrk), so the load comes from our own client."
)


@dataclass(frozen=True)
class Measured:
    """What was seen in one measurement.

    Attributes:
        answers: Right answers that came in time.
        wrong: Answers with another status or content.
        errors: Requests that got no answer.
        seconds: How long it was.
        p50_s: Median latency.
        p99_s: Latency that 99 of 100 answers had at most.
        generator_s: Processor time that the generator took.
        first_wrong: The first wrong answer, or nothing.
    """

    answers: int
    wrong: int
    errors: int
    seconds: float
    p50_s: float
    p99_s: float
    generator_s: float
    first_wrong: str = ""

    @property
    def per_s(self) -> float:
        """Right answers per second."""
        return self.answers / self.seconds


@contextmanager
def ids_file() -> Iterator[Path]:
    """Give a file for the ids of executions that were answered."""
    with tempfile.NamedTemporaryFile(prefix="headrace-answered-") as file:
        yield Path(file.name)


class Wrk:
    """The generator that most people know: C, one thread."""

    name = "wrk"

    def load(
        self, target: Target, connections: int, seconds: float, ids: Path | None = None
    ) -> Measured:
        """Ask ``target`` on so many connections, each waiting for its answer.

        Raises:
            RuntimeError: There was no right answer, or the generator failed.
        """
        environ = {
            "LOAD_BODY": target.body.decode(),
            "LOAD_EXPECTED": target.expected,
            "LOAD_STATUS": str(target.status),
            "LOAD_HEADERS": "\n".join(f"{k}: {v}" for k, v in target.all_headers.items()),
            "LOAD_IDS": str(ids or ""),
        }
        flags = ["-t1", f"-c{connections}", f"-d{seconds:.0f}s", f"--timeout={LATE_S}s"]
        command = ["wrk", *flags, "-s", str(HERE / "wrk_load.lua"), target.url]
        return _run(command, seconds, environ=environ)


class OwnClient:
    """The generator of this folder: it can also keep a rate."""

    name = "our own client"

    def load(
        self,
        target: Target,
        connections: int,
        seconds: float,
        ids: Path | None = None,
        rate: float | None = None,
    ) -> Measured:
        """Ask ``target``, as fast as it answers or so many times per second.

        Raises:
            RuntimeError: There was no right answer, or the generator failed.
        """
        task = {
            "url": target.url,
            "body": target.body.decode(),
            "headers": target.all_headers,
            "expected": target.expected,
            "status": target.status,
            "connections": connections,
            "seconds": seconds,
            "ids": str(ids or ""),
            "rate": rate,
        }
        command = [sys.executable, str(HERE / "client.py")]
        return _run(command, seconds, said=json.dumps(task))


def generator(name: str) -> Wrk | OwnClient:
    """Return the generator of that name, ``own`` or ``wrk``; ours where wrk is not installed."""
    if name == "own":
        return OwnClient()
    if shutil.which("wrk") is None:
        print(WITHOUT_WRK, file=sys.stderr)
        return OwnClient()
    return Wrk()


def _run(
    command: list[str], seconds: float, environ: dict[str, str] | None = None, said: str = ""
) -> Measured:
    before = _children_s()
    try:
        done = subprocess.run(
            command,
            input=said,
            env={**os.environ, **(environ or {})},
            capture_output=True,
            text=True,
            timeout=seconds + LATE_S,
            check=True,
        )
        lines = done.stdout.strip().splitlines()
        seen: dict[str, Any] = json.loads(lines[-1])
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{command[0]} failed: {error.stderr[-500:]}") from error
    except (subprocess.TimeoutExpired, IndexError, ValueError) as error:
        raise RuntimeError(f"{command[0]} gave no result: {error}") from error
    right = seen["answers"] - seen["wrong"]
    if right <= 0:
        raise RuntimeError(f"there was no right answer: {seen}")
    return Measured(**{**seen, "answers": right, "generator_s": _children_s() - before})


def _children_s() -> float:
    """Return the processor time of children that have ended, the last generator among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
