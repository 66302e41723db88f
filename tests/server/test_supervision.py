"""A server that is told to end does, whatever hangs in it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from tests.conftest import RunningServer

CODE = """
import asyncio, sys, threading, time
from headrace.server.supervision import Supervision

supervision = Supervision(0.3)
{more}

async def work():
    end = asyncio.Event()
    supervision.ready(end.set, lambda: "Three calls are in the file.")
    print("ready", flush=True)
    {body}

supervision.run(work())
print("ended", flush=True)
"""


def ended(body: str, more: str = "") -> tuple[int, str, str]:
    """Exit code, output and errors of a process that runs something and is told to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", CODE.format(body=body, more=more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def test_what_ends_when_it_is_asked_is_left_alone() -> None:
    assert ended("await end.wait()") == (0, "ended\n", "")


@pytest.mark.parametrize(
    "body",
    [
        # As a disk that hangs under the loop, which hears nothing then.
        "time.sleep(600)",
        "await asyncio.sleep(600)",
        "await end.wait(); await asyncio.to_thread(time.sleep, 600)",
    ],
)
def test_what_hangs_is_ended_and_says_what_is_not_written(body: str) -> None:
    code, output, errors = ended(body)
    assert (code, output) == (1, "")
    assert re.search(r"did not end within 0\.3 s.*Three calls are in the file\.", errors)
    assert 'File "<string>", line' in errors


def test_an_error_is_raised_where_it_was_run() -> None:
    code, _, errors = ended("await end.wait(); raise LookupError('odd')")
    assert code == 1
    assert errors.endswith("LookupError: odd\n")


@pytest.mark.system
def test_a_server_ends_by_both_signals_and_says_nothing_of_it(
    own_server: Callable[..., RunningServer],
) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        server = own_server()
        assert server.process is not None
        os.kill(server.process.pid, number)
        assert server.process.wait(60) == 0
        assert "did not end" not in server.log.read_text()
