"""What user code prints, as it arrives in the log of its call."""

from __future__ import annotations

import asyncio
from dataclasses import replace


async def messages(bench, source, **settings):
    if settings:
        await bench.engine.close()
        bench.open(**settings)
    bench.write(source)
    _, log = await bench.run()
    return [(line.stream, line.message) for line in log]


async def test_both_streams_are_taken_with_native_code_and_subprocesses(bench):
    found = await messages(
        bench,
        """
        import os, subprocess, sys
        def fn():
            print('printed')
            os.write(1, b'native\\n')
            subprocess.run(['echo', 'by a program'])
            print('error', file=sys.stderr)
            sys.stdout.write('no line end')
        """,
    )
    assert sorted(found) == [
        ("stderr", "error"),
        ("stdout", "by a program"),
        ("stdout", "native"),
        ("stdout", "no line end"),
        ("stdout", "printed"),
    ]


async def test_lines_are_visible_while_the_call_runs(bench):
    bench.write("import time\ndef fn():\n    print('now')\n    time.sleep(600)")
    call = bench.call()
    run = asyncio.create_task(bench.engine.run(call))
    await bench.until(lambda: [line.message for line in bench.log(call)] == ["now"])
    run.cancel()
    await asyncio.wait({run})


async def test_lines_survive_the_kill_of_their_process(bench):
    found = await messages(
        bench,
        """
        import os
        def fn():
            for n in range(2000): print(n)
            os.kill(os.getpid(), 9)
        """,
    )
    assert found == [("stdout", str(n)) for n in range(2000)]


async def test_a_million_lines_are_all_kept_in_order(bench):
    bench.write("""
        def fn():
            print('\\n'.join(map(str, range(1_000_000))))
    """)
    call = bench.call()
    await bench.engine.run(call)
    with call.log.open("rb") as lines:
        numbers = [int(line.split()[2]) for line in lines]
    assert numbers == list(range(1_000_000))


async def test_a_chatty_call_does_not_keep_others_from_running(bench):
    bench.write("""
        def chatty():
            while True: print('x' * 1000)
        def fn(): return {'out': 1}
    """)
    await bench.engine.close()
    bench.open(log_bytes=1 << 20)
    chatty = asyncio.create_task(bench.engine.run(bench.call("chatty")))
    for _ in range(10):
        assert await bench.value() == 1
    chatty.cancel()
    await asyncio.wait({chatty})


async def test_a_full_log_says_how_many_lines_are_missing(bench):
    found = await messages(
        bench,
        "import os\ndef fn():\n    for n in range(1000): os.write(1, b'%d\\n' % n * 100)",
        log_bytes=300_000,
    )
    *kept, (stream, last) = found
    assert stream == "headrace"
    assert last.startswith(f"{100_000 - len(kept)} more lines were not kept")
    assert 0 < len(kept) < 100_000


async def test_bytes_that_are_no_utf8_stay_as_they_are(bench):
    bench.write("import os\ndef fn(): os.write(1, b'\\xff\\xfe\\n')")
    call = bench.call()
    await bench.engine.run(call)
    assert call.log.read_bytes().endswith(b" o \xff\xfe\n")


async def test_text_that_utf8_cannot_hold_is_printed_escaped(bench):
    assert await messages(bench, "def fn(): print('\\udcff é')") == [("stdout", "\\udcff é")]


async def test_what_the_import_prints_is_in_the_log_of_the_call_that_caused_it(bench):
    bench.write("import sys\nprint('at import')\nprint('warned', file=sys.stderr)\ndef fn(): pass")
    _, first = await bench.run()
    assert [(line.stream, line.message) for line in first] == [
        ("stdout", "at import"),
        ("stderr", "warned"),
    ]
    assert (await bench.run())[1] == []


async def test_a_log_that_cannot_be_written_is_told(bench):
    bench.write("def fn(): pass")
    call = bench.call()
    call.log.mkdir(parents=True)
    outcome = await bench.engine.run(call)
    assert "could not be started" in outcome.message
    assert await bench.engine.run(replace(call, log=call.log / "inside")) is not None
