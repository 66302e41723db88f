"""Things are constructed in the order in which they need each other, and nothing is set on them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from tests.architecture.conftest import Module

CONSTRUCTING = ("assembly", "places", "engines", "executing", "verbs", "loops", "application")


def set_on_others(tree: ast.AST) -> Iterator[str]:
    """The attributes that are set on anything but ``self``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            owner = ast.unparse(node.value)
            if owner != "self":
                yield f"{owner}.{node.attr}"


def test_the_assembly_sets_nothing_on_what_it_has_made(modules: Mapping[str, Module]) -> None:
    found = {
        f"{name}: {each}"
        for name in CONSTRUCTING
        for each in set_on_others(modules[f"headrace.server.{name}"].tree)
    }
    assert found == set()


def test_a_constructor_sets_nothing_on_what_it_is_given(modules: Mapping[str, Module]) -> None:
    found = {
        f"{module.name}: {each}"
        for module in modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
        for each in set_on_others(node)
    }
    assert found == set()
