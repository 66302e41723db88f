"""Deaths, hangs and leaks of pods: who notices, what becomes of the calls, and what is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from headrace.core.outcomes import Failure, FailureKind, Returned
from headrace.engines.local import kill_leftovers

FAMILY = """
import os, subprocess, sys, time

def sleeper(name):
    open(name, 'w').write(str(os.getpid()))
    time.sleep(600)

def family(place):
    if os.fork() == 0:
        sleeper(place + '/forked')
    subprocess.Popen([sys.executable, '-c', f'''
import os, time
open({place!r} + '/program', 'w').write(str(os.getpid()))
time.sleep(600)'''], env={}, start_new_session=True, cwd='/')
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            sleeper(place + '/daemon')
        os._exit(0)
    names = ['forked', 'program', 'daemon']
    while not all(os.path.exists(f'{place}/{n}') and open(f'{place}/{n}').read() for n in names):
        time.sleep(0.01)

def fn(place=None, then=None):
    if place:
        family(place)
        open(place + '/complete', 'w').close()
    if then == 'sleep': time.sleep(600)
    if then == 'exit': os._exit(5)
    if then == 'kill': os.kill(os.getpid(), 9)
    return {'out': os.getpid()}

async def co(place=None, then=None):
    return fn(place, then)
"""
LANES = [("fn", None), ("co", None), ("fn", 3), ("co", 3)]


@pytest.fixture
def place(pods):
    folder = pods.root / "place"
    folder.mkdir()
    pods.write(FAMILY)
    return folder


def family_of(place: Path) -> list[int]:
    return [int((place / name).read_text()) for name in ("forked", "program", "daemon")]


def living(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


@pytest.mark.parametrize("then", ["exit", "kill"])
@pytest.mark.parametrize(("function", "max_parallel"), LANES)
async def test_a_pod_that_dies_is_replaced_and_leaves_nobody(
    pods, place, function, max_parallel, then
):
    await pods.deploy(function, max_parallel=max_parallel)
    pid = await pods.value()
    dying = pods.submit({"place": str(place), "then": then})
    waiting = [pods.submit() for _ in range(5)]
    outcome = await dying.ended
    how = "ended with status 5" if then == "exit" else "was killed by signal 9 (SIGKILL)"
    assert outcome == Failure(FailureKind.WORKER_LOST, f"The pod {how} while {function}() ran.")
    assert living([pid, *family_of(place)]) == []
    for other in [await ticket.ended for ticket in waiting]:
        # Of those that wait nothing is lost. Threads of the same pod may serve them meanwhile.
        if (function, max_parallel) != ("fn", 3):
            assert isinstance(other, Returned)
            assert other.values["out"] != pid
    assert await pods.value() != pid
    assert f"the pod was lost: it {how}" in pods.said("headrace")


async def test_a_pod_that_is_killed_from_outside_loses_what_it_runs_and_nothing_else(pods, place):
    await pods.deploy()
    pid = await pods.value()
    # Fast calls teach the engine to send some ahead.
    await asyncio.gather(*(pods.submit().ended for _ in range(50)))
    running = pods.submit({"place": str(place), "then": "sleep"})
    waiting = [pods.submit() for _ in range(20)]
    await pods.until((place / "complete").exists)
    os.kill(pid, signal.SIGKILL)
    assert (await running.ended).kind is FailureKind.WORKER_LOST
    assert living(family_of(place)) == []
    found = {(await ticket.ended).values["out"] for ticket in waiting}
    assert len(found) == 1
    assert pid not in found


async def test_a_guardian_that_is_killed_takes_its_pod_along(pods, place):
    await pods.deploy()
    pid = await pods.value()
    running = pods.submit({"place": str(place), "then": "sleep"})
    await pods.until((place / "complete").exists)
    os.kill(psutil.Process(pid).ppid(), signal.SIGKILL)
    assert (await running.ended).kind is FailureKind.WORKER_LOST
    assert living([pid]) == []
    assert await pods.value() != pid
    for process in living(family_of(place)):
        # Nobody adopted the one that took off all its marks.
        assert process == int((place / "program").read_text())
        os.kill(process, signal.SIGKILL)


async def test_a_pod_that_closes_its_socket_is_replaced(pods):
    pods.write("""
        import os
        def fn(closes):
            if closes: os.closerange(3, 100)
            return {'out': os.getpid()}
    """)
    await pods.deploy()
    pid = await pods.value({"closes": False})
    assert (await pods.failure({"closes": True})).kind is FailureKind.WORKER_LOST
    assert await pods.value({"closes": False}) != pid


async def stop(pods, pid):
    """Stop a process, and wait until it is: until then it may take what it is sent."""
    os.kill(pid, signal.SIGSTOP)
    await pods.until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)


@pytest.mark.parametrize(("function", "max_parallel"), [("fn", None), ("co", 3)])
async def test_a_pod_that_is_stopped_is_found_and_replaced(pods, place, function, max_parallel):
    await pods.engine.close()
    pods.open(hang_s=1)
    await pods.deploy(function, max_parallel=max_parallel)
    pid = await pods.value()
    running = pods.submit({"place": str(place), "then": "sleep"})
    await pods.until((place / "complete").exists)
    await stop(pods, pid)
    waiting = pods.submit()
    outcome = await running.ended
    assert outcome.kind is FailureKind.WORKER_LOST
    assert "its interpreter neither answered nor worked for" in outcome.message
    # What it was sent, but had not begun, the next one does.
    assert (await waiting.ended).values["out"] not in {pid, None}


async def test_a_pod_that_is_stopped_while_idle_is_found_before_anybody_calls(pods, place):
    await pods.engine.close()
    pods.open(hang_s=1)
    await pods.deploy()
    pid = await pods.value()
    await stop(pods, pid)
    await pods.until(lambda: any("was lost" in line for line in pods.said("headrace")))
    assert await pods.value() != pid


async def test_a_guardian_that_is_stopped_is_found(pods, place):
    await pods.engine.close()
    pods.open(hang_s=1)
    await pods.deploy()
    pid = await pods.value()
    os.kill(psutil.Process(pid).ppid(), signal.SIGSTOP)
    await pods.until(lambda: not living([pid]))
    assert await pods.value() != pid


async def test_an_interpreter_that_waits_for_ever_is_found(pods):
    await pods.engine.close()
    pods.open(hang_s=1)
    pods.write("""
        import ctypes, os
        def fn(waits):
            # Native code that does not let go of the interpreter.
            if waits: ctypes.PyDLL(None).pause()
            return {'out': os.getpid()}
    """)
    await pods.deploy()
    pid = await pods.value({"waits": False})
    assert (await pods.failure({"waits": True})).kind is FailureKind.WORKER_LOST
    assert await pods.value({"waits": False}) != pid


async def test_a_pod_that_works_or_sleeps_for_long_does_not_hang(pods):
    await pods.engine.close()
    pods.open(hang_s=1)
    pods.write("""
        import os, re, time
        def fn(how):
            if how == 'sleep': time.sleep(2)
            # Native code that keeps the interpreter for itself for some seconds.
            if how == 'busy': re.match(r'(a|a)*b', 'a' * 23)
            return {'out': os.getpid()}
    """)
    await pods.deploy()
    assert len({await pods.value({"how": how}) for how in ("", "sleep", "busy")}) == 1


async def test_native_code_that_never_ends_is_found_in_the_end(pods):
    await pods.engine.close()
    pods.open(hang_s=1, busy_hang_s=2)
    pods.write("import re\ndef fn(): re.match(r'(a|a)*b', 'a' * 100)")
    await pods.deploy()
    assert "was kept busy by native code for" in (await pods.failure()).message


LEAK = """
import os, time
kept = []
def fn(mib, place=None):
    kept.append(b'x' * (mib << 20))
    while place and not os.path.exists(place): time.sleep(0.01)
    return {'out': os.getpid()}
async def co(mib, place=None):
    return fn(mib, place)
"""


@pytest.mark.parametrize(("function", "max_parallel"), [("fn", None), ("co", None), ("fn", 2)])
async def test_a_pod_that_leaks_is_replaced_without_failing_a_call(pods, function, max_parallel):
    pods.write(LEAK)
    await pods.deploy(function, max_parallel=max_parallel, ram_bytes=100 << 20)
    place = pods.root / "place"
    pid = await pods.value({"mib": 0})
    # It finishes this call, while another one takes over.
    running = pods.submit({"mib": 100, "place": str(place)})
    first = pods.state().pods[0].id
    await pods.until(lambda: pods.state().pods[0].id != first)
    assert any("is to be replaced: it uses" in line for line in pods.said("headrace"))
    other = await pods.value({"mib": 0})
    assert other != pid
    assert not running.ended.done()
    place.touch()
    assert (await running.ended).values["out"] == pid
    await pods.until(lambda: not living([pid]))
    assert await pods.value({"mib": 0}) == other


async def test_a_pod_far_over_its_memory_is_ended_at_once_with_what_it_runs(pods):
    pods.write(LEAK)
    await pods.deploy(ram_bytes=100 << 20)
    pid = await pods.value({"mib": 0})
    failure = await pods.failure({"mib": 300, "place": "/nowhere"})
    assert failure.kind is FailureKind.OUT_OF_MEMORY
    assert "of 100 MiB that it may use" in failure.message
    assert await pods.value({"mib": 0}) != pid


async def test_memory_of_processes_that_a_pod_starts_counts(pods):
    pods.write("""
        import subprocess, sys
        program = "kept = b'x' * (300 << 20); import time; time.sleep(600)"
        def fn():
            subprocess.run([sys.executable, '-c', program])
    """)
    await pods.deploy(ram_bytes=100 << 20)
    assert (await pods.failure()).kind is FailureKind.OUT_OF_MEMORY


async def test_an_import_that_needs_more_memory_than_there_is_is_refused(pods):
    pods.write("kept = b'x' * (100 << 20)\ndef fn(): pass")
    failure = await pods.refused(ram_bytes=64 << 20)
    assert failure.kind is FailureKind.OUT_OF_MEMORY
    assert "but it may use no more than 64 MiB" in failure.message


async def test_what_a_call_started_lives_until_its_pod_ends(pods, place):
    await pods.deploy()
    await pods.value({"place": str(place)})
    assert len(living(family_of(place))) == 3
    await pods.engine.retire("d", 1)
    assert living(family_of(place)) == []


SERVER = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = {path!r}
from tests.engines.pod_bench import PodBench

async def main():
    bench = PodBench(Path({root!r}))
    bench.bundle = 'b1'
    await bench.deploy()
    ticket = bench.submit({{'place': {place!r}, 'then': 'sleep'}})
    await ticket.ended

asyncio.run(main())
"""


@pytest.mark.parametrize("what", ["sleep", "import"])
async def test_pods_end_with_their_server(pods, place, what):
    if what == "import":
        pods.write(FAMILY + f"\nfn({str(place)!r}, 'sleep')\n")
    source = SERVER.format(path=sys.path, root=str(pods.root), place=str(place))
    server = subprocess.Popen([sys.executable, "-c", textwrap.dedent(source)])
    await pods.until((place / "complete").exists)
    server.kill()
    server.wait()
    await pods.until(lambda: not living(family_of(place)))
    await pods.until(lambda: not pods.processes())
    assert kill_leftovers(pods.settings.engine_id, pods.settings.runtime_dir) == 0


async def test_closing_the_engine_ends_everything(pods, place):
    await pods.deploy(count=2)
    running = pods.submit({"place": str(place), "then": "sleep"})
    await pods.until((place / "complete").exists)
    await pods.engine.close()
    assert (await running.ended).kind is FailureKind.WORKER_LOST
    assert living(family_of(place)) == []
    assert pods.processes() == []
    assert list((pods.root / "runtime" / "pods").iterdir()) == []
