"""Servers and other programs that a benchmark starts: free ports, logs, an orderly end."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

STARTS_IN_S = 120
ENDS_IN_S = 3
QUIET_FOR_S = 0.5
QUIET_SHARE = 0.1


class DidNotStart(Exception):
    """A program ended, or did not answer in time; the message holds the end of its log."""


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def started(
    command: Sequence[object],
    folder: Path,
    environ: Mapping[str, str],
    log: Path,
    *,
    is_told: bool = False,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in ``folder`` for the length of the context; end it with all below it.

    What it says goes to ``log``; if it ``is_told`` what to do, its input and output are pipes.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={**os.environ, **environ},
            stdin=subprocess.PIPE if is_told else subprocess.DEVNULL,
            stdout=subprocess.PIPE if is_told else output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started, also what it started in another session."""
    try:
        root = psutil.Process(process.pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        tree = []
    if process.poll() is None:
        process.terminate()
    _, alive = psutil.wait_procs(tree, timeout=ENDS_IN_S)
    for one in alive:
        one.kill()
    psutil.wait_procs(alive, timeout=ENDS_IN_S)
    process.wait(ENDS_IN_S)


def wait_for(answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once ``answers()`` is true.

    Raises:
        DidNotStart: The process ended, or two minutes are over.
    """
    deadline = time.monotonic() + STARTS_IN_S
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise DidNotStart(last_words(log))
        time.sleep(0.1)


def last_words(log: Path) -> str:
    """Return the last errors of a log in one line, or its last lines."""
    said = log.read_text(errors="replace").strip().splitlines()
    errors = [line for line in said if "Error" in line]
    return " / ".join((errors or said)[-3:]) or "it said nothing"


def cpu_s(pids: Sequence[int]) -> float:
    """Return the processor seconds of processes and all below them, also ended ones, so far."""
    total = 0.0
    for pid in pids:
        try:
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        except psutil.NoSuchProcess:
            continue
    return total


def machine_s() -> float:
    """Return the processor seconds that this machine has spent on anything so far.

    What the host of a virtual machine took counts as spent.
    """
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def wait_for_quiet(patience_s: float) -> None:
    """Return once the machine has little to do, or when ``patience_s`` is over."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        begin, before = time.monotonic(), machine_s()
        time.sleep(QUIET_FOR_S)
        spent = (time.monotonic() - begin) * (os.cpu_count() or 1)
        if (machine_s() - before) / spent < QUIET_SHARE:
            return
