"""Modules do not import each other in rings, late imports and those for types counted."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from tests.architecture.conftest import Module


def imported(module: Module, known: Mapping[str, Module]) -> Iterator[str]:
    """The modules of the product that a module imports anywhere in its text."""
    for node in ast.walk(module.tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [each if each in known else node.module for each in submodules]
        yield from (name for name in names if name in known and name != module.name)


def test_no_modules_import_each_other_in_a_ring(modules: Mapping[str, Module]) -> None:
    graph = {name: set(imported(module, modules)) for name, module in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        ring = " -> ".join(reversed(error.args[1]))
        message = f"a ring of imports: {ring}"
        raise AssertionError(message) from None


def test_relative_imports_are_not_used(modules: Mapping[str, Module]) -> None:
    """They would be missed above."""
    relative = {
        name
        for name, module in modules.items()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    }
    assert relative == set()
