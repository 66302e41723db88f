"""What a call of user code finds, returns and reports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headrace.core.calls import InputFile
from headrace.core.outcomes import Failure, FailureKind, Returned


async def failure(bench, source, *args, **kwargs):
    bench.write(source)
    outcome, log = await bench.run(*args, **kwargs)
    assert isinstance(outcome, Failure), outcome
    return outcome, "\n".join(line.message for line in log)


async def test_arguments_go_in_and_declared_outputs_come_out(bench):
    bench.write("def fn(a, b=5, c=None): return {'total': a + b, 'label': 'x', 'more': 1}")
    outcome, _ = await bench.run(
        "fn", {"a": 1, "c": [None]}, outputs={"total": "number", "label": "string"}
    )
    assert outcome == Returned({"total": 6, "label": "x"})


async def test_a_coroutine_function_is_awaited(bench):
    bench.write(
        "import asyncio\nasync def fn():\n    await asyncio.sleep(0)\n    return {'out': 1}"
    )
    assert await bench.value() == 1


async def test_what_is_returned_is_ignored_without_declared_outputs(bench):
    bench.write("def fn(): return object()\ndef none(): pass")
    assert (await bench.run("fn"))[0] == Returned()
    assert (await bench.run("none"))[0] == Returned()


async def test_nothing_leaks_from_one_call_to_the_next(bench):
    bench.write("""
        import os
        seen = []
        def fn():
            seen.append(os.getpid())
            os.environ['LEAK'] = os.environ.get('LEAK', '') + 'x'
            open('written', 'a').write('x')
            return {'out': [len(seen), os.environ['LEAK'], open('written').read()]}
    """)
    assert await bench.value() == [1, "x", "x"]
    assert await bench.value() == [1, "x", "x"]
    assert not (bench.folder / "written").exists()


async def test_the_working_directory_is_a_private_copy_of_the_folder(bench):
    bench.write("shared", "src/data.csv")
    bench.write("""
        import os
        at_import = open('src/data.csv').read()
        open('made_at_import', 'w').close()
        def fn():
            text = open('src/data.csv').read()
            open('src/data.csv', 'w').write('changed')
            return {'out': [at_import, text, os.getcwd()]}
    """)
    first = await bench.value()
    assert first[:2] == ["shared", "shared"]
    assert Path(first[2]) != bench.folder
    assert (bench.folder / "src/data.csv").read_text() == "shared"
    assert not (bench.folder / "made_at_import").exists()


async def test_variables_exist_at_import_and_identity_in_the_call(bench, monkeypatch):
    monkeypatch.setenv("HEADRACE_SECRET_KEY", "secret")
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    bench.write("""
        import os
        at_import = os.environ.get('V')
        def fn():
            import __craft_internal_execution_context as context
            secrets = [n for n in os.environ if os.environ[n] == 'secret']
            ids = [os.environ['CRAFT_AI_EXECUTION_ID'], context.current_execution_id.get()]
            return {'out': [at_import, os.environ['V'], ids[0] == ids[1], secrets]}
    """)
    assert await bench.value(variables={"V": "1"}) == ["1", "1", True, []]
    assert await bench.value(variables={"V": "2"}) == ["2", "2", True, []]


async def test_input_files_are_private_copies(bench):
    source = bench.root / "given"
    source.write_bytes(b"\x00bytes")
    bench.write("""
        def fn(data):
            with open(data['path'], 'r+b') as file:
                content = file.read()
                file.write(b'more')
            return {'out': [list(data), data['path'], content.hex()]}
    """)
    out = await bench.value(files={"data": InputFile(source, "my data.bin")})
    assert out[0] == ["path"]
    assert Path(out[1]).name == "my data.bin"
    assert bytes.fromhex(out[2]) == b"\x00bytes"
    assert source.read_bytes() == b"\x00bytes"


async def test_output_files_are_safe_in_the_workspace(bench):
    bench.write("""
        import os, pathlib
        def fn():
            open('a.txt', 'w').write('one')
            pathlib.Path('b.txt').write_text('two')
            return {'a': {'path': 'a.txt'}, 'b': pathlib.Path('b.txt').absolute(), 'c': None}
    """)
    outcome, _ = await bench.run(outputs={"a": "file", "b": "file", "c": "file"})
    assert isinstance(outcome, Returned)
    assert {n: (f.filename, f.path.read_text(), f.size) for n, f in outcome.files.items()} == {
        "a": ("a.txt", "one", 3),
        "b": ("b.txt", "two", 3),
    }
    assert outcome.values == {"c": None}


async def test_a_result_of_50_megabytes_arrives_whole(bench):
    bench.write("def fn(): return {'out': 'x' * 50_000_000}")
    assert await bench.value(output_bytes=50_000_002) == "x" * 50_000_000


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (
            {"out": "x" * 99},
            "output 'out' is 101 bytes of JSON, and all outputs together may be 100",
        ),
        ({"out": "é" * 50}, "output 'out' is 102 bytes"),
        (
            {"out": "x" * 60, "more": ["y" * 40]},
            r"output 'out' is 62 bytes of JSON \(106 together with the others\)",
        ),
    ],
)
async def test_more_output_than_the_limit_fails_by_name_and_size(bench, returned, message):
    bench.write(f"def fn(): return {returned!r}")
    outcome, _ = await bench.run(outputs=dict.fromkeys(returned, "json"), output_bytes=100)
    assert outcome.kind == "bad_output"
    assert re.search(message, outcome.message)
    assert 'return {"path": ...} as an output of type file' in outcome.message
    bench.write("def fn(): return {'out': 'x' * 98}")
    assert await bench.value(output_bytes=100) == "x" * 98


async def test_a_file_whose_name_is_too_long_as_text_is_kept(bench):
    bench.write("""
        import os
        def fn():
            name = b'a\\xff' * 120 + b'.csv'
            open(name, 'wb').write(b'content')
            return {'out': {'path': os.fsdecode(name)}}
    """)
    outcome, _ = await bench.run(outputs={"out": "file"})
    file = outcome.files["out"]
    assert file.path.read_bytes() == b"content"
    assert file.filename.startswith("a\\udcffa\\udcff")
    assert file.filename.endswith(".csv")
    assert len(file.filename.encode()) <= 255


async def test_what_user_code_puts_in_the_place_of_a_report_is_bounded(bench):
    bench.write("""
        import os
        from headrace_harness import outputs
        def forge(report, workspace):
            with open(os.path.join(workspace, 'outcome.json'), 'w') as file:
                file.truncate(1 << 32)
        def fn():
            outputs.write_report = forge
            return {'out': 1}
    """)
    outcome, _ = await bench.run(outputs={"out": "json"})
    assert outcome.kind == "bad_output"
    assert "is too large: 4,294,967,296 bytes" in outcome.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return [1]", "must return a dict with the outputs total (number), label (string); it"),
        ("return None", "it returned None."),
        ("return {'a': 1, 'b': 2}", "'total', 'label' are missing; the returned dict has the"),
        ("return {'total': 'abc', 'label': 3}", "'total' must be a number, but is a str: 'abc'"),
        ("return {'total': 'abc', 'label': 3}", "'label' must be a string, but is an int: 3"),
        ("return {'total': float('nan'), 'label': None}", "is NaN, which JSON cannot hold"),
    ],
)
async def test_bad_outputs_are_told_precisely(bench, body, message):
    found, _ = await failure(
        bench, f"def fn(): {body}", outputs={"total": "number", "label": "string"}
    )
    assert found.kind is FailureKind.BAD_OUTPUT
    assert message in found.message


async def test_a_missing_output_file_is_named(bench):
    found, _ = await failure(bench, "def fn(): return {'f': {'path': 'no'}}", outputs={"f": "file"})
    assert found.kind is FailureKind.BAD_OUTPUT
    assert "names the file 'no', which cannot be read: No such file" in found.message


@pytest.mark.parametrize(
    ("parameters", "values", "message"),
    [
        ("a, b", {"x": 1}, "src/f.py: fn() takes no parameter 'x'; its parameters are a, b."),
        ("a, b", {"a": 1}, "src/f.py: fn() needs 'b', which no input gives; its parameters"),
        ("", {"x": 1}, "it has no parameters"),
        ("a, /", {"a": 1}, "by position alone"),
    ],
)
async def test_arguments_that_do_not_fit_are_named(bench, parameters, values, message):
    found, _ = await failure(bench, f"def fn({parameters}): pass", "fn", values)
    assert found.kind is FailureKind.USER_ERROR
    assert message in found.message


async def test_an_exception_shows_the_users_frames_alone(bench):
    found, log = await failure(
        bench,
        """
        import json
        def inner(): json.loads('{')
        def fn():
            try: inner()
            except ValueError as error: raise KeyError('outer') from error
        """,
    )
    assert found == Failure(FailureKind.USER_ERROR, "KeyError: 'outer'")
    assert "in inner" in log
    assert "json/decoder.py" in log
    assert "direct cause" in log
    assert "headrace_harness" not in log


async def test_a_type_error_from_inside_is_the_users_own(bench):
    found, log = await failure(bench, "def g(a): pass\ndef fn(): g()")
    assert found.message.startswith("TypeError: g() missing 1 required")
    assert "in fn" in log


async def test_all_of_an_exception_group_is_shown(bench):
    found, log = await failure(
        bench, "def fn(): raise ExceptionGroup('many', [ValueError('one'), KeyError('two')])"
    )
    assert found.message.startswith("ExceptionGroup: many")
    assert "ValueError: one" in log
    assert "KeyError: 'two'" in log


async def test_an_exception_that_cannot_say_what_it_is_breaks_nothing(bench):
    source = """
        class Bad(Exception):
            def __str__(self): raise RuntimeError
        def fn(): raise Bad
    """
    found, _ = await failure(bench, source)
    assert found.kind is FailureKind.USER_ERROR
    assert "Bad" in found.message


@pytest.mark.parametrize("ending", ["import sys; sys.exit(3)", "raise SystemExit(3)"])
async def test_sys_exit_is_named(bench, ending):
    found, _ = await failure(bench, f"def fn(): {ending}")
    assert found == Failure(FailureKind.EXITED, "fn() called sys.exit(3).")


async def test_sys_exit_with_success_is_success_if_no_outputs_are_declared(bench):
    bench.write("import sys\ndef fn(): sys.exit()")
    assert (await bench.run())[0] == Returned()
    outcome, _ = await bench.run(outputs={"a": "json"})
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.EXITED


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("os._exit(4)", "ended with status 4 before the result of fn() was complete"),
        ("os._exit(0)", "ended with status 0 before the result of fn() was complete"),
        ("os.kill(os.getpid(), 11)", "was killed by signal 11 (SIGSEGV)"),
        ("os.kill(os.getpid(), 9)", "signal 9 (SIGKILL); on Linux this often means"),
    ],
)
async def test_a_process_that_ends_by_itself_is_told(bench, statement, message):
    found, _ = await failure(bench, f"import os\ndef fn(): {statement}")
    assert found.kind is FailureKind.EXITED
    assert message in found.message
    bench.write("def fn(): return {'out': 1}")
    assert await bench.value() == 1


async def test_closing_or_replacing_the_standard_streams_harms_no_result(bench):
    bench.write("""
        import io, os, sys
        def fn():
            sys.stdout = io.StringIO()
            sys.stderr = None
            os.close(1)
            os.close(2)
            os.closerange(3, 256)
            return {'out': 1}
    """)
    assert await bench.value() == 1


async def test_a_process_forked_by_user_code_does_not_report_for_it(bench):
    bench.write("""
        import os
        def fn():
            if os.fork() == 0:
                return {'out': 'child'}
            os.wait()
            os._exit(0)
    """)
    outcome, _ = await bench.run(outputs={"out": "json"})
    assert outcome.kind is FailureKind.EXITED


async def test_threads_and_exit_callbacks_end_as_in_an_interpreter(bench):
    bench.write("""
        import atexit, threading, time
        def fn():
            atexit.register(print, 'exit callback')
            threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()
    """)
    _, log = await bench.run()
    assert [line.message for line in log] == ["thread", "exit callback"]


async def test_a_missing_function_or_file_says_what_there_is(bench):
    bench.write("def a(): pass\ndef b(): pass\nc = 1")
    outcome, _ = await bench.run("fn")
    assert outcome.message == "src/f.py has no function 'fn'; it defines: a, b."
    assert (await bench.run("c"))[0].message.endswith("'c' is no function but of type int.")
    assert "no file src/g.py" in (await bench.run(path="src/g.py"))[0].message


async def test_a_file_may_have_the_name_of_a_standard_module(bench):
    bench.write("def fn(): return {'out': __file__}", "random.py")
    assert (await bench.value(path="random.py")).endswith("/work/random.py")


async def test_modules_beside_the_function_can_be_imported(bench):
    bench.write("x = 1", "src/other.py")
    bench.write(
        "from src.other import x\nfrom . import other\ndef fn(): return {'out': other.x + x}"
    )
    assert await bench.value() == 2
