"""The modules of a folder, and what the names in them stand for."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import datetime as dt
import enum
import pathlib
import posixpath
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from headrace.core.errors import InvalidCode
from headrace.core.signatures.source import Misread, Source

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

_MOST_STEPS = 50
_OPEN = {known.__name__: known for known in (typing, dataclasses, dt, enum, pathlib)}
"""Modules of which all names may be imported at once, and then are known."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A name that an import statement binds.

    Attributes:
        parts: What it stands for: ``pathlib``, ``Path``.
        folders: Where modules of that name may be, relative to the folder.
        is_for_checkers: Whether only type checkers import it (``if TYPE_CHECKING``).
    """

    parts: tuple[str, ...]
    folders: tuple[str, ...]
    is_for_checkers: bool = False


Binding = Imported | ast.stmt | ast.expr


@dataclass(slots=True)
class Module:
    """A file of the folder.

    Attributes:
        path: Its path in the folder.
        tree: Its code.
        names: What its names stand for: imports, classes, functions and the values of aliases.
        stars: The modules of which it imports all names.
    """

    path: str
    tree: ast.Module
    names: dict[str, Binding] = field(default_factory=dict)
    stars: list[Imported] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Local:
    """Something that the folder defines.

    Attributes:
        module: The module that it is in.
        node: Its definition, or the value of an alias.
    """

    module: Module
    node: ast.stmt | ast.expr


@dataclass(frozen=True, slots=True)
class External:
    """Something of Python or of a package.

    Attributes:
        name: Its dotted name, such as ``pathlib.Path``; what is built in has no module.
    """

    name: str


class Modules:
    """The modules of a folder, each read when something in it is asked for."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._roots = source.roots
        self._found: dict[str, Module | None] = {}

    @property
    def first(self) -> Module:
        """The module of the function.

        Raises:
            InvalidCode: There is no such file, or it is no Python.
        """
        path = self._source.path
        module = self._at(path)
        if module is None:
            raise InvalidCode(f"There is no file {path} in the folder.")
        return module

    def look_up(self, module: Module, node: ast.expr) -> Local | External:
        """Return what a name, plain or dotted, stands for in a module.

        Raises:
            Misread: It stands for nothing that can be found.
        """
        parts = _dotted(node)
        if parts is None:
            raise Misread(f"{ast.unparse(node)} is no type")
        return self._in_module(module, parts, _MOST_STEPS)

    def _in_module(self, module: Module, parts: Sequence[str], steps: int) -> Local | External:
        first, rest = parts[0], parts[1:]
        binding = module.names.get(first)
        if steps == 0:
            raise Misread(f"{'.'.join(parts)} leads in a circle")
        if isinstance(binding, Imported):
            if binding.is_for_checkers:
                raise Misread(
                    f"{first} is imported for type checkers alone (if TYPE_CHECKING), so it does "
                    "not exist when the function is called; import it outside of that block"
                )
            return self._imported(binding, rest, steps)
        if binding is not None:
            return _inside(Local(module, binding), rest)
        for star in module.stars:
            found = self._module_of(star.parts, star.folders)
            if found is not None and first in found.names:
                return self._in_module(found, parts, steps - 1)
            if found is None and hasattr(_OPEN.get(".".join(star.parts)), first):
                return External(".".join([*star.parts, *parts]))
        if hasattr(builtins, first):
            return External(".".join(parts))
        raise Misread(f"{first} is not defined in {module.path}")

    def _imported(self, binding: Imported, rest: Sequence[str], steps: int) -> Local | External:
        parts = (*binding.parts, *rest)
        for length in range(len(parts), 0, -1):
            found = self._module_of(parts[:length], binding.folders)
            if found is not None and length < len(parts):
                return self._in_module(found, parts[length:], steps - 1)
        return External(".".join(parts))

    def _module_of(self, parts: Sequence[str], folders: Sequence[str]) -> Module | None:
        for folder in folders:
            place = posixpath.join(folder, *parts)
            for path in (f"{place}.py", f"{place}/__init__.py"):
                found = self._at(path)
                if found is not None:
                    return found
        return None

    def _at(self, path: str) -> Module | None:
        if path not in self._found:
            text = self._source.read(path)
            self._found[path] = None if text is None else _read(path, text, self._roots)
        return self._found[path]


def _read(path: str, text: str, folders: tuple[str, ...]) -> Module:
    try:
        tree = ast.parse(text, path)
    except SyntaxError as error:
        where = f"{path}, line {error.lineno}" if error.lineno else path
        raise InvalidCode(f"{where}: {error.msg}.") from None
    except (ValueError, RecursionError, MemoryError):
        raise InvalidCode(f"{path} cannot be read as Python.") from None
    module = Module(path, tree)
    for statement, is_for_checkers in _statements(tree.body):
        if isinstance(statement, ast.ImportFrom):
            _bind_from(module, statement, folders, is_for_checkers=is_for_checkers)
        else:
            module.names.update(_bound(statement, folders, is_for_checkers=is_for_checkers))
    return module


def _statements(
    body: Sequence[ast.stmt], *, is_for_checkers: bool = False
) -> Iterator[tuple[ast.stmt, bool]]:
    """Yield the statements of a module, those in blocks too, and whether only checkers see them."""
    for statement in body:
        if isinstance(statement, ast.If):
            asks = "TYPE_CHECKING" in ast.unparse(statement.test)
            yield from _statements(statement.body, is_for_checkers=is_for_checkers or asks)
            yield from _statements(statement.orelse, is_for_checkers=is_for_checkers)
        elif isinstance(statement, ast.Try):
            handled = [inner for handler in statement.handlers for inner in handler.body]
            # What is tried first is what is meant.
            blocks = [*handled, *statement.body, *statement.orelse, *statement.finalbody]
            yield from _statements(blocks, is_for_checkers=is_for_checkers)
        elif isinstance(statement, ast.With):
            yield from _statements(statement.body, is_for_checkers=is_for_checkers)
        else:
            yield statement, is_for_checkers


def _bound(
    statement: ast.stmt, folders: tuple[str, ...], *, is_for_checkers: bool
) -> Iterator[tuple[str, Binding]]:
    if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        yield statement.name, statement
    elif isinstance(statement, ast.Import):
        for alias in statement.names:
            parts = tuple(alias.name.split("."))
            meant = parts if alias.asname else parts[:1]
            yield alias.asname or parts[0], Imported(meant, folders, is_for_checkers)
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        if statement.value is not None:
            yield statement.target.id, statement.value
    elif type(statement).__name__ == "TypeAlias":  # of Python 3.12
        yield ast.unparse(vars(statement)["name"]), vars(statement)["value"]


def _bind_from(
    module: Module, statement: ast.ImportFrom, folders: tuple[str, ...], *, is_for_checkers: bool
) -> None:
    parts = tuple(statement.module.split(".")) if statement.module else ()
    if statement.level:
        above = module.path.split("/")[: -statement.level]
        parts, folders = (*above, *parts), ("",)
    for alias in statement.names:
        if alias.name == "*":
            module.stars.append(Imported(parts, folders))
            continue
        bound = Imported((*parts, alias.name), folders, is_for_checkers)
        module.names[alias.asname or alias.name] = bound


def _inside(found: Local, rest: Sequence[str]) -> Local:
    """Return what a class has under a dotted name."""
    for name in rest:
        body = found.node.body if isinstance(found.node, ast.ClassDef) else []
        inner = next((n for n in body if isinstance(n, ast.ClassDef) and n.name == name), None)
        if inner is None:
            raise Misread(f"{name} is no class in {found.module.path}")
        found = Local(found.module, inner)
    return found


def _dotted(node: ast.expr) -> list[str] | None:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return None if inner is None else [*inner, node.attr]
    return None
