"""What native code and programs print is in the log: whole, in order, and before the end."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from headrace.core.outcomes import Returned

NATIVE = "import ctypes\nlibc = ctypes.CDLL(None)\n"


def messages(log):
    return [line.message for line in log]


async def test_what_c_prints_is_in_order_with_what_python_prints(bench):
    bench.write(
        NATIVE
        + "def fn():\n"
        + "    for number in range(3):\n"
        + "        libc.printf(b'solver %d\\n', number)\n"
        + "        print('python', number)\n"
        + "    libc.printf(b'no end')\n"
    )
    for _ in range(2):
        _, log = await bench.run()
        assert messages(log) == [
            f"{who} {number}" for number in range(3) for who in ("solver", "python")
        ] + ["no end"]


async def test_what_c_printed_at_import_is_in_one_log_once(bench):
    bench.write(NATIVE + "libc.printf(b'imported, without an end')\ndef fn(): pass\n")
    _, first = await bench.run()
    _, second = await bench.run()
    assert messages(first) == ["imported, without an end"]
    assert messages(second) == []


async def test_what_c_prints_is_in_the_log_before_the_call_ends(bench):
    bench.write(
        NATIVE
        + "import os, time\n"
        + "def fn(path):\n"
        + "    libc.printf(b'begun\\n')\n"
        + "    while not os.path.exists(path): time.sleep(0.01)\n"
    )
    import asyncio

    call = bench.call(values={"path": str(bench.root / "go")})
    task = asyncio.ensure_future(bench.engine.run(call))
    await bench.until(lambda: messages(bench.log(call)) == ["begun"])
    (bench.root / "go").touch()
    assert isinstance(await task, Returned)


async def test_what_c_printed_comes_before_the_traceback(bench):
    bench.write(NATIVE + "def fn():\n    libc.printf(b'almost')\n    raise ValueError('no')\n")
    _, log = await bench.run()
    stdout = [line.message for line in log if line.stream == "stdout"]
    assert stdout == ["almost"]


async def test_a_file_that_c_has_open_is_complete_when_the_call_ends(bench, tmp_path):
    bench.write(
        NATIVE
        + "libc.fopen.restype = ctypes.c_void_p\n"
        + "def fn(path):\n"
        + "    file = libc.fopen(path.encode(), b'w')\n"
        + "    libc.fputs(b'written', ctypes.c_void_p(file))\n"
    )
    await bench.run(values={"path": str(tmp_path / "out.txt")})
    assert (tmp_path / "out.txt").read_text() == "written"


async def test_a_thread_that_reads_in_c_does_not_hold_up_the_end(bench):
    bench.write(
        NATIVE
        + "import os, threading, time\n"
        + "libc.fdopen.restype = ctypes.c_void_p\n"
        + "def fn():\n"
        + "    reader, _ = os.pipe()\n"
        + "    file = ctypes.c_void_p(libc.fdopen(reader, b'r'))\n"
        + "    threading.Thread(target=libc.fgetc, args=(file,), daemon=True).start()\n"
        + "    time.sleep(0.2)\n"
        + "    return {'out': 1}\n"
    )
    assert await bench.value(timeout_s=30.0) == 1


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
async def test_a_stream_of_cpp_that_has_a_buffer_of_its_own_is_flushed(bench):
    source, library = bench.root / "say.cc", bench.root / "say.so"
    source.write_text(
        "#include <iostream>\n"
        'extern "C" void say() { std::ios::sync_with_stdio(false); std::cout << "from C++"; }\n'
    )
    subprocess.run(["g++", "-shared", "-fPIC", "-o", library, source], check=True)
    bench.write(f"import ctypes\ndef fn(): ctypes.CDLL({str(library)!r}).say()\n")
    _, log = await bench.run()
    assert messages(log) == ["from C++"]


async def test_python_programs_that_a_call_starts_keep_nothing_back(bench):
    bench.write("""
        import os, subprocess, sys, time
        def fn(path):
            code = "import time; print('started'); time.sleep(60)"
            child = subprocess.Popen([sys.executable, '-c', code])
            while not os.path.exists(path): time.sleep(0.01)
            child.kill()
    """)
    import asyncio

    call = bench.call(values={"path": str(bench.root / "go")})
    task = asyncio.ensure_future(bench.engine.run(call))
    await bench.until(lambda: messages(bench.log(call)) == ["started"])
    (bench.root / "go").touch()
    assert isinstance(await task, Returned)


async def test_the_users_own_choice_of_buffering_stays(bench):
    bench.write("import os\ndef fn(): return {'out': os.environ['PYTHONUNBUFFERED']}")
    assert await bench.value(variables={"PYTHONUNBUFFERED": ""}) == ""
    assert await bench.value() == "1"


@pytest.mark.parametrize("limits", [{}, {"max_parallel": 2}])
async def test_pods_show_what_c_prints(pods, limits):
    pods.write(
        NATIVE
        + "def fn():\n"
        + "    print('before')\n"
        + "    libc.printf(b'native\\n')\n"
        + "    print('after')\n"
        + "    libc.printf(b'no end')\n"
    )
    await pods.deploy(outputs={}, **limits)
    for _ in range(2):
        ticket = pods.submit()
        await ticket.ended
        if limits:
            assert pods.log(ticket) == [("stdout", "before"), ("stdout", "after")]
        else:
            assert [text for _, text in pods.log(ticket)] == ["before", "native", "after", "no end"]


@pytest.mark.parametrize("limits", [{}, {"max_parallel": 2}])
@pytest.mark.parametrize(
    "word",
    [
        "print('loading ...', end='', flush=True)",
        "sys.stderr.write('loading ...')",
        "print('40 %', end='\\r'); print('loading ...', end='')",
    ],
)
@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(3)", "ctypes.string_at(0)"])
async def test_the_last_words_of_a_pod_are_in_both_logs(pods, word, end, limits):
    pods.write(f"import ctypes, os, sys\ndef fn():\n    print('a line')\n    {word}\n    {end}\n")
    await pods.deploy(outputs={}, **limits)
    ticket = pods.submit()
    await ticket.ended
    assert [text for _, text in pods.log(ticket)] == ["a line", "loading ..."]
    assert "loading ..." in pods.said()


async def test_the_last_words_of_native_code_are_in_both_logs(pods):
    pods.write(NATIVE + "import os\ndef fn():\n    libc.printf(b'solving')\n    os.abort()\n")
    await pods.deploy(outputs={})
    ticket = pods.submit()
    await ticket.ended
    assert [text for _, text in pods.log(ticket)] == ["solving"]
    assert "solving" in pods.said()


async def test_the_last_words_of_an_import_are_in_the_log_of_the_deployment(pods):
    pods.write("import os\nprint('loading ...', end='')\nos._exit(3)\ndef fn(): pass\n")
    await pods.refused(outputs={})
    assert "loading ..." in pods.said()


async def test_words_that_were_ended_are_said_once(pods):
    pods.write("""
        import os
        def fn(dies):
            print('half', end='')
            print(' and half')
            if dies:
                os._exit(3)
    """)
    await pods.deploy(outputs={})
    first = pods.submit({"dies": False})
    await first.ended
    last = pods.submit({"dies": True})
    await last.ended
    for ticket in (first, last):
        assert [text for _, text in pods.log(ticket)] == ["half and half"]
    assert not any("half" in text for text in pods.said())
