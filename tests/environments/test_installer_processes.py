"""A program that is run ends with the await, and takes its children with it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from headrace.environments.processes import run

ENVIRON = {"PATH": "/usr/bin:/bin"}


async def test_output_is_said_line_by_line_and_the_status_returned(tmp_path):
    said: list[str] = []
    script = "cat; printf 'one\\rtwo\\n\\nlast'; echo wrong >&2; exit 7"
    status = await run(
        ["/bin/sh", "-c", script], cwd=tmp_path, environ=ENVIRON, say=said.append, given="zero\n"
    )
    assert status == 7
    assert said == ["zero", "one", "two", "lastwrong"]


async def test_only_the_given_environment_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADRACE_KEY", "1")
    said: list[str] = []
    await run(["/usr/bin/env"], cwd=tmp_path, environ={"A": "b"}, say=said.append)
    assert said == ["A=b"]


@pytest.mark.parametrize("turns", range(1, 10))
async def test_cancelling_at_any_moment_ends_the_program_and_its_children(
    tmp_path, until, alive, turns
):
    """Also in the middle of the start, on a machine so slow that children are there by then."""
    child = tmp_path / "child"
    script = f"sleep 300 & echo $! > {child}.new; mv {child}.new {child}; sleep 300"
    running = asyncio.create_task(
        run(["/bin/sh", "-c", script], cwd=tmp_path, environ=ENVIRON, say=lambda _: None)
    )
    for _ in range(turns):
        await asyncio.sleep(0)
        _block_loop_until(child)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=30)
    assert done
    assert running.cancelled()
    if child.exists():
        await until(lambda: not alive(int(child.read_text())))


async def test_a_program_that_says_much_can_be_cancelled(tmp_path):
    """Even though much of what it said has not been read."""
    heard = asyncio.Event()
    running = asyncio.create_task(
        run(["yes"], cwd=tmp_path, environ=ENVIRON, say=lambda _: heard.set())
    )
    await heard.wait()
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=30)
    assert done


def _block_loop_until(file: Path) -> None:
    deadline = time.monotonic() + 0.1
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
