"""Limits, stops, deaths: no process of a call is left when its run returns."""

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

def detached(name):
    '''A daemon: forked twice, in a session of its own.'''
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            sleeper(name)
        os._exit(0)

def family(place):
    if os.fork() == 0:
        sleeper(place + '/forked')
    subprocess.Popen([sys.executable, '-c', f'''
import os, time
open({place!r} + '/program', 'w').write(str(os.getpid()))
time.sleep(600)'''], env={}, start_new_session=True, cwd='/')
    detached(place + '/daemon')
    names = ['forked', 'program', 'daemon']
    while not all(os.path.exists(f'{place}/{n}') and open(f'{place}/{n}').read() for n in names):
        time.sleep(0.01)
    return {n: int(open(f'{place}/{n}').read()) for n in names}

def returns(place):
    return {'out': family(place)}

def stays(place):
    family(place)
    open(place + '/complete', 'w').close()
    time.sleep(600)

def ignores(place):
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stays(place)

def dies(place):
    family(place)
    os.kill(os.getpid(), 9)

def exits(place):
    family(place)
    os._exit(0)
"""


def parent(process: psutil.Process) -> psutil.Process:
    found = process.parent()
    assert found is not None
    return found


@pytest.fixture
def place(bench):
    folder = bench.root / "place"
    folder.mkdir()
    bench.write(FAMILY)
    return folder


def family_of(place: Path) -> list[int]:
    return [int((place / name).read_text()) for name in ("forked", "program", "daemon")]


def living(pids: list[int]) -> list[int]:
    """Return those that run; who is dead may wait for a strange parent to take notice."""
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


async def test_processes_that_a_call_leaves_behind_are_gone_when_it_returns(bench, place):
    found = await bench.value("returns", {"place": str(place)})
    assert living(list(found.values())) == []


@pytest.mark.parametrize("function", ["dies", "exits"])
async def test_processes_are_gone_when_the_call_dies(bench, place, function):
    outcome, _ = await bench.run(function, {"place": str(place)})
    assert outcome.kind is FailureKind.EXITED
    assert living(family_of(place)) == []


@pytest.mark.parametrize("function", ["stays", "ignores"])
async def test_a_timeout_ends_the_whole_tree(bench, place, function):
    # The limit counts the import, which takes its time on a busy machine.
    await bench.engine.warm(bench.call(function).code, {})
    outcome, _ = await bench.run(function, {"place": str(place)}, timeout_s=3)
    assert outcome == Failure(FailureKind.TIMEOUT, f"{function}() did not end within 3 s.")
    assert (place / "complete").exists()
    assert living(family_of(place)) == []


@pytest.mark.parametrize("times", [1, 2])
async def test_cancelling_ends_the_whole_tree_before_it_raises(bench, place, times):
    run = asyncio.create_task(bench.run("ignores", {"place": str(place)}))
    await bench.until((place / "complete").exists)
    for _ in range(times):
        run.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await run
    assert living(family_of(place)) == []


async def test_stopping_is_polite_first_to_all_of_the_group(bench):
    bench.write("""
        import signal, sys, time, os
        def note(*_):
            time.sleep(0.2)
            print('cleaned up', flush=True)
            os._exit(0)
        def fn():
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, note)
                open('ready', 'w').close()
            while True:
                time.sleep(600)
    """)
    call = bench.call(grace_s=30)
    run = asyncio.create_task(bench.engine.run(call))
    await bench.until((call.workspace / "work/ready").exists)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert [line.message for line in bench.log(call)] == ["cleaned up"]


async def test_one_call_is_stopped_and_its_neighbour_goes_on(bench, place):
    go_on = place / "go"
    bench.write(
        FAMILY
        + "\ndef waits(go):\n"
        + "    p = subprocess.Popen(['sleep', '600'])\n"
        + "    while not os.path.exists(go): time.sleep(0.01)\n"
        + "    return {'out': p.poll()}\n"
    )
    neighbour = asyncio.create_task(bench.value("waits", {"go": str(go_on)}))
    outcome, _ = await bench.run("stays", {"place": str(place)}, timeout_s=2)
    assert outcome.kind is FailureKind.TIMEOUT
    go_on.touch()
    assert await neighbour is None


async def test_a_daemon_lives_as_long_as_its_call_whatever_other_calls_do(bench, place):
    bench.write(
        FAMILY
        + "\ndef waits(place):\n"
        + "    pids = family(place)\n"
        + "    open(place + '/complete', 'w').close()\n"
        + "    while not os.path.exists(place + '/go'): time.sleep(0.01)\n"
        + "    for pid in pids.values(): os.kill(pid, 0)\n"
        + "    states = [open(f'/proc/{pid}/stat').read().split()[2] for pid in pids.values()]\n"
        + "    return {'out': states}\n"
        + "def brief(): pass\n"
    )
    long = asyncio.create_task(bench.value("waits", {"place": str(place)}))
    await bench.until((place / "complete").exists)
    await bench.run("brief")
    (place / "go").touch()
    assert "Z" not in await long
    assert living(family_of(place)) == []


async def test_a_memory_limit_counts_the_whole_tree(bench):
    bench.write("""
        import os, time
        def fn(size):
            if os.fork() == 0:
                data = b'x' * size
                time.sleep(600)
            os.wait()
    """)
    outcome, _ = await bench.run("fn", {"size": 300 << 20}, memory_bytes=200 << 20)
    assert outcome == Failure(
        FailureKind.OUT_OF_MEMORY, "fn() used more memory than its limit of 200 MiB."
    )


async def test_a_call_within_its_memory_limit_succeeds(bench):
    bench.write("import time\ndef fn(): time.sleep(0.3); return {'out': 1}")
    assert await bench.value(memory_bytes=200 << 20) == 1


async def test_the_death_of_a_template_ends_its_calls_and_the_next_call_works(bench, place):
    run = asyncio.create_task(bench.run("stays", {"place": str(place)}))
    await bench.until((place / "complete").exists)
    call = parent(psutil.Process(int((place / "forked").read_text())))
    template = parent(call)
    template.kill()
    outcome, _ = await run
    assert outcome.kind is FailureKind.WORKER_LOST
    assert outcome.message.startswith("The template process of src/f.py was killed by signal 9")
    # What gave up its session, its environment and its folder is no exception.
    assert living([call.pid, *family_of(place)]) == []
    bench.write("def fn(): return {'out': 1}")
    assert await bench.value() == 1


async def test_closing_stops_calls_and_starts_alike(bench, place):
    bench.write("while True: pass", "src/slow.py")
    runs = [
        asyncio.create_task(bench.run("ignores", {"place": str(place)})),
        asyncio.create_task(bench.run("fn", path="src/slow.py")),
    ]
    await bench.until((place / "complete").exists)
    await bench.engine.close()
    outcomes = [(await run)[0].kind for run in runs]
    assert outcomes == [FailureKind.WORKER_LOST] * 2
    assert living(family_of(place)) == []
    assert bench.processes() == []
    assert (await bench.run("returns"))[0].kind is FailureKind.WORKER_LOST


SERVER = """
import asyncio, pathlib, sys
from headrace.core.calls import *
from headrace.engines.local import *
root, python = pathlib.Path(sys.argv[1]), pathlib.Path(sys.executable)
class Materials:
    async def resolve(self, code):
        return Material(python, root / 'pipeline')
async def main():
    engine = LocalEngine(LocalEngineSettings(
        runtime_dir=root / 'runtime-2', harness_dir=install_harness(root / 'harness'),
        engine_id=sys.argv[2]), Materials())
    code = Code('e', 'b', 'src/f.py', 'stays')
    await engine.run(Call('e1', 1, code, {'place': sys.argv[3]}, {}, {}, {}, {},
                          root / 'w', root / 'log'))
asyncio.run(main())
"""


@pytest.fixture
def server(bench, place):
    """A process that runs the function ``stays`` in an engine of its own."""
    marked = [str(bench.root), bench.settings.engine_id, str(place)]
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(SERVER), *marked])
    yield process
    process.kill()
    process.wait()
    kill_leftovers(bench.settings.engine_id, bench.root / "runtime-2")


async def test_everything_dies_with_a_killed_server(bench, place, server):
    await bench.until((place / "complete").exists)
    server.kill()
    await bench.until(lambda: not living(family_of(place)) and not bench.processes())


async def test_leftovers_of_a_killed_server_and_template_are_found(bench, place, server):
    await bench.until((place / "complete").exists)
    forked = psutil.Process(int((place / "forked").read_text()))
    call = parent(forked)
    template = parent(call)
    guard = parent(template)
    os.kill(guard.pid, signal.SIGSTOP)
    server.kill()
    guard.kill()
    await bench.until(lambda: not living([call.pid]))
    assert kill_leftovers(bench.settings.engine_id, bench.root / "runtime-2") >= 2
    forked_or_daemon = [int((place / name).read_text()) for name in ("forked", "daemon")]
    await bench.until(lambda: not living(forked_or_daemon))
    os.kill(int((place / "program").read_text()), signal.SIGKILL)
    assert kill_leftovers(bench.settings.engine_id, bench.root / "runtime-2") == 0


async def test_a_server_killed_during_an_import_leaves_nothing(bench, place, server):
    await bench.until((place / "complete").exists)
    bench.write("import time\nopen('/proc/self/comm').read()\ntime.sleep(600)", "src/g.py")
    source = SERVER.replace("src/f.py", "src/g.py").replace("runtime-2", "runtime-3")
    other = subprocess.Popen(
        [sys.executable, "-c", source, str(bench.root), bench.settings.engine_id, str(place)]
    )
    try:
        template = await bench.until(lambda: psutil.Process(other.pid).children())
        await bench.until((bench.root / "runtime-3/templates/1/work/src/g.py").exists)
    finally:
        other.kill()
        other.wait()
    await bench.until(lambda: not living([template[0].pid]))


async def test_many_calls_at_once_leave_nothing_and_mix_nothing_up(bench):
    bench.write("""
        import subprocess
        def fn(n):
            subprocess.Popen(['sleep', '600'])
            print(n)
            return {'out': n}
    """)
    calls = [bench.call("fn", {"n": n}, outputs={"out": "number"}) for n in range(40)]
    outcomes = await asyncio.gather(*(bench.engine.run(call) for call in calls))
    assert outcomes == [Returned({"out": n}) for n in range(40)]
    assert [[line.message for line in bench.log(call)] for call in calls] == [
        [str(n)] for n in range(40)
    ]
    names = [process.name() for process in bench.processes()]
    assert "sleep" not in names
