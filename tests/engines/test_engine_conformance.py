"""What every engine does, whatever it runs calls on. Another one adds its site to ``SITES``.

A site is opened in a folder. It has an ``engine``, writes a pipeline and makes its calls; the tests
ask for nothing else of it. That of a cluster is there where a cluster is
(``tests/cluster/test_on_a_cluster.py``), which runs these tests too.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import psutil
import pytest
from tests.cluster.cluster_bench import CLUSTER, ray_site
from tests.engines.conftest import Bench

from headrace.core.calls import InputFile
from headrace.core.outcomes import Failure, FailureKind, Returned
from headrace.engines.port import NeverBegan


@asynccontextmanager
async def local_site(root: Path) -> AsyncIterator[Bench]:
    made = Bench(root)
    yield made
    await made.engine.close()


SITES: dict[str, Callable[[Path], AbstractAsyncContextManager[Bench]]] = (
    {"ray": ray_site} if CLUSTER in os.environ else {"local": local_site}
)

WAITS = """
    import os, pathlib, time
    def fn(mark):
        begun = pathlib.Path(mark)
        begun.with_suffix('.draft').write_text(str(os.getpid()))
        begun.with_suffix('.draft').rename(begun)
        time.sleep(600)
"""


@pytest.fixture(params=SITES)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with SITES[request.param](tmp_path) as made:
        yield made


def is_living(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# Outcomes.


async def test_what_is_returned_comes_back_by_the_declared_names(site: Bench) -> None:
    site.write("def fn(a, b=2): return {'sum': a + b, 'text': 'x', 'more': 0}")
    outcome, _ = await site.run("fn", {"a": 1}, outputs={"sum": "number", "text": "string"})
    assert outcome == Returned({"sum": 3, "text": "x"})


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("raise ValueError('no')", FailureKind.USER_ERROR),
        ("return {'out': object()}", FailureKind.BAD_OUTPUT),
        ("return {}", FailureKind.BAD_OUTPUT),
        ("import os; os._exit(3)", FailureKind.EXITED),
        ("import os; os.kill(os.getpid(), 9)", FailureKind.EXITED),
    ],
)
async def test_what_goes_wrong_is_a_failure_of_its_kind(
    site: Bench, body: str, kind: FailureKind
) -> None:
    site.write(f"def fn(): {body}")
    outcome, _ = await site.run(outputs={"out": "json"})
    assert isinstance(outcome, Failure)
    assert outcome.kind is kind
    assert outcome.message


async def test_code_that_cannot_be_imported_fails_alike_ahead_and_in_a_call(site: Bench) -> None:
    site.write("raise RuntimeError('at import')")
    said: list[str] = []
    call = site.call()
    ahead = await site.engine.warm(call.code, {}, said.append)
    assert isinstance(ahead, Failure)
    assert "RuntimeError: at import" in ahead.message
    assert any("RuntimeError" in line for line in said)
    assert await site.engine.run(call) == ahead


async def test_calls_share_the_import_and_nothing_else(site: Bench) -> None:
    site.write("""
        import os
        importer, seen = os.getpid(), []
        def fn():
            seen.append(0)
            return {'out': [importer, len(seen), os.getpid()]}
    """)
    call = site.call()
    assert not site.engine.is_warm(call.code, {})
    assert await site.engine.warm(call.code, {}) is None
    assert site.engine.is_warm(call.code, {})
    first, second = [await site.value() for _ in range(2)]
    assert first[:2] == second[:2] == [first[0], 1]
    assert first[2] != second[2]


# Limits.


async def test_a_call_that_takes_too_long_is_ended(site: Bench) -> None:
    site.write(WAITS)
    mark = site.root / "mark"
    # The limit counts the import, which takes its time on a busy machine.
    await site.engine.warm(site.call().code, {})
    outcome, _ = await site.run("fn", {"mark": str(mark)}, timeout_s=3)
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.TIMEOUT
    assert not is_living(int(mark.read_text()))


async def test_a_call_that_uses_too_much_memory_is_ended(site: Bench) -> None:
    site.write("import time\ndef fn():\n    kept = b'x' * (300 << 20)\n    time.sleep(600)")
    outcome, _ = await site.run(memory_bytes=200 << 20)
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.OUT_OF_MEMORY


async def test_outputs_beyond_their_size_are_named(site: Bench) -> None:
    site.write("def fn(): return {'out': 'x' * 99}")
    outcome, _ = await site.run(outputs={"out": "string"}, output_bytes=100)
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.BAD_OUTPUT
    assert "'out'" in outcome.message


# Logs.


async def test_the_log_is_complete_in_order_and_by_stream_when_a_call_has_ended(
    site: Bench,
) -> None:
    site.write("""
        import subprocess, sys
        def fn():
            for n in range(1000): print(n)
            sys.stdout.flush()
            print('error', file=sys.stderr)
            subprocess.run(['echo', 'by a program'])
    """)
    _, log = await site.run()
    printed = [line.message for line in log if line.stream == "stdout"]
    assert printed == [*map(str, range(1000)), "by a program"]
    assert [line.message for line in log if line.stream == "stderr"] == ["error"]


async def test_lines_can_be_read_while_the_call_runs(site: Bench) -> None:
    site.write("import time\ndef fn():\n    print('now')\n    time.sleep(600)")
    call = site.call()
    run = asyncio.create_task(site.engine.run(call))
    await site.until(lambda: [line.message for line in site.log(call)] == ["now"])
    run.cancel()
    await asyncio.wait({run})


# Cancelling, and what is left of a call.


async def test_a_cancelled_call_is_gone_before_that_is_said(site: Bench) -> None:
    site.write(WAITS)
    mark = site.root / "mark"
    run = asyncio.create_task(site.run("fn", {"mark": str(mark)}))
    await site.until(mark.exists)
    run.cancel()
    with pytest.raises(asyncio.CancelledError) as error:
        await run
    assert not isinstance(error.value, NeverBegan)
    assert not is_living(int(mark.read_text()))


async def test_one_call_is_cancelled_and_another_of_the_same_code_goes_on(site: Bench) -> None:
    site.write("""
        import pathlib, time
        def fn(mark):
            pathlib.Path(mark).touch()
            while not pathlib.Path(mark + '.go').exists(): time.sleep(0.01)
            return {'out': mark}
    """)
    marks = [site.root / "one", site.root / "other"]
    runs = [asyncio.create_task(site.value("fn", {"mark": str(mark)})) for mark in marks]
    await site.until(lambda: all(mark.exists() for mark in marks))
    runs[0].cancel()
    await asyncio.wait({runs[0]})
    marks[1].with_name("other.go").touch()
    assert await runs[1] == str(marks[1])


async def test_nothing_that_a_call_started_outlives_it(site: Bench) -> None:
    site.write("""
        import os, subprocess, sys, time
        def fn():
            program = subprocess.Popen(['sleep', '600'], start_new_session=True)
            reading, writing = os.pipe()
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.write(writing, str(os.getpid()).encode())
                    time.sleep(600)
                os._exit(0)
            return {'out': [program.pid, int(os.read(reading, 20))]}
    """)
    for pid in await site.value():
        assert not is_living(pid)


async def test_closing_ends_what_runs(site: Bench) -> None:
    site.write(WAITS)
    mark = site.root / "mark"
    run = asyncio.create_task(site.run("fn", {"mark": str(mark)}))
    await site.until(mark.exists)
    await site.engine.close()
    outcome, _ = await run
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.WORKER_LOST
    assert not is_living(int(mark.read_text()))


# Files.


async def test_an_input_file_is_a_copy_under_its_own_name(site: Bench) -> None:
    given = site.root / "given"
    given.write_bytes(b"\x00bytes")
    site.write("""
        import os
        def fn(data):
            with open(data['path'], 'r+b') as file:
                content = file.read()
                file.write(b'more')
            return {'out': [os.path.basename(data['path']), content.hex()]}
    """)
    found = await site.value("fn", files={"data": InputFile(given, "my data.bin")})
    assert found == ["my data.bin", b"\x00bytes".hex()]
    assert given.read_bytes() == b"\x00bytes"


async def test_output_files_can_be_taken_when_a_call_has_ended(site: Bench) -> None:
    site.write("""
        def fn():
            open('a.txt', 'w').write('one')
            return {'a': {'path': 'a.txt'}, 'none': None}
    """)
    outcome, _ = await site.run(outputs={"a": "file", "none": "file"})
    assert isinstance(outcome, Returned)
    file = outcome.files["a"]
    assert (file.filename, file.size, file.path.read_text()) == ("a.txt", 3, "one")
    assert outcome.values == {"none": None}


async def test_what_a_call_writes_no_other_call_sees(site: Bench) -> None:
    site.write("""
        import os
        def fn():
            known = os.path.exists('left')
            open('left', 'w').close()
            return {'out': known}
    """)
    assert [await site.value() for _ in range(2)] == [False, False]
    assert not (site.folder / "left").exists()
