"""A function that is in no file becomes a module, with all that it names, or says what cannot."""

from __future__ import annotations

import functools
import linecache
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.client.deploying.gathering import gather
from headrace.core.errors import InvalidCode


@pytest.fixture
def cell() -> Iterator[Any]:
    """Runs texts one after the other as a notebook runs cells, and returns their names."""
    names: dict[str, Any] = {"__name__": "cells_of_a_test"}
    files: list[str] = []

    def run(text: str) -> dict[str, Any]:
        file = f"<cell {len(files)} of a test>"
        files.append(file)
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec", dont_inherit=True), names)  # noqa: S102 - a cell of a test
        return names

    yield run
    for file in files:
        del linecache.cache[file]


def module_of(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "gathered"}
    exec(compile(text, "gathered", "exec", dont_inherit=True), names)  # noqa: S102 - see above
    return names


def test_what_a_function_names_comes_along(cell):
    cell(
        "import math as m\nimport xml.etree.ElementTree\nfrom pathlib import Path as P\nLIMIT = 2.5"
    )
    cell("def more(x):\n    return m.sqrt(x) + LIMIT\n\n\nUNUSED = object()\n")
    names = cell(
        "def predict(x: float, path: P = P('.')):\n"
        "    def inner():\n        return [more(x) for x in (4, 9)], xml.etree.ElementTree\n"
        "    return inner()[0]\n"
    )
    text = gather(names["predict"])
    assert "UNUSED" not in text
    assert module_of(text)["predict"](1) == [math.sqrt(4) + 2.5, math.sqrt(9) + 2.5]


def test_classes_aliases_and_decorators_come_along(cell):
    cell(
        "import functools\nfrom dataclasses import dataclass\nfrom typing import Literal\n"
        "Kind = Literal['a', 'b']\n\n\n@dataclass\nclass Base:\n    x: int = 0\n\n\n"
        "class Point(Base):\n    pass\n\n\n"
        "def twice(function):\n    @functools.wraps(function)\n    def inner(*given):\n"
        "        return function(*given), function(*given)\n    return inner\n"
    )
    names = cell("@twice\ndef predict(kind: Kind = 'a'):\n    return Point(3).x\n")
    made = module_of(gather(names["predict"]))
    assert made["predict"]() == (3, 3)


def test_the_latest_definition_counts(cell):
    cell("def more(x):\n    return x + 1\n")
    names = cell("def predict(x):\n    return more(x)\n")
    cell("def more(x):\n    return x + 2\n")
    assert module_of(gather(names["predict"]))["predict"](1) == 3


def test_functions_that_call_each_other_come_along_once(cell):
    names = cell(
        "def even(n):\n    return n == 0 or odd(n - 1)\n\n\n"
        "def odd(n):\n    return n != 0 and even(n - 1)\n"
    )
    text = gather(names["even"])
    assert text.count("def odd") == 1
    assert module_of(text)["even"](10)


def test_lazy_annotations_stay_lazy(cell):
    names = cell(
        "from __future__ import annotations\n\n\ndef predict(x: int | None):\n    return x\n"
    )
    assert gather(names["predict"]).startswith("from __future__ import annotations\n")


def test_all_that_cannot_travel_is_named_at_once(cell):
    names = cell(
        "connection = open('/dev/null')\ndef make():\n    held = 3\n    def inner(): return held\n"
        "    return inner\nclosure = make()\n"
        "def predict(x):\n    return connection, closure, missing\n"
    )
    try:
        with pytest.raises(InvalidCode) as error:
            gather(names["predict"])
    finally:
        names["connection"].close()
    for words in (
        "'connection', which is an object of type _io.TextIOWrapper",
        "'closure', which holds 'held'",
        "'missing', which is not defined",
        "give it as an input",
    ):
        assert words in error.value.message


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x, "that def makes"),
        (len, "Write a function with def"),
        (functools.partial(max, 1), "Write a function with def"),
        (Path.exists, "that def makes"),
    ],
)
def test_what_is_no_plain_function_is_refused(function, words):
    with pytest.raises(InvalidCode, match=words):
        gather(function)


def test_a_function_whose_source_nobody_kept_says_so():
    names: dict[str, Any] = {"__name__": "nowhere"}
    exec("def predict(x):\n    return x\n", names)  # noqa: S102 - see above
    with pytest.raises(InvalidCode, match="Write it in a file"):
        gather(names["predict"])


def test_a_large_constant_is_refused(cell):
    names = cell("data = [1.5] * 100_000\ndef predict():\n    return data[0]\n")
    with pytest.raises(InvalidCode, match="'data', which is a list that is no literal of at most"):
        gather(names["predict"])


def test_the_program_of_python_c_is_read_from_the_command_line():
    program = (
        "from headrace.client.deploying.gathering import gather\nimport json\nLIMIT = 4\n"
        "def predict(x):\n    return json.dumps(x + LIMIT)\n"
        "print(gather(predict))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert module_of(done.stdout)["predict"](3) == "7"
