"""What can be said about a function without running its file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from headrace.engines.local import check_function


@pytest.fixture
def check(tmp_path):
    async def run(source: str | bytes, function="fn", inputs=()):
        data = source if isinstance(source, bytes) else source.encode()
        (tmp_path / "f.py").write_bytes(data)
        return await check_function(Path(sys.executable), tmp_path, "f.py", function, inputs)

    return run


@pytest.mark.parametrize(
    ("source", "inputs"),
    [
        ("def fn(a, b=1): pass", ["a"]),
        ("def fn(a, *, b=1, **more): pass", ["a", "z"]),
        ("async def fn(a): pass", ["a"]),
        ("from x import *", ["a"]),
        ("from x import fn", ["a"]),
        ("import a.b as fn", []),
        ("fn = lambda: 1", ["a"]),
        ("class fn: pass", ["a"]),
        ("@decorated\ndef fn(): pass", ["a"]),
        ("try:\n  def fn(): pass\nexcept E:\n  fn = None", ["a"]),
        ("if x:\n  with y as (z, fn): pass", []),
        ("def set_it():\n  global fn\n  fn = 1", []),
        ("def __getattr__(name): pass", []),
        ("raise SystemExit\ndef fn(): pass", []),
        ("# coding: latin-1\nx = '\xe9'\ndef fn(): pass".encode("latin-1"), []),
    ],
)
async def test_nothing_is_said_of_what_may_work(check, source, inputs):
    assert await check(source, inputs=inputs) is None


@pytest.mark.parametrize(
    ("source", "inputs", "problem"),
    [
        ("x = (1 +\ny = 2", [], "f.py, line 1: SyntaxError: '(' was never closed\n    x = (1 +\n"),
        ("def f():\n    return 1 1", [], "line 2: SyntaxError"),
        ("def f():\n\tx\n        y", [], "line 3: TabError"),
        ("def a(): pass\nasync def b(): pass\nc = 1", [], "no function 'fn'; it defines: a, b."),
        ("class A:\n  def fn(): pass", [], "it defines no function."),
        ("def fn(a, b): pass", ["a", "x"], "fn() takes no parameter 'x', and needs 'b', which no"),
        ("def fn(a, /): pass", ["a"], "by position alone"),
        ("def fn(*, a): pass", [], "f.py, line 1: fn() needs 'a', which no input gives"),
        ("def fn(): pass", ["x", "y"], "takes no parameters 'x', 'y'; it has no parameters."),
        (b"x = '\xe9'", [], "f.py"),
        (b"x = 1\n\0", [], "f.py, line 2: there is a null byte"),
        ("(" * 5000, [], "f.py"),
        ("x = " + "-" * 200_000 + "1", [], "f.py"),
        ("x = " + "a." * 100_000 + "b", [], "f.py"),
    ],
)
async def test_a_problem_is_told(check, source, inputs, problem):
    found = await check(source, inputs=inputs)
    assert found is not None
    assert problem in found
    assert "Traceback" not in found


async def test_the_caret_points_at_the_error(check):
    found = await check("def f():\n        return 1 +* 2\n")
    _, shown, caret = found.split("\n")
    assert shown[caret.index("^")] == "*"


async def test_a_missing_file_or_interpreter_is_named(tmp_path):
    found = await check_function(Path(sys.executable), tmp_path, "no.py", "fn", [])
    assert found == "no.py cannot be read: No such file or directory."
    found = await check_function(Path("/no/python"), tmp_path, "no.py", "fn", [])
    assert found is not None
    assert "/no/python could not be started" in found
