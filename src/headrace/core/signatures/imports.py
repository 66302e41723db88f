"""What the code of a function imports that neither Python nor its folder has."""

from __future__ import annotations

import ast
import posixpath
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from headrace.core.signatures.source import Source

_CAME_WITH = {"tomllib": 11, "annotationlib": 14, "compression": 14}
_WENT = {
    12: ("asynchat", "asyncore", "distutils", "imp", "smtpd"),
    13: (
        "aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "nis",
        "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib",
    ),
}  # fmt: skip
_WENT_WITH = {name: minor for minor, names in _WENT.items() for name in names}
_STANDARD = sys.stdlib_module_names | _CAME_WITH.keys() | _WENT_WITH.keys()
_PLATFORMS_OWN = {"__craft_internal_execution_context"}
_MOST_FILES = 200


@dataclass(frozen=True, slots=True)
class ForeignImport:
    """An import of a module of some package.

    Attributes:
        name: The first part of its name.
        path: The file that imports it.
        line: The line.
    """

    name: str
    path: str
    line: int


def foreign_imports(source: Source, python: str) -> list[ForeignImport]:
    """Return what a function's file imports from packages, and the files of the folder it imports.

    Each module comes once. Imports that are tried (``except ImportError``) or for type checkers
    alone are none: the code does without. A file that is no Python is left to whoever runs it.

    Args:
        source: The file and its folder.
        python: The version that runs it, such as ``3.11``.
    """
    standard = standard_modules(python)
    # A file is asked for whenever something imports it.
    source = replace(source, read=cache(source.read))
    waiting, seen, roots = [source.path], {source.path}, source.roots
    found: dict[str, ForeignImport] = {}
    while waiting and len(seen) < _MOST_FILES:
        path = waiting.pop()
        for name, line, folder in _imports(path, source.read(path) or ""):
            files = _files_of(source, name, folder, roots)
            waiting += [file for file in files if file not in seen]
            seen.update(files)
            top = name.partition(".")[0]
            if not files and folder is None and top not in standard and top not in found:
                found[top] = ForeignImport(top, path, line)
    return sorted(found.values(), key=lambda one: (one.path, one.line, one.name))


def standard_modules(python: str) -> set[str]:
    """Return the names of the modules that a version of Python, such as ``3.11``, brings."""
    minor = int(python.split(".")[1])
    late = {name for name, since in _CAME_WITH.items() if minor < since}
    gone = {name for name, since in _WENT_WITH.items() if minor >= since}
    return {*_STANDARD, *_PLATFORMS_OWN} - late - gone


def _imports(path: str, text: str) -> Iterator[tuple[str, int, str | None]]:
    """Yield the modules that a file imports, with the line, and the folder of relative ones."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in _needed(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, None
        elif isinstance(node, ast.ImportFrom):
            folder = None
            if node.level:
                folder = "/".join(path.split("/")[: -node.level])
            for alias in node.names:
                yield ".".join(filter(None, [node.module, alias.name])), node.lineno, folder


def _needed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below one, but for those that the code does without."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Try) and any(map(_is_for_imports, child.handlers)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _needed(child)


def _is_for_imports(handler: ast.ExceptHandler) -> bool:
    caught = "Exception" if handler.type is None else ast.unparse(handler.type)
    return any(name in caught for name in ("ImportError", "ModuleNotFoundError", "Exception"))


def _files_of(source: Source, name: str, folder: str | None, roots: Sequence[str]) -> list[str]:
    """Return the files of the folder that an import of a dotted name may run."""
    bases = roots if folder is None else (folder,)
    parts = name.split(".")
    return [
        path
        for base in bases
        for length in range(1, len(parts) + 1)
        for place in [posixpath.join(base, *parts[:length])]
        for path in (f"{place}.py", f"{place}/__init__.py")
        if source.read(path) is not None
    ]
