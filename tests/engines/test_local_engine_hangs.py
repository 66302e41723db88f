"""Whatever hangs between a call and its function has a bound, and its log says where it was."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psutil
import pytest

from headrace.core.outcomes import Failure, FailureKind, Returned

THREAD_CHILD = """
import subprocess, threading
started = threading.Event()
def pump():
    helper = subprocess.Popen(['sleep', '600'], stdout=subprocess.PIPE)
    started.set()
    helper.stdout.read()
threading.Thread(target=pump, daemon=True).start()
started.wait()
"""
POOL = """
import multiprocessing
def square(n): return n * n
pool = multiprocessing.get_context('fork').Pool(2)
"""


def text(log):
    return "\n".join(line.message for line in log)


async def test_a_thread_that_starts_a_child_at_import_hinders_nothing(bench):
    bench.write(THREAD_CHILD + "def fn(): return {'out': 1}")
    for _ in range(2):
        outcome, log = await bench.run(outputs={"out": "json"}, timeout_s=60)
        assert outcome == Returned({"out": 1}), log
    assert "started 1 Python thread at import" in text(log)


async def test_a_pool_of_processes_that_is_made_at_import_serves_its_call(bench):
    bench.write(POOL + "def fn(): return {'out': pool.map(square, [1, 2, 3])}")
    for _ in range(3):
        outcome, log = await bench.run(outputs={"out": "json"}, timeout_s=60)
        assert outcome == Returned({"out": [1, 4, 9]}), log


@pytest.mark.parametrize("source", [THREAD_CHILD, POOL])
async def test_an_import_that_fails_with_children_of_threads_is_told(bench, source):
    bench.write(source + "raise ValueError('no model')")
    for _ in range(2):
        outcome, log = await bench.run(timeout_s=60)
        assert outcome == Failure(FailureKind.USER_ERROR, "ValueError: no model")
        assert "no model" in text(log)


async def test_cancelling_a_call_that_waits_for_an_import_leaves_nothing(bench):
    bench.write(THREAD_CHILD + "import time\ntime.sleep(600)")
    run = asyncio.create_task(bench.run())
    await bench.until(lambda: "sleep" in [process.name() for process in bench.processes()])
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert bench.processes() == []


HANGS = "import threading\ndef wait_for_ever():\n    threading.Event().wait()\n"


async def test_an_import_that_hangs_ends_at_the_bound_with_its_stack(bench):
    bench.open(start_s=3)
    bench.write("print('so far')\n" + HANGS + "wait_for_ever()")
    outcome, log = await bench.run()
    assert outcome == Failure(FailureKind.TIMEOUT, "Importing src/f.py did not end within 3 s.")
    said = text(log)
    assert "so far" in said
    assert 'src/f.py", line 4 in wait_for_ever' in said
    assert "headrace_harness" not in said


async def test_a_calls_own_limit_shows_the_stack_of_its_import(bench):
    bench.write(HANGS + "wait_for_ever()")
    outcome, log = await bench.run(timeout_s=3)
    assert outcome.kind is FailureKind.TIMEOUT
    assert "line 3 in wait_for_ever" in text(log)


async def test_an_import_that_hangs_in_the_process_of_a_call_ends_at_the_bound(bench):
    marker = bench.root / "marker"
    bench.open(start_s=3)
    bench.write(
        HANGS + "threading.Thread(target=wait_for_ever, daemon=True).start()\n"
        f"import os\nif os.path.exists({str(marker)!r}): wait_for_ever()\ndef fn(): pass"
    )
    assert isinstance((await bench.run())[0], Returned)
    marker.touch()
    outcome, log = await bench.run()
    assert outcome.kind is FailureKind.TIMEOUT
    assert outcome.message.startswith("Importing src/f.py took")
    assert "in wait_for_ever" in text(log)


async def test_a_fork_that_hangs_ends_at_the_bound_with_its_stack(bench):
    bench.open(start_s=3)
    bench.write(
        HANGS + "import os\nos.register_at_fork(after_in_child=wait_for_ever)\ndef fn(): pass"
    )
    outcome, log = await bench.run()
    assert outcome.kind is FailureKind.WORKER_LOST
    assert outcome.message.startswith("fn() was not called in time: its process did not begin")
    assert "in wait_for_ever" in text(log)


async def test_a_template_that_hangs_when_it_forks_ends_with_its_stack(bench):
    bench.open(look_s=0.1, hang_s=1)
    bench.write(HANGS + "import os\nos.register_at_fork(before=wait_for_ever)\ndef fn(): pass")
    outcome, log = await bench.run()
    assert outcome.kind is FailureKind.WORKER_LOST
    assert "it neither answered nor worked for" in outcome.message
    assert "in wait_for_ever" in text(log)


STAYS = """
import os, time
template = os.getpid()
def fn(): return {'out': template}
def stays(place):
    open(place, 'w').close()
    time.sleep(600)
"""


async def test_a_call_that_a_stopped_template_has_not_begun_goes_to_another_one(bench):
    bench.open(look_s=0.1, hang_s=1)
    bench.write(STAYS)
    first = await bench.value()
    os.kill(first, signal.SIGSTOP)
    outcome, log = await bench.run(outputs={"out": "json"})
    assert outcome.values["out"] != first
    assert "before this execution had begun, which starts in another one" in text(log)
    assert f"The process {first} was stopped by a signal." in text(log)
    assert not psutil.pid_exists(first)


async def test_a_call_that_runs_when_its_template_is_stopped_ends_with_the_reason(bench):
    bench.open(look_s=0.1, hang_s=1)
    bench.write(STAYS)
    place = bench.root / "place"
    call = bench.call("stays", {"place": str(place)})
    run = asyncio.create_task(bench.engine.run(call))
    await bench.until(place.exists)
    (template,) = bench.templates()
    template.send_signal(signal.SIGSTOP)
    outcome = await run
    assert outcome.kind is FailureKind.WORKER_LOST
    assert "was ended because it neither answered nor worked for" in outcome.message
    assert "was stopped by a signal" in text(bench.log(call))
    assert bench.processes() == []
    assert await bench.value()


async def test_a_template_is_stopped_together_with_its_guard(bench):
    bench.open(look_s=0.1, hang_s=1)
    bench.write(STAYS)
    first = await bench.value()
    for process in [*bench.guards(), psutil.Process(first)]:
        process.send_signal(signal.SIGSTOP)
    assert await bench.value() != first


async def test_a_template_is_not_blamed_for_a_server_that_was_held_up(bench):
    bench.open(look_s=0.1, hang_s=1)
    bench.write(STAYS + "def sleeps():\n    time.sleep(3)\n    return {'out': template}")
    first = await bench.value()
    run = asyncio.create_task(bench.value("sleeps"))
    await asyncio.sleep(0.3)
    time.sleep(2)
    assert await run == first


async def test_pods_whose_import_hangs_are_given_up_with_the_stack_in_their_log(pods):
    pods.open(start_s=3)
    pods.write(HANGS + "wait_for_ever()")
    failure = await pods.refused()
    assert failure.message == "Importing src/f.py did not end within 3 s."
    await pods.until(lambda: "could not be started" in "\n".join(pods.said()))
    assert 'src/f.py", line 3 in wait_for_ever' in "\n".join(pods.said())


async def test_a_pod_that_hangs_leaves_its_stack_in_the_log_of_its_call(pods):
    pods.open(hang_s=1)
    # The interpreter's own lock is held, so that nothing in the pod can answer.
    pods.write("""
        import ctypes
        def fn():
            while True: ctypes.PyDLL(None).pause()
    """)
    await pods.deploy()
    ticket = pods.submit()
    outcome = await ticket.ended
    assert outcome.kind is FailureKind.WORKER_LOST
    said = "\n".join(message for _, message in pods.log(ticket))
    assert 'src/f.py", line 4 in fn' in said
