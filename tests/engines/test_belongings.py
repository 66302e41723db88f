"""Daemons that nothing but the kernel or a record leads to, when all above them are killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys

import psutil
import pytest

from headrace.core.outcomes import FailureKind
from headrace.engines.local import kill_leftovers
from headrace.engines.local.belongings import ProcessRecord, records_in
from headrace.engines.local.cgroups import ControlGroup

DAEMON = """
import os, subprocess, sys, time

def fn(place):
    program = f'''
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open({place!r}, 'w').write(str(os.getpid()))
        time.sleep(600)
os._exit(0)
'''
    subprocess.run([sys.executable, '-c', program], env={}, cwd='/', start_new_session=True)
    time.sleep(600)
"""


@pytest.fixture(params=["groups", "records"])
def means(request, monkeypatch):
    """By a control group where they can be made, and by a record where they cannot."""
    if request.param == "records":
        monkeypatch.setattr(ControlGroup, "make", lambda *_: None)
    else:
        made = ControlGroup.make("test", "probe")
        if made is None:
            pytest.skip("control groups cannot be made here")
        made.kill()
    return request.param


def is_alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def daemon_at(place, bench) -> int:
    return int(await bench.until(lambda: place.exists() and place.read_text()))


def recorded(bench) -> str:
    folder = records_in(bench.settings.runtime_dir)
    return "".join(path.read_text() for path in folder.iterdir()) if folder.is_dir() else ""


async def test_a_daemon_dies_with_a_template_whose_guard_is_killed_as_well(bench, means):
    bench.open(look_s=0.1)
    bench.write(DAEMON)
    place = bench.root / "pid"
    run = asyncio.create_task(bench.run("fn", {"place": str(place)}))
    pid = await daemon_at(place, bench)
    if means == "records":
        await bench.until(lambda: f"{pid} " in recorded(bench))
    for process in [*bench.guards(), *bench.templates()]:
        process.kill()
    outcome, _ = await run
    assert outcome.kind is FailureKind.WORKER_LOST
    assert not is_alive(pid)
    assert recorded(bench) == ""


async def test_a_daemon_dies_with_a_pod_whose_guardian_is_killed_as_well(pods, means):
    pods.open(look_s=0.1)
    pods.write(DAEMON)
    place = pods.root / "pid"
    await pods.deploy()
    ticket = pods.submit({"place": str(place)})
    pid = await daemon_at(place, pods)
    if means == "records":
        await pods.until(lambda: f"{pid} " in recorded(pods))
    for process in pods.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert (await ticket.ended).kind is FailureKind.WORKER_LOST
    await pods.until(lambda: not is_alive(pid))


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={})


def test_a_start_kills_what_a_record_leads_to(tmp_path):
    process = sleeper()
    record = ProcessRecord(records_in(tmp_path) / "t")
    record.note(process.pid)
    assert kill_leftovers("none", tmp_path) == 1
    assert process.wait() == -signal.SIGKILL
    assert kill_leftovers("none", tmp_path) == 0


def test_a_start_kills_what_is_in_a_group(tmp_path):
    group = ControlGroup.make("engine-of-a-test", "t")
    if group is None:
        pytest.skip("control groups cannot be made here")
    process = sleeper()
    assert group.add(process.pid)
    assert kill_leftovers("engine-of-a-test", tmp_path) == 1
    assert process.wait() == -signal.SIGKILL


def test_a_process_that_has_got_an_id_anew_is_left_alone(tmp_path):
    record = records_in(tmp_path) / "t"
    record.parent.mkdir()
    record.write_text(f"{os.getpid()} boot 1\n{os.getppid()} \nno number\n")
    assert kill_leftovers("none", tmp_path) == 0
    assert not record.exists()
