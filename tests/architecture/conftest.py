"""The source of the product, parsed once."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Module:
    """A module of the product.

    Attributes:
        name: Its dotted name; that of a package for its ``__init__``.
        lines: How many lines it has.
        tree: What it says.
    """

    name: str
    lines: int
    tree: ast.Module


def read_module(path: Path) -> Module:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    text = path.read_text()
    name = ".".join(part for part in parts if part != "__init__")
    return Module(name, text.count("\n"), ast.parse(text))


@pytest.fixture(scope="session")
def modules() -> Mapping[str, Module]:
    """Every module of the product by its dotted name."""
    found = map(read_module, sorted(SOURCE.rglob("*.py")))
    return {module.name: module for module in found}
