"""How templates are started, shared, retired, and refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest
from tests.pythons import working

from headrace.core.errors import Unavailable
from headrace.core.outcomes import Failure, FailureKind

PARENT = "import os\ntemplate = os.getpid()\ndef fn(): return {'out': [template, os.getppid()]}\n"


def text(log):
    return "\n".join(line.message for line in log)


async def test_one_start_serves_all_concurrent_calls_and_functions_of_a_file(bench):
    bench.write(PARENT + "import time\ntime.sleep(0.3)\ndef other(): return fn()")
    found = await asyncio.gather(*(bench.value(name) for name in ["fn", "other"] * 3))
    assert len({tuple(pair) for pair in found}) == 1
    assert found[0][0] == found[0][1]


async def test_the_call_after_warming_uses_its_template_and_has_what_the_import_printed(bench):
    bench.write(PARENT + "print('imported')")
    call = bench.call(outputs={"out": "json"})
    await bench.engine.warm(call.code, {})
    assert len(bench.templates()) == 1
    outcome = await bench.engine.run(call)
    assert outcome.values["out"][0] == bench.templates()[0].pid
    assert [line.message for line in bench.log(call)] == ["imported"]
    other = bench.call(outputs={"out": "json"})
    await bench.engine.run(other)
    assert bench.log(other) == []


async def test_warming_what_cannot_be_imported_raises_nothing(bench):
    bench.write("1 / 0")
    await bench.engine.warm(bench.call().code, {})
    bench.python = Path("/no/python")
    await bench.engine.warm(bench.call().code, {})
    assert bench.processes() == []


async def test_what_code_stands_for_may_have_gone(bench, monkeypatch):
    async def resolve(_):
        raise Unavailable("Its folder has gone.")

    monkeypatch.setattr(bench, "resolve", resolve)
    bench.write("def fn(): pass")
    outcome, _ = await bench.run()
    assert outcome == Failure(FailureKind.ENVIRONMENT, "Its folder has gone.")


async def test_templates_beyond_the_bound_are_retired_least_recently_used_first(bench):
    await bench.engine.close()
    bench.open(max_templates=2)
    for name in "abc":
        bench.write(PARENT, f"{name}.py")
    pids = {name: (await bench.value(path=f"{name}.py"))[0] for name in "ab"}
    assert (await bench.value(path="a.py"))[0] == pids["a"]
    pids["c"] = (await bench.value(path="c.py"))[0]
    await bench.until(lambda: {p.pid for p in bench.templates()} == {pids["a"], pids["c"]})


async def test_calls_are_not_kept_waiting_by_the_bound(bench):
    await bench.engine.close()
    bench.open(max_templates=1)
    bench.write("import time\ndef fn(): time.sleep(600)", "a.py")
    bench.write(PARENT, "b.py")
    busy = asyncio.create_task(bench.engine.run(bench.call(path="a.py")))
    assert await bench.value(path="b.py")
    assert not busy.done()
    busy.cancel()
    await asyncio.wait({busy})
    await bench.until(lambda: len(bench.templates()) <= 1)


async def test_an_idle_template_is_retired(bench):
    await bench.engine.close()
    bench.open(idle_s=0.2)
    bench.write(PARENT)
    first = await bench.value()
    await bench.until(lambda: bench.processes() == [])
    assert await bench.value() != first


async def test_templates_above_the_memory_bound_are_retired(bench):
    await bench.engine.close()
    bench.open(template_memory_bytes=100 << 20)
    for name in "ab":
        bench.write(PARENT + "data = b'x' * (60 << 20)", f"{name}.py")
        last = (await bench.value(path=f"{name}.py"))[0]
    await bench.until(lambda: [p.pid for p in bench.templates()] == [last])


async def test_an_idle_template_that_dies_is_replaced(bench):
    bench.write(PARENT)
    pid, _ = await bench.value()
    psutil.Process(pid).kill()
    await bench.until(lambda: not bench.engine._pool.templates)
    assert (await bench.value())[0] != pid


@pytest.mark.parametrize(
    ("source", "kind", "message", "logged"),
    [
        ("x = 1\nprint('p')\n1 / 0", "user_error", "ZeroDivisionError: division by zero", "line 3"),
        ("def fn(:\n  pass", "user_error", "SyntaxError: invalid syntax (f.py, line 1)", "^"),
        ("import no_such_thing", "user_error", "ModuleNotFoundError: No module named", "line 1"),
        ("import sys; sys.exit(2)", "exited", "Importing src/f.py called sys.exit(2).", ""),
        (
            "import os; os.kill(os.getpid(), 11)",
            "exited",
            "killed by signal 11 (SIGSEGV) while",
            "",
        ),
    ],
)
@pytest.mark.filterwarnings("error")
async def test_an_import_that_fails_is_told_and_tried_again(bench, source, kind, message, logged):
    bench.write(source)
    for _ in range(2):
        outcome, log = await bench.run()
        assert outcome.kind == kind
        assert message in outcome.message
        assert logged in text(log)
        assert "headrace_harness" not in text(log)
        assert "importlib" not in text(log)
    (bench.folder / "src/f.py").write_text("def fn(): return {'out': 1}")
    assert await bench.value() == 1


async def test_the_time_limit_covers_the_import(bench):
    bench.write("while True: pass")
    outcome, _ = await bench.run(timeout_s=0.5)
    assert outcome.kind is FailureKind.TIMEOUT
    assert outcome.message == "Importing src/f.py did not end within 0.5 s."
    assert bench.processes() == []


async def test_a_start_goes_on_as_long_as_one_call_waits_for_it(bench):
    bench.write("import time\ntime.sleep(1)\n" + PARENT)
    hasty, patient = (
        asyncio.create_task(bench.run(timeout_s=0.2)),
        asyncio.create_task(bench.value()),
    )
    assert (await hasty)[0].kind is FailureKind.TIMEOUT
    assert await patient


@pytest.mark.parametrize("python", ["/no/such/python", "/bin/false"])
async def test_an_interpreter_that_cannot_start_is_the_environments_fault(bench, python):
    bench.write("def fn(): pass")
    bench.python = Path(python)
    outcome, _ = await bench.run()
    assert outcome.kind is FailureKind.ENVIRONMENT
    assert outcome.message.startswith(f"The interpreter {python} could not be started")


async def test_a_variable_that_no_environment_can_hold_is_told(bench):
    bench.write("def fn(): pass")
    outcome, _ = await bench.run(variables={"V": "a\0b"})
    assert outcome.kind is FailureKind.ENVIRONMENT


async def test_code_that_started_a_thread_runs_in_fresh_processes(bench):
    bench.write("""
        import os, threading, time
        thread = threading.Thread(target=time.sleep, args=(600,), daemon=True, name='Ticker')
        thread.start()
        imported_in = os.getpid()
        print('at import')
        def fn():
            return {'out': [imported_in == os.getpid(), thread.is_alive(), os.getcwd()]}
    """)
    for _ in range(2):
        call = bench.call(outputs={"out": "json"})
        outcome = await bench.engine.run(call)
        assert outcome.values["out"][:2] == [True, True]
        assert [(line.stream, line.message) for line in bench.log(call)] == [
            (
                "headrace",
                (
                    "src/f.py started 1 Python thread at import (Ticker), so it cannot be forked; "
                    "this execution imports it anew in a fresh process"
                ),
            ),
            ("stdout", "at import"),
        ]


NATIVE_THREAD = """
import ctypes, os
libc = ctypes.CDLL(None)
own_name = open('/proc/self/comm').read().strip().encode()
libc.prctl(15, {name}, 0, 0, 0)
libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, libc.pause, None)
libc.prctl(15, own_name, 0, 0, 0)
template = os.getpid()
import warnings
warnings.simplefilter('error')
def fn(): return {{'out': template == os.getppid()}}
"""


async def test_native_threads_with_a_name_of_their_own_forbid_forking(bench):
    bench.write(NATIVE_THREAD.format(name="b'rayon-1'"))
    outcome, log = await bench.run(outputs={"out": "json"})
    assert outcome.values["out"] is False
    assert "started 1 native thread at import (rayon-1), so it cannot be forked" in text(log)


async def test_a_python_thread_that_threading_does_not_know_forbids_forking(bench):
    bench.write("""
        import _thread, time
        started = _thread.allocate_lock()
        started.acquire()
        def run():
            started.release()
            time.sleep(600)
        _thread.start_new_thread(run, ())
        started.acquire()
        def fn(): pass
    """)
    _, log = await bench.run()
    assert "started 1 Python thread at import (unnamed), so it cannot be forked" in text(log)


@pytest.mark.parametrize("version", ["", "3.12", "3.13", "3.14"])
async def test_native_threads_that_forks_do_not_hurt_are_forked_without_a_warning(bench, version):
    bench.python = working().get(version, bench.python)
    bench.write(NATIVE_THREAD.format(name="b'jemalloc_bg_thd'"))
    outcome, log = await bench.run(outputs={"out": "json"})
    assert (outcome.values["out"], log) == (True, [])


async def test_native_threads_named_like_the_process_forbid_forking(bench):
    bench.write(NATIVE_THREAD.format(name="own_name"))
    outcome, log = await bench.run(outputs={"out": "json"})
    assert outcome.values["out"] is False
    assert "src/f.py started 1 native thread at import (python" in text(log)


async def test_an_import_that_fails_in_a_fresh_process_is_told(bench):
    marker = bench.root / "broken"
    bench.write(f"""
        import os, threading, time
        if os.path.exists({str(marker)!r}): raise ValueError('broken')
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        def fn(): pass
    """)
    await bench.run()
    marker.touch()
    outcome, log = await bench.run()
    assert outcome.message == "ValueError: broken"
    assert "headrace_harness" not in text(log)


async def test_random_differs_between_calls_unless_the_module_seeds_it(bench):
    bench.write("import random\ndef fn(): return {'out': random.random()}")
    assert len({await bench.value() for _ in range(3)}) == 3
    bench.write("import random\nrandom.seed(1)\ndef fn(): return {'out': random.random()}")
    assert {await bench.value() for _ in range(3)} == {0.13436424411240122}


async def test_a_process_that_the_import_started_serves_all_calls(bench):
    bench.write("""
        import subprocess
        process = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        def fn():
            process.stdin.write(b'echo\\n')
            process.stdin.flush()
            return {'out': process.stdout.readline().decode()}
    """)
    assert [await bench.value() for _ in range(2)] == ["echo\n"] * 2


async def test_a_module_can_be_pickled_by_name_for_spawned_processes(bench):
    bench.write("""
        import multiprocessing
        def square(n): return n * n
        def fn():
            with multiprocessing.get_context('spawn').Pool(1) as pool:
                return {'out': pool.map(square, [1, 2, 3])}
    """)
    assert await bench.value() == [1, 4, 9]
