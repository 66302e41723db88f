"""Which file an import finds: the user's, as ``python file.py`` does, whatever the harness uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headrace.core.outcomes import Failure, Returned
from headrace.engines.local import check_function

# Modules that the harness or asyncio has loaded, and that a fresh interpreter has not. Some of them
# may be a part of the interpreter itself, and so go before files of these names.
NAMES = {
    "array",
    "ast",
    "base64",
    "contextlib",
    "copy",
    "ctypes",
    "datetime",
    "decimal",
    "email",
    "enum",
    "inspect",
    "json",
    "linecache",
    "logging",
    "numbers",
    "platform",
    "queue",
    "random",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "string",
    "subprocess",
    "tempfile",
    "textwrap",
    "threading",
    "token",
    "tokenize",
    "traceback",
    "types",
    "typing",
    "uuid",
    "warnings",
}.difference(sys.builtin_module_names)
MINE = "strength = 7\n"


def source(name):
    return f"from {name} import strength\ndef fn(): return {{'out': strength}}\n"


@pytest.mark.parametrize("name", sorted(NAMES))
async def test_a_helper_may_have_the_name_of_a_standard_module(bench, name):
    bench.write(MINE, f"{name}.py")
    bench.write(
        source(name)
        + "async def later(): return {'out': strength}\n"
        + "def fail(): raise ValueError('of mine')\n",
        "main.py",
    )
    script = bench.folder / "script.py"
    script.write_text("import main\nprint(main.fn()['out'])\n")
    plain = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    script.unlink()
    assert plain.stdout == "7\n"
    assert await check_function(Path(sys.executable), bench.folder, "main.py", "fn", []) is None
    assert await bench.value(path="main.py") == 7
    assert await bench.value("later", path="main.py") == 7
    outcome, log = await bench.run("fail", path="main.py")
    assert isinstance(outcome, Failure)
    assert outcome.message == "ValueError: of mine"
    said = [line.message for line in log]
    assert said[0] == "Traceback (most recent call last):"
    assert "raise ValueError('of mine')" in said[2]


@pytest.mark.parametrize("limits", [{}, {"max_parallel": 2}])
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("name", ["queue", "signal", "socket", "threading", "token"])
async def test_the_same_in_pods(pods, name, is_async, limits):
    pods.write(MINE, f"{name}.py")
    pods.write(
        source(name).replace("def fn", ("async def" if is_async else "def") + " fn"), "main.py"
    )
    await pods.deploy(path="main.py", **limits)
    assert await pods.value() == 7
    assert await pods.value() == 7


async def test_a_package_may_have_such_a_name_and_its_modules_are_its_own(bench):
    bench.write("from . import mime\n", "email/__init__.py")
    bench.write(MINE, "email/mime.py")
    bench.write("from email.mime import strength\ndef fn(): return {'out': strength}", "main.py")
    assert await bench.value(path="main.py") == 7


async def test_modules_that_a_call_imports_are_the_users_too(bench):
    bench.write(MINE, "socket.py")
    bench.write("def fn():\n    import socket\n    return {'out': socket.strength}", "main.py")
    assert await bench.value(path="main.py") == 7


async def test_a_folder_without_an_init_file_hides_nothing(bench):
    bench.write("nothing of ours", "json/data.txt")
    bench.write("import json\ndef fn(): return {'out': json.loads('[1]')}", "main.py")
    assert await bench.value(path="main.py") == [1]


@pytest.mark.parametrize("name", ["helper", "signal", "queue"])
async def test_a_file_finds_its_neighbour_and_what_is_in_the_root(bench, name):
    bench.write(MINE, f"src/{name}.py")
    bench.write("import src.other\n", "top.py")
    bench.write("", "src/other.py")
    bench.write(
        f"import {name}, top, src.{name}\n"
        f"def fn(): return {{'out': [{name}.strength, src.{name}.strength]}}"
    )
    assert await bench.value() == [7, 7]


async def test_the_root_comes_before_the_folder_of_the_file(bench):
    bench.write("where = 'root'", "helper.py")
    bench.write("where = 'beside'", "src/helper.py")
    bench.write("import helper\ndef fn(): return {'out': helper.where}")
    assert await bench.value() == "root"


async def test_modules_of_a_package_hide_no_standard_module(bench):
    bench.write("", "src/__init__.py")
    bench.write("raise RuntimeError('not meant')", "src/logging.py")
    bench.write(MINE, "src/helper.py")
    bench.write("import logging, helper\ndef fn(): return {'out': [logging.INFO, helper.strength]}")
    assert await bench.value() == [20, 7]


async def test_a_package_below_src_is_found_by_its_own_name(bench):
    bench.write(MINE, "src/app/deep/helper.py")
    bench.write("", "src/app/__init__.py")
    bench.write("", "src/app/deep/__init__.py")
    code = "from app.deep.helper import strength\ndef fn(): return {'out': strength}"
    for path in ("src/app/deep/main.py", "scripts/main.py", "main.py"):
        bench.write(code, path)
        assert await bench.value(path=path) == 7


async def test_src_that_is_a_package_is_no_place_for_packages(bench):
    bench.write("", "src/__init__.py")
    bench.write(MINE, "src/helper.py")
    bench.write(
        "try:\n    import helper\nexcept ImportError:\n    helper = None\n"
        "def fn(): return {'out': helper is None}",
        "main.py",
    )
    assert await bench.value(path="main.py") is True


async def test_the_neighbour_is_found_by_a_pod(pods):
    pods.write(MINE, "src/signal.py")
    pods.write("import signal\ndef fn(): return {'out': signal.strength}")
    await pods.deploy()
    assert await pods.value() == 7


async def test_a_module_that_cannot_be_forked_finds_the_same(bench):
    bench.write(MINE, "signal.py")
    bench.write(
        "import signal, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "def fn(): return {'out': signal.strength}",
        "main.py",
    )
    outcome, log = await bench.run(path="main.py", outputs={"out": "json"})
    assert isinstance(outcome, Returned)
    assert outcome.values == {"out": 7}
    assert any("cannot be forked" in line.message for line in log)
