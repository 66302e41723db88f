"""Some things are said in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from tests.architecture.conftest import SOURCE, Module

import headrace
from headrace.version import __version__


def test_the_version_is_written_once(modules: Mapping[str, Module]) -> None:
    owners = {
        name
        for name, module in modules.items()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and node.value == __version__
    }
    assert owners == {"headrace.version"}
    assert headrace.__version__ == __version__


CLOCKS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}


def test_one_module_asks_what_time_it_is(modules: Mapping[str, Module]) -> None:
    """Then a simulation can replace it. The harness has no module of the server's."""
    asking = {
        name
        for name, module in modules.items()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in CLOCKS
    }
    assert asking == {"headrace.core.clock", "headrace_harness.capture"}


def test_no_module_takes_a_clock_by_its_own_name(modules: Mapping[str, Module]) -> None:
    """It would be missed above."""
    taken = {
        name
        for name, module in modules.items()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
    }
    assert taken == set()


def test_marks_that_silence_a_checker_say_which_rule_they_mean() -> None:
    vague = re.compile(r"#\s*(noqa\b(?!: [A-Z]+[0-9]+)|type: ignore(?!\[))")
    found = [
        f"{path.relative_to(SOURCE)}:{number}"
        for path in sorted(Path(SOURCE).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if vague.search(line)
    ]
    assert found == []
