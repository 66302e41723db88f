"""Output and variables find the call that they belong to."""

from __future__ import annotations

import pytest
from tests.engines.pod_bench import interpreters

SAYING = """
import asyncio, contextvars, logging, os, threading
from __craft_internal_execution_context import current_execution_id
logging.basicConfig(level=logging.INFO, format='%(message)s')
together = threading.Barrier(4)

def say(text):
    for end in (' ', '\\n'):
        print(text, os.environ['CRAFT_AI_EXECUTION_ID'], end=end)
    logging.info('%s logged', text)

def seen():
    return {'out': [current_execution_id.get(), os.getenv('CRAFT_AI_EXECUTION_ID'),
                    dict(os.environ)['CRAFT_AI_EXECUTION_ID'], os.environ['HEADRACE_EXECUTION_ID'],
                    'HEADRACE_EXECUTION_ID' in os.environ,
                    len(os.environ) == len(list(os.environ))]}

def in_threads(text):
    say(text)
    together.wait()
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(say, text + ' thread'))
    thread.start()
    thread.join()
    return seen()

async def on_a_loop(text):
    say(text)
    await asyncio.sleep(0.01)
    await asyncio.to_thread(say, text + ' thread')
    return seen()
"""


@pytest.mark.parametrize("python", interpreters("3.9", "3.13", "3.14"), ids=str)
@pytest.mark.parametrize("function", ["in_threads", "on_a_loop"])
async def test_parallel_calls_keep_their_output_and_variables_apart(pods, python, function):
    pods.python = python
    pods.write(SAYING)
    await pods.deploy(function, max_parallel=4)
    for _ in range(2):
        tickets = [pods.submit({"text": f"t{n}"}) for n in range(4)]
        for n, ticket in enumerate(tickets):
            outcome = await ticket.ended
            own = ticket.call.execution_id
            assert outcome.values["out"] == [own] * 4 + [True, True]
            assert pods.log(ticket) == [
                ("stdout", f"t{n} {own} t{n} {own}"),
                ("stderr", f"t{n} logged"),
                ("stdout", f"t{n} thread {own} t{n} thread {own}"),
                ("stderr", f"t{n} thread logged"),
            ]
    assert pods.said("stdout") == []


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_one_at_a_time_everything_that_comes_is_the_calls_and_in_order(pods, kind):
    pods.write(f"""
        import os, subprocess, sys, threading
        {kind} fn():
            print('printed')
            os.write(1, b'native ')
            os.write(1, b'line\\n')
            print('between', file=sys.stderr)
            subprocess.run(['echo', 'by a program'])
            subprocess.run('echo $CRAFT_AI_EXECUTION_ID/$HEADRACE_EXECUTION_ID >&2', shell=True)
            thread = threading.Thread(target=lambda: print(os.environ['CRAFT_AI_EXECUTION_ID']))
            thread.start()
            thread.join()
            os.write(1, b'no line end')
            return {{'out': 1}}
    """)
    await pods.deploy()
    tickets = [pods.submit(execution_id=f"{n}" * (1 + n * 400)) for n in range(6)]
    for ticket in tickets:
        await ticket.ended
        own = ticket.call.execution_id
        assert pods.log(ticket) == [
            ("stdout", "printed"),
            ("stdout", "native line"),
            ("stderr", "between"),
            ("stdout", "by a program"),
            ("stderr", f"{own}/{own}"),
            ("stdout", own),
            ("stdout", "no line end"),
        ]
    assert pods.said("stdout") == pods.said("stderr") == []


async def test_what_belongs_to_no_call_is_in_the_log_of_the_deployment(pods):
    pods.write("""
        import os, subprocess, sys, threading, time
        print('at import')
        os.write(2, b'native at import\\n')
        sys.stderr.write('warned\\n')
        before = 'CRAFT_AI_EXECUTION_ID' in os.environ
        go, gone = threading.Event(), threading.Event()
        def work():
            go.wait()
            print('by a thread of the module')
            os.write(1, b'native, while several could be meant\\n')
            gone.set()
        threading.Thread(target=work, daemon=True).start()
        def fn():
            print('in the call')
            go.set()
            gone.wait()
            return {'out': before}
    """)
    await pods.deploy(max_parallel=2)
    assert pods.said("stdout") == ["at import"]
    assert pods.said("stderr") == ["native at import", "warned"]
    ticket = pods.submit()
    assert (await ticket.ended).values["out"] is False
    assert pods.log(ticket) == [("stdout", "in the call")]
    await pods.until(lambda: len(pods.said("stdout")) == 3)
    assert sorted(pods.said("stdout")) == [
        "at import",
        "by a thread of the module",
        "native, while several could be meant",
    ]


async def test_what_a_call_leaves_behind_speaks_for_the_deployment_once_it_is_over(pods):
    pods.write("""
        import asyncio, os
        async def later(waited):
            await waited.wait()
            print('late', os.environ.get('CRAFT_AI_EXECUTION_ID'))
        waited = None
        async def fn(leaves):
            global waited, task
            if leaves:
                waited = asyncio.Event()
                task = asyncio.create_task(later(waited))
            else:
                waited.set()
                await task
            return {'out': 1}
    """)
    await pods.deploy()
    tickets = [pods.submit({"leaves": leaves}) for leaves in (True, False)]
    for ticket in tickets:
        await ticket.ended
        assert pods.log(ticket) == []
    assert pods.said("stdout") == ["late None"]


async def test_lines_are_there_while_the_call_runs(pods):
    pods.write("""
        import os, time
        def fn(place):
            print('now')
            os.write(1, b'and natively\\n')
            while not os.path.exists(place): time.sleep(0.005)
            return {'out': 1}
    """)
    await pods.deploy()
    place = pods.root / "place"
    ticket = pods.submit({"place": str(place)})
    await pods.until(lambda: len(pods.log(ticket)) == 2)
    assert not ticket.ended.done()
    place.touch()
    await ticket.ended


async def test_a_call_that_says_too_much_is_told_how_much_is_missing(pods):
    await pods.engine.close()
    pods.open(log_bytes=100_000)
    pods.write("""
        import os
        def fn():
            for n in range(10_000): print(n, 'x' * 10)
            return {'out': 1}
    """)
    await pods.deploy()
    ticket = pods.submit()
    await ticket.ended
    *kept, (stream, last) = pods.log(ticket)
    assert stream == "headrace"
    assert last.startswith(f"{10_000 - len(kept)} more lines were not kept")


async def test_the_log_of_a_deployment_keeps_what_was_said_last(pods):
    pods.write("""
        import os, sys, threading
        def fn():
            thread = threading.Thread(target=lambda: [print(n, 'x' * 100) for n in range(1000)])
            thread.start()
            thread.join()
            os.write(1, b'the end\\n')
            return {'out': 1}
    """)
    # With room for many calls, no thread's output can be said to be of one.
    await pods.deploy(max_parallel=2, log_bytes=20_000)
    for _ in range(3):
        await pods.value()
    await pods.until(lambda: pods.said("stdout")[-1] == "the end")
    log = pods.root / "logs" / "deployment.log"
    assert 10_000 <= log.stat().st_size < 21_000
    numbers = [int(line.split()[0]) for line in pods.said("stdout") if line != "the end"]
    assert numbers[-1] == 999
    assert numbers == list(range(1000 - len(numbers), 1000))


async def test_what_one_call_does_to_the_streams_the_next_one_does_not_see(pods):
    pods.write("""
        import sys
        def fn():
            sys.stdout.write('a')
            sys.stdout.buffer.write(b'b\\xff\\n')
            print('\\udcff', sys.stdout.encoding, sys.stdout.fileno(), sys.stdout.isatty())
            sys.stdout.close()
            sys.stderr.close()
            return {'out': 1}
    """)
    await pods.deploy()
    for _ in range(2):
        ticket = pods.submit()
        await ticket.ended
        assert pods.log(ticket) == [
            ("stdout", "ab\ufffd"),
            ("stdout", "\\udcff utf-8 1 False"),
        ]


@pytest.mark.parametrize("max_parallel", [None, 2])
async def test_variables_are_refreshed_when_an_execution_starts(pods, max_parallel):
    pods.variables = {"KEPT": "1", "CHANGED": "old", "REMOVED": "here"}
    pods.write("""
        import os, subprocess
        names = ('KEPT', 'CHANGED', 'REMOVED', 'ADDED', 'OWN')
        at_import = [os.environ.get(name) for name in names]
        os.environ['OWN'] = 'set by the module'
        def fn():
            said = subprocess.run(['env'], capture_output=True, text=True).stdout
            seen = dict(line.split('=', 1) for line in said.splitlines() if '=' in line)
            return {'out': [at_import, [os.environ.get(name) for name in names],
                            [seen.get(name) for name in names]]}
    """)
    await pods.deploy(max_parallel=max_parallel)
    imported = ["1", "old", "here", None, None]
    before = ["1", "old", "here", None, "set by the module"]
    assert await pods.value() == [imported, before, before]
    pods.variables = dict(pods.variables)
    assert await pods.value() == [imported, before, before]
    pods.variables = {"KEPT": "1", "CHANGED": "new", "ADDED": "é"}
    after = ["1", "new", None, "é", "set by the module"]
    assert await pods.value() == [imported, after, after]


async def test_no_call_changes_for_another_what_the_pod_is_known_by(pods):
    pods.write("""
        import os
        import subprocess, sys
        at_import = os.environ.get('URL')
        SHOW = 'import os; print(os.environ["URL"])'
        started = subprocess.check_output([sys.executable, '-c', SHOW], text=True).strip()
        def fn():
            os.environ['URL'] += '/mine'
            seen = os.environ['URL']
            del os.environ['URL']
            return {'out': [at_import, started, seen, os.environ.get('URL')]}
    """)
    pods.identity = {"URL": "http://here"}
    await pods.deploy()
    for _ in range(2):
        assert await pods.value() == [*["http://here"] * 2, "http://here/mine", "http://here"]


async def test_variables_of_calls_do_not_pile_up_in_memory(pods):
    pods.write("""
        def fn():
            line = open('/proc/self/statm').read().split()
            return {'out': int(line[1]) * 4096}
    """)
    await pods.deploy()

    async def used(calls: int) -> int:
        tickets = [pods.submit(execution_id=f"{n:05}" * 500) for n in range(calls)]
        outcomes = [await ticket.ended for ticket in tickets]
        return outcomes[-1].values["out"]

    before = await used(300)
    assert await used(900) - before < 1_000_000
