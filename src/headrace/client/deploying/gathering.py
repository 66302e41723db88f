"""The source of a function that is in no file, with all that it names, as a module."""

from __future__ import annotations
import __future__

import ast
import builtins
import inspect
import symtable
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any, NoReturn

from headrace.client.deploying import cells
from headrace.core.errors import InvalidCode

MAX_CONSTANT_CHARACTERS = 100_000
"""The longest literal that goes into a module; more belongs into a file."""

REMEDY = (
    "Functions, classes, imports and constants that are literals travel. Make anything else inside "
    "the function, give it as an input, or read it from a file."
)
_LAZY_ANNOTATIONS = __future__.annotations.compiler_flag
_MISSING = object()


def gather(function: Callable[..., Any]) -> str:
    """Return the text of a module with a function, and all functions, classes and more it names.

    Raises:
        InvalidCode: Something of it cannot travel; the message names all that cannot.
    """
    inner = inspect.unwrap(function)
    name = getattr(inner, "__name__", "the function")
    if not isinstance(inner, FunctionType):
        _refuse(name, f"it is {_kind(inner)}. Write a function with def that calls it")
    if name != inner.__qualname__ or not name.isidentifier():
        _refuse(name, "only functions that def makes at the top of a cell or file can be deployed")
    gathering = _Gathering(inner.__globals__)
    gathering.add(name, inner)
    if gathering.problems:
        _refuse(name, f"it uses {'; '.join(gathering.problems)}. {REMEDY}")
    return gathering.text(is_lazy=bool(inner.__code__.co_flags & _LAZY_ANNOTATIONS))


class _Gathering:
    """A module while it grows: what is needed by a piece stands before it."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.problems: list[str] = []
        self._namespace = namespace
        self._seen: set[str] = set()
        self._imports: set[str] = set()
        self._constants: list[str] = []
        self._definitions: list[str] = []

    def add(self, name: str, value: object) -> None:
        """Add what a name stands for, and all that this names in turn."""
        self._seen.add(name)
        if isinstance(value, ModuleType):
            self._imports.update(cells.imports_of_module(name, value))
        elif isinstance(value, FunctionType | type) and self._is_of_session(value):
            self._add_definition(name, value)
        elif statement := cells.import_of(name, value) or _origin_of(name, value):
            self._imports.add(statement)
        elif (text := _literal(value)) is not None:
            self._constants.append(f"{name} = {text}")
        elif (text := cells.alias_of(name, value)) is not None:
            self._add_names_of(text)
            self._definitions.append(text)
        else:
            self.problems.append(f"{name!r}, which is {_kind(value)}")

    def text(self, *, is_lazy: bool) -> str:
        """Return the module's text."""
        future = ["from __future__ import annotations"] if is_lazy else []
        heads = ["\n".join(part) for part in (future, sorted(self._imports), self._constants)]
        return "\n\n".join([part for part in heads if part] + [f"\n{d}" for d in self._definitions])

    def _is_of_session(self, value: FunctionType | type) -> bool:
        return value.__module__ == self._namespace.get("__name__")

    def _add_definition(self, name: str, value: FunctionType | type) -> None:
        text = (
            cells.source_of_class(value)
            if isinstance(value, type)
            else self._source_of_function(name, value)
        )
        if text is None:
            self.problems.append(
                f"{name!r}, whose source this Python has not kept. Write it in a file"
            )
            return
        self._add_names_of(text)
        self._definitions.append(
            text if name == value.__name__ else f"{text}\n\n\n{name} = {value.__name__}"
        )

    def _source_of_function(self, name: str, value: Any) -> str | None:
        inner = inspect.unwrap(value)
        if not isinstance(inner, FunctionType):
            return None
        if inner.__code__.co_freevars:
            held = ", ".join(map(repr, inner.__code__.co_freevars))
            self.problems.append(f"{name!r}, which holds {held} of the function that made it")
        return cells.source_of_function(inner)

    def _add_names_of(self, text: str) -> None:
        for name in sorted(_global_names(symtable.symtable(text, "cell", "exec"))):
            if name in self._seen:
                continue
            value = self._namespace.get(name, _MISSING)
            if value is not _MISSING:
                self.add(name, value)
            elif not hasattr(builtins, name):
                self._seen.add(name)
                self.problems.append(f"{name!r}, which is not defined")


def _global_names(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield the names that a module reads and that none of its functions binds for itself."""
    is_top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (is_top or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _global_names(inner)


def _origin_of(name: str, value: object) -> str | None:
    """Return the statement that imports a function or class from where it was defined."""
    module, inner = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not isinstance(module, str) or not isinstance(inner, str):
        return None
    return cells.from_import(module, inner, name) if cells.is_in(module, inner, value) else None


def _literal(value: object) -> str | None:
    """Return a value as Python writes it, or None if it is more than a literal."""
    text = repr(value)
    try:
        is_same = len(text) <= MAX_CONSTANT_CHARACTERS and ast.literal_eval(text) == value
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return text if is_same else None


def _kind(value: object) -> str:
    if isinstance(value, str | bytes | list | tuple | dict | set):
        return f"a {type(value).__name__} that is no literal of at most 100,000 characters"
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"an object of type {module}{kind.__qualname__}"


def _refuse(name: str, why: str) -> NoReturn:
    raise InvalidCode(f"{name!r} cannot be deployed from here: {why.rstrip('.')}.")
