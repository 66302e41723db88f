"""What a call of a pod gets and gives: arguments, outcomes, files, and state that stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engines.conftest import plain
from tests.engines.pod_bench import interpreters

from headrace.core.calls import InputFile
from headrace.core.outcomes import Failure, FailureKind, Returned

LANES = [
    pytest.param("def", None, id="plain"),
    pytest.param("async def", None, id="async"),
    pytest.param("def", 4, id="plain-parallel"),
    pytest.param("async def", 4, id="async-parallel"),
]


@pytest.mark.parametrize("python", interpreters("3.9", "3.13", "3.14"), ids=str)
@pytest.mark.parametrize(("kind", "max_parallel"), LANES)
async def test_every_interpreter_keeps_state_between_calls(pods, python, kind, max_parallel):
    pods.python = python
    pods.write(f"""
        import sys
        calls = []
        {kind} fn(a):
            calls.append(a)
            print('got', a)
            return {{'out': [list(calls), list(sys.version_info[:2])]}}
        {kind} bad():
            raise ValueError('bad')
    """)
    await pods.deploy(max_parallel=max_parallel)
    first = await pods.value({"a": 1})
    ticket = pods.submit({"a": "é"})
    assert (await ticket.ended).values["out"] == [[1, "é"], first[1]]
    assert first[1] == [int(part) for part in python.parts[-3].split(".")[:2]]
    assert pods.log(ticket) == [("stdout", "got é")]
    await pods.deploy("bad", max_parallel=max_parallel, generation="bad")
    ticket = pods.submit()
    assert (await ticket.ended) == Failure(FailureKind.USER_ERROR, "ValueError: bad")
    said = "".join(message for _, message in pods.log(ticket))
    assert said.startswith("Traceback (most recent call last):")
    assert "headrace_harness" not in said


async def test_an_interpreter_that_is_too_old_is_named(pods):
    for python in interpreters("3.8"):
        pods.python = python
        pods.write("def fn(): pass")
        failure = await pods.refused()
        assert "Python 3.9 or later is needed, but this is Python 3.8" in failure.message


@pytest.mark.parametrize(("kind", "max_parallel"), LANES)
async def test_what_is_raised_ends_the_call_and_never_the_pod(pods, kind, max_parallel):
    pods.write(f"""
        import asyncio, os, sys
        class Odd(BaseException): pass
        {kind} fn(what):
            if what == 'exit': sys.exit(3)
            if what == 'interrupt': raise KeyboardInterrupt
            if what == 'odd': raise Odd('very')
            if what == 'cancelled': raise asyncio.CancelledError
            if what == 'deep': return fn(what, 1)
            if what == 'type': return len(3)
            return {{'out': os.getpid()}}
    """)
    await pods.deploy(max_parallel=max_parallel)
    pid = await pods.value({"what": None})
    exited = await pods.failure({"what": "exit"})
    assert exited == Failure(FailureKind.EXITED, "fn() called sys.exit(3).")
    assert (await pods.failure({"what": "interrupt"})).message == "KeyboardInterrupt"
    assert (await pods.failure({"what": "odd"})).message == "src.f.Odd: very"
    assert "CancelledError" in (await pods.failure({"what": "cancelled"})).message
    assert "positional argument" in (await pods.failure({"what": "deep"})).message
    assert "has no len()" in (await pods.failure({"what": "type"})).message
    wrong = await pods.failure({"other": 1})
    assert wrong.message == ("src/f.py: fn() takes no parameter 'other'; its parameters are what.")
    assert await pods.value({"what": None}) == pid


async def test_outputs_are_converted_and_checked_as_declared(pods):
    pods.write("""
        def fn(what):
            return eval(what)
    """)
    await pods.deploy(outputs={"n": "number", "a": "array"})
    good = await pods.run({"what": "{'n': 1.5, 'a': (1, 'é'), 'more': 3}"})
    assert good == Returned({"n": 1.5, "a": [1, "é"]})
    assert await pods.run({"what": "{'n': 10**30, 'a': None}"}) == Returned(
        {"n": 10**30, "a": None}
    )
    for what, message in [
        ("{'n': 'x', 'a': []}", "fn(): output 'n' must be a number, but is a str: 'x'."),
        ("{'n': 1}", "fn(): output 'a' is missing; the returned dict has the keys n."),
        ("3", "fn() must return a dict with the outputs n (number), a (array); it returned an int"),
        ("None", "it returned None."),
        ("{'n': float('nan'), 'a': []}", "output 'n' is NaN"),
    ]:
        failure = await pods.failure({"what": what})
        assert failure.kind is FailureKind.BAD_OUTPUT
        assert message in failure.message


async def test_a_function_without_outputs_may_return_anything_and_exit(pods):
    pods.write("""
        import sys
        def fn(what):
            if what: sys.exit()
            return object()
    """)
    await pods.deploy(outputs={})
    assert await pods.run({"what": False}) == Returned()
    assert await pods.run({"what": True}) == Returned()


async def test_files_are_copied_for_the_call_and_taken_from_it(pods):
    source = pods.root / "given.txt"
    source.write_text("given")
    pods.write("""
        import os
        def fn(file):
            with open(file['path'], 'a') as opened: opened.write(' and changed')
            with open('made.txt', 'w') as made: made.write(open(file['path']).read())
            return {'made': {'path': 'made.txt'}, 'where': file['path']}
    """)
    await pods.deploy(outputs={"made": "file", "where": "string"})
    ticket = pods.submit({}, files={"file": InputFile(source, "name.txt")})
    outcome = await ticket.ended
    assert source.read_text() == "given"
    assert outcome.values["where"] == f"{ticket.call.workspace}/inputs/file/name.txt"
    made = outcome.files["made"]
    assert (made.filename, made.path.read_text()) == ("made.txt", "given and changed")
    assert made.path.is_relative_to(ticket.call.workspace)


async def test_no_file_and_no_folder_is_made_for_a_silent_call(pods):
    pods.write("def fn(): return {'out': 1}")
    await pods.deploy()
    ticket = pods.submit()
    await ticket.ended
    assert not Path(ticket.call.workspace).exists()
    assert not Path(ticket.call.log).parent.exists()


async def test_calls_share_a_copy_of_the_folder_that_is_not_the_original(pods):
    pods.write("data", "data.txt")
    pods.write("""
        import os, sys
        import beside
        def fn():
            open('data.txt', 'a').write('+')
            return {'out': [open('data.txt').read(), os.getcwd(), sys.path[0], beside.here]}
    """)
    pods.write("here = 'imported'", "beside.py")
    await pods.deploy()
    assert (await pods.value())[0] == "data+"
    text, folder, first, beside = await pods.value()
    assert text == "data++"
    assert (pods.folder / "data.txt").read_text() == "data"
    assert Path(folder) != pods.folder
    assert (first, beside) == (folder, "imported")


async def test_large_values_go_both_ways_and_small_ones_do_not_wait_for_them(pods):
    pods.write("def fn(text): return {'out': text * 2}")
    await pods.deploy()
    large = "é" * 2_000_000
    tickets = [pods.submit({"text": text}) for text in (large, "a", large, "b")]
    outcomes = [await ticket.ended for ticket in tickets]
    assert [plain(outcome.values["out"]) for outcome in outcomes] == [
        large * 2,
        "aa",
        large * 2,
        "bb",
    ]


async def test_a_result_that_no_reader_takes_is_a_bad_output(pods):
    pods.write("""
        def fn(depth):
            value = []
            for _ in range(depth): value = [value]
            return {'out': value}
    """)
    await pods.deploy()
    for depth in (950, 100_000):
        assert (await pods.failure({"depth": depth})).kind is FailureKind.BAD_OUTPUT
    assert await pods.value({"depth": 1}) == [[]]


async def test_calls_of_one_pod_begin_in_order_of_arrival_one_at_a_time(pods):
    pods.write("""
        import time
        seen = []
        def fn(n):
            seen.append(n)
            time.sleep(0.001 if n % 10 else 0.1)
            seen.append(n)
            return {'out': seen}
    """)
    await pods.deploy()
    tickets = [pods.submit({"n": n}) for n in range(100)]
    assert pods.state().running == 1
    outcomes = [await ticket.ended for ticket in tickets]
    assert outcomes[-1].values["out"] == [n for n in range(100) for _ in range(2)]
    starts = [ticket.started_us for ticket in tickets]
    assert starts == sorted(starts)
    assert all(starts)


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_parallel_calls_run_at_once_up_to_the_limit(pods, kind):
    wait = "await asyncio.sleep" if kind == "async def" else "time.sleep"
    pods.write(f"""
        import asyncio, time
        now = most = 0
        {kind} fn():
            global now, most
            now += 1
            most = max(most, now)
            {wait}(0.1)
            now -= 1
            return {{'out': most}}
    """)
    await pods.deploy(max_parallel=3)
    tickets = [pods.submit() for _ in range(9)]
    assert pods.state().running == 3
    assert pods.state().waiting == 6
    assert [ticket.is_running for ticket in tickets] == [True] * 3 + [False] * 6
    outcomes = [await ticket.ended for ticket in tickets]
    assert max(outcome.values["out"] for outcome in outcomes) == 3


async def test_plain_calls_are_on_the_main_thread_and_parallel_ones_are_not(pods):
    pods.write("""
        import threading
        def fn(): return {'out': threading.current_thread() is threading.main_thread()}
        async def co(): return {'out': threading.current_thread() is threading.main_thread()}
    """)
    await pods.deploy()
    assert await pods.value() is True
    await pods.deploy(max_parallel=2)
    assert await pods.value() is False
    await pods.deploy("co", max_parallel=2)
    assert await pods.value() is True


@pytest.mark.parametrize("python", interpreters("3.9", "3.13", "3.14"), ids=str)
@pytest.mark.parametrize("max_parallel", [None, 2])
async def test_one_event_loop_lasts_as_long_as_the_pod(pods, python, max_parallel):
    pods.python = python
    pods.write("""
        import asyncio
        lock = asyncio.Lock()
        started = None
        async def fn():
            global started
            async with lock:
                if started is None:
                    started = asyncio.get_running_loop().create_future()
                    asyncio.get_running_loop().call_later(0.01, started.set_result, 'kept')
                return {'out': await started}
    """)
    await pods.deploy(max_parallel=max_parallel)
    # The second waits for the lock, which Python 3.9 ties to a loop while the module is imported.
    tickets = [pods.submit() for _ in range(2)]
    assert [(await ticket.ended).values["out"] for ticket in tickets] == ["kept", "kept"]


@pytest.mark.parametrize("max_parallel", [None, 2])
async def test_a_plain_function_may_return_something_to_be_awaited(pods, max_parallel):
    pods.write("""
        import asyncio, os
        def wrapped(function):
            return lambda **values: function(**values)
        @wrapped
        async def fn(fails):
            await asyncio.sleep(0)
            if fails: raise LookupError('no')
            return {'out': [id(asyncio.get_running_loop()), os.environ['CRAFT_AI_EXECUTION_ID']]}
    """)
    await pods.deploy(max_parallel=max_parallel)
    first = await pods.value({"fails": False})
    second = await pods.value({"fails": False})
    assert first[0] == second[0]
    assert first[1] != second[1]
    ticket = pods.submit({"fails": True})
    assert (await ticket.ended).message == "LookupError: no"
    assert "concurrent" not in str(pods.log(ticket))


async def test_sys_exit_in_a_task_of_its_own_leaves_the_event_loop_running(pods):
    pods.write("""
        import asyncio, sys
        async def leave(): sys.exit(1)
        async def fn(leaves):
            if leaves:
                asyncio.create_task(leave())
                await asyncio.sleep(0.01)
            return {'out': 'here'}
    """)
    await pods.deploy(max_parallel=2)
    assert await pods.value({"leaves": True}) == "here"
    assert await pods.value({"leaves": False}) == "here"


async def test_garbage_is_collected_and_what_was_imported_is_not_looked_at(pods):
    pods.write("""
        import gc
        kept = [[] for _ in range(1000)]
        def fn(): return {'out': [gc.isenabled(), gc.get_freeze_count() > 1000]}
    """)
    await pods.deploy()
    assert await pods.value() == [True, True]


async def test_a_process_that_user_code_forks_does_not_speak_for_the_pod(pods):
    pods.write("""
        import os
        def fn(n):
            if os.fork() == 0:
                return {'out': 'child'}
            return {'out': n}
    """)
    await pods.deploy()
    assert [await pods.value({"n": n}) for n in range(20)] == list(range(20))


async def test_calls_see_multiprocessing_work(pods):
    pods.write("""
        import multiprocessing
        def double(n): return n * 2
        def fn(how):
            with multiprocessing.get_context(how).Pool(2) as pool:
                return {'out': pool.map(double, range(5))}
    """)
    await pods.deploy()
    for how in ("fork", "spawn"):
        assert await pods.value({"how": how}) == [0, 2, 4, 6, 8]


async def test_exit_callbacks_run_when_a_pod_is_retired(pods):
    mark = pods.root / "mark"
    pods.write(f"""
        import atexit
        atexit.register(lambda: open({str(mark)!r}, 'w').write('done'))
        def fn(): pass
    """)
    await pods.deploy()
    await pods.engine.retire("d", 1)
    assert mark.read_text() == "done"
    assert pods.processes() == []


async def test_failures_of_the_import_are_said_in_the_answer_and_in_the_log(pods):
    pods.write("import nothing_of_this_name\ndef fn(): pass")
    failure = await pods.refused()
    assert failure.kind is FailureKind.USER_ERROR
    assert failure.message == "ModuleNotFoundError: No module named 'nothing_of_this_name'"
    assert "Traceback (most recent call last):" in pods.said("stderr")
    assert pods.state().status == "creation_failed"
    assert await pods.failure() == failure
    pods.write("def other(): pass")
    missing = "src/f.py has no function 'fn'; it defines: other."
    assert (await pods.refused()).message == missing
    pods.write("import os\nos._exit(7)")
    assert "ended with status 7 while it imported src/f.py" in (await pods.refused()).message
    pods.write("def fn(): return {'out': 1}")
    await pods.deploy()
    assert await pods.value() == 1
    assert pods.state().status == "up"


async def test_an_import_without_end_is_given_up(pods):
    await pods.engine.close()
    pods.open(start_s=1)
    pods.write("import time\ntime.sleep(600)")
    failure = await pods.refused()
    assert failure == Failure(FailureKind.TIMEOUT, "Importing src/f.py did not end within 1 s.")
    assert pods.processes() == []


async def test_an_interpreter_that_is_not_there_is_named(pods):
    pods.python = pods.root / "nothing" / "python"
    pods.write("def fn(): pass")
    failure = await pods.refused()
    assert failure.kind is FailureKind.ENVIRONMENT
    assert str(pods.python) in failure.message


async def test_numbers_keep_their_kind_on_the_way(pods):
    pods.write("def fn(value): return {'out': value}")
    await pods.deploy()
    for value in (
        1,
        1.0,
        -0.5,
        10**25,
        True,
        None,
        "\u2028\U0001f600",
        1e308,
        {"a": [1, {"b": ""}]},
    ):
        back = await pods.value({"value": value})
        assert back == value
        assert type(back) is type(value)


async def test_what_cannot_be_sent_is_a_bad_input_and_the_next_call_is_made(pods):
    pods.write("def fn(value): return {'out': value}")
    await pods.deploy()
    failure = await pods.failure({"value": "\udcff"})
    assert failure.kind is FailureKind.BAD_INPUT
    assert await pods.value({"value": 1}) == 1
