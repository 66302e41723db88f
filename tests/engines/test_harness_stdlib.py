"""What user code does to the standard library at import does not reach the harness."""

from __future__ import annotations

import ast
import importlib
import sys
import types
from pathlib import Path

import pytest

import headrace_harness
from headrace.core.outcomes import Returned

HARNESS = Path(headrace_harness.__file__).parent
# Programs of their own, which user code is not imported into, and the owner of the copies.
APART = {"__main__", "check", "stdlib"}
# Where user code is meant to be seen: its streams and modules, its loop, the finder of its modules.
SHARED = {"sys", "asyncio", "importlib", "importlib.util"}
# Names that are bound once, when the harness is imported.
BOUND = {"__future__", "typing", "collections.abc", "contextlib"}


def sources():
    for path in sorted(HARNESS.glob("*.py")):
        if path.stem not in APART:
            yield path.name, ast.parse(path.read_text())


def test_the_harness_has_the_standard_library_from_one_place():
    found = set()
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {(name, alias.name) for alias in node.names if alias.name not in SHARED}
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                if not module.startswith("headrace_harness") and module not in BOUND | SHARED:
                    found.add((name, module))
            elif isinstance(node, ast.Name) and node.id == "open":
                found.add((name, "open, which is io.open"))
    assert found == set()


def modules_in_use():
    """Return the names of all modules that the harness has copies of."""
    names = set()
    for _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "headrace_harness.stdlib":
                names |= {alias.name for alias in node.names}
    return names


def test_the_copies_are_not_the_modules_that_user_code_finds():
    stdlib = importlib.import_module("headrace_harness.stdlib")
    for name in modules_in_use():
        copy = getattr(stdlib, name)
        assert isinstance(copy, types.ModuleType)
        assert copy is not sys.modules[name]


def test_copies_of_functions_call_copies(monkeypatch):
    stdlib = importlib.import_module("headrace_harness.stdlib")
    monkeypatch.setattr("os.stat", None)
    monkeypatch.setattr("os.fspath", None)
    monkeypatch.setattr("os.lstat", None)
    assert stdlib.os.path.isfile(__file__)
    assert stdlib.os.path.realpath("/proc/self/exe").startswith("/")


# All functions there are in these modules, and the methods of the classes that are made in Python.
PATCHER = """
import builtins, importlib, os, sys, types

names = {names!r}

def broken(*args, **kwargs):
    raise RuntimeError('user code has replaced this')

def patch(module):
    for name, value in list(vars(module).items()):
        if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type(str.join))):
            # Setting a variable goes through os.environ, which is user code's. Without the locks
            # of _thread nothing can be imported.
            if name not in {{'putenv', 'unsetenv', 'get_ident', 'allocate_lock', '_set_sentinel'}}:
                setattr(module, name, broken)

for name in names:
    importlib.import_module(name)
parts = ['json.encoder', 'json.decoder', 'json.scanner', 'posixpath', 'genericpath', 'threading',
         'shutil', 'linecache', 'subprocess', 'selectors']
modules = [importlib.import_module(name) for name in [*names, *parts]]
classes = [modules[names.index('json')].JSONEncoder, modules[names.index('json')].JSONDecoder,
           importlib.import_module('threading').Thread, importlib.import_module('threading').Event,
           importlib.import_module('threading').Condition, modules[names.index('socket')].socket]

def fn(n=1):
    print('called')
    return {{'out': {{'n': n, 'text': 'ä', 'list': [1.5, None, True]}}}}

def fails():
    raise ValueError('as it should')

def items():
    yield from range(3)

for module in modules:
    patch(module)
for kind in classes:
    for name, value in list(vars(kind).items()):
        if isinstance(value, types.FunctionType):
            setattr(kind, name, broken)
modules[names.index('socket')].socket = broken
modules[names.index('socket')].socketpair = broken
modules[names.index('queue')].SimpleQueue = broken
builtins.open = broken
"""
RESULT = {"n": 3, "text": "ä", "list": [1.5, None, True]}


def patcher():
    return PATCHER.format(names=sorted(modules_in_use()))


async def test_a_module_that_breaks_the_standard_library_runs_elastic(bench):
    bench.write(patcher())
    for _ in range(3):
        outcome, log = await bench.run(values={"n": 3}, outputs={"out": "json"}, timeout_s=20)
        assert outcome == Returned({"out": RESULT}), log
        assert [line.message for line in log if line.stream == "stdout"] == ["called"]
    outcome, _ = await bench.run("fails", timeout_s=20)
    assert outcome.message == "ValueError: as it should"


@pytest.mark.parametrize("max_parallel", [None, 3])
async def test_a_module_that_breaks_the_standard_library_runs_in_pods(pods, max_parallel):
    pods.write(patcher())
    await pods.deploy(max_parallel=max_parallel)
    for _ in range(3):
        ticket = pods.submit({"n": 3})
        assert await ticket.ended == Returned({"out": RESULT}), pods.log(ticket)
        assert ("stdout", "called") in pods.log(ticket)


async def test_a_module_that_breaks_the_standard_library_yields_from_pods(pods):
    pods.write(patcher())
    await pods.deploy("items")
    assert await pods.value() == [0, 1, 2]
    ticket = pods.submit(stream=True)
    assert [item async for item in ticket.items] == [0, 1, 2]
