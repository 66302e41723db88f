"""Source text of code that is in no file: cells of a notebook, ``python -c``, a session."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import CodeType, FunctionType, ModuleType

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

_TYPING = frozenset({"typing", "types"})
_NOTHING = object()


def source_of_function(function: FunctionType) -> str | None:
    """Return the source of a function with its decorators, or None if nobody kept it."""
    text = _text_of(function.__code__)
    for node in _statements(text):
        if isinstance(node, Definition) and _first_line(node) == function.__code__.co_firstlineno:
            return _segment(text, node)
    return None


def source_of_class(kind: type) -> str | None:
    """Return the source of a class with its decorators, or None if nobody kept it."""
    methods = [item for item in vars(kind).values() if isinstance(item, FunctionType)]
    for text in (*(_text_of(method.__code__) for method in methods), *_session_texts()):
        for node in reversed(_statements(text)):
            if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
                return _segment(text, node)
    return None


def import_of(name: str, value: object) -> str | None:
    """Return the ``from`` statement by which the session imported a value under a name."""
    for text in _session_texts():
        for node in _statements(text):
            if not isinstance(node, ast.ImportFrom) or node.level or node.module is None:
                continue
            for alias in node.names:
                if (alias.asname or alias.name) == name and is_in(node.module, alias.name, value):
                    return from_import(node.module, alias.name, name)
    return None


def imports_of_module(name: str, module: ModuleType) -> set[str]:
    """Return the statements that import a module under a name, its submodules with it."""
    if name != module.__name__:
        return {f"import {module.__name__} as {name}"}
    imported = {
        alias.name
        for text in _session_texts()
        for node in _statements(text)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.asname is None and alias.name.partition(".")[0] == name
    }
    return {f"import {one}" for one in imported or {name}}


def alias_of(name: str, value: object) -> str | None:
    """Return the assignment by which the session named a type, such as ``Literal["a", "b"]``."""
    if type(value).__module__ not in _TYPING:
        return None
    for text in _session_texts():
        for node in reversed(_statements(text)):
            targets = node.targets if isinstance(node, ast.Assign) else ()
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return ast.get_source_segment(text, node)
    return None


def from_import(module: str, inner: str, name: str) -> str:
    """Return the statement that imports something of a module under a name."""
    return f"from {module} import {inner}" + ("" if inner == name else f" as {name}")


def is_in(module: str, inner: str, value: object) -> bool:
    """Tell whether a module that is loaded has a value under a name."""
    return getattr(sys.modules.get(module), inner, _NOTHING) is value


def _text_of(code: CodeType) -> str:
    with suppress(OSError, TypeError):
        return "".join(inspect.findsource(code)[0])
    return _program_text() if code.co_filename == "<string>" else ""


def _session_texts() -> Iterator[str]:
    """Yield what was typed or run as a cell so far, the newest first."""
    for entry in reversed(list(linecache.cache.values())):
        # Lines of files are kept with the time of their file; those of cells have none.
        if len(entry) == 4 and entry[1] is None:
            yield "".join(entry[2])
    yield _program_text()


def _program_text() -> str:
    """Return the text of the script or of the ``-c`` that Python was started with, or nothing."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script is not None:
        return "".join(linecache.getlines(script))
    for option, text in zip(sys.orig_argv[1:], sys.orig_argv[2:], strict=False):
        if not option.startswith("-") or option.startswith("--"):
            break
        if option.endswith("c"):
            return text
    return ""


def _statements(text: str) -> list[ast.stmt]:
    with suppress(SyntaxError, ValueError):
        return ast.parse(text).body
    return []


def _first_line(node: Definition) -> int:
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _segment(text: str, node: Definition) -> str:
    return "\n".join(text.splitlines()[_first_line(node) - 1 : node.end_lineno])
