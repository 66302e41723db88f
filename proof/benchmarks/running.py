"""A real server for benchmarks, in a process of its own with a data directory of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 60


@dataclass(frozen=True)
class Running:
    """A server that runs.

    Attributes:
        url: Its root URL.
        token: An SDK token.
        process: The process.
        data_dir: Its data directory.
    """

    url: str
    token: str
    process: subprocess.Popen[str]
    data_dir: Path

    def memory_bytes(self) -> int:
        """Return the resident memory of the server's own process."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024  # type: ignore[index]

    def cpu_s(self) -> float:
        """Return the processor time of the server's own process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_server(**environ: str) -> Iterator[Running]:
    """Run a server for the length of the context; ``environ`` holds ``HEADRACE_*`` settings."""
    with tempfile.TemporaryDirectory(prefix="headrace-benchmark-") as folder:
        data_dir = Path(folder) / "data"
        with _served(data_dir, environ) as process:
            yield Running(*_greeting(process, None), process, data_dir)


@contextmanager
def restarted(server: Running, **environ: str) -> Iterator[Running]:
    """Run a server again that has ended, on its data directory and with its token."""
    with _served(server.data_dir, environ) as process:
        yield Running(*_greeting(process, server.token), process, server.data_dir)


@contextmanager
def _served(data_dir: Path, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HEADRACE_", "CRAFT_AI_"))}
    command = [str(Path(sys.executable).parent / "headrace"), "serve", "--data-dir", str(data_dir)]
    process = subprocess.Popen(
        [*command, "--port", "0"],
        env={**clean, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _greeting(process: subprocess.Popen[str], token: str | None) -> tuple[str, str]:
    """Return URL and token; a server says its token at its first start only."""
    said = ""
    deadline = time.monotonic() + START_S
    while process.stdout is not None and time.monotonic() < deadline:
        line = process.stdout.readline()
        if not line:
            break
        said += line
        found = re.search(r"HEADRACE_SDK_TOKEN=(\S+)", said)
        known = token or (found and found[1])
        url = re.search(r"Headrace is at (\S+)", said)
        if known and url:
            return url[1], known
    raise SystemExit(f"The server did not start: {said}")
