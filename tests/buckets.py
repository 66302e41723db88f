"""A server of buckets, as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test-key", "AWS_SECRET_ACCESS_KEY": "test-secret"}


@contextmanager
def bucket_server(least_part: int = 1, port: int = 0) -> Iterator[str]:
    """Run a server of buckets; give its root URL.

    Args:
        least_part: Bytes that a part of an upload must have unless it is the last.
        port: Where it listens; 0 for any free port.
    """
    if not port:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    environ = {**os.environ, "S3_UPLOAD_PART_MIN_SIZE": str(least_part)}
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "moto.server",
        "-H",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process)
        yield url
    finally:
        process.kill()
        process.wait()


def new_bucket(server: str) -> str:
    """Make an empty bucket and return its name."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    assert httpx.put(f"{server}/{name}").status_code == 200
    return name


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server of buckets ended"
        try:
            httpx.get(f"{url}/moto-api/data.json", timeout=5)
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server of buckets did not come up")
