"""The function that is to be deployed, and the folder around it."""

from __future__ import annotations

import ast
import difflib
import inspect
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from headrace.client.deploying.gathering import gather
from headrace.client.deploying.installed import imported_by, is_installed, local_modules, pinned
from headrace.client.selection import Selection
from headrace.core.errors import InvalidCode, InvalidRequest

FUNCTION_SYNTAX = "PATH/TO/FILE.py:FUNCTION"
PINS = "requirements.txt"
REQUIREMENTS_FILES = frozenset({PINS, "pyproject.toml", "uv.lock", "pylock.toml"})
"""Files by which a folder says what its code needs."""

SHOWN_FILES = 5
"""How many files an error names."""


@dataclass(frozen=True, slots=True)
class Target:
    """A function, and where its code is.

    Attributes:
        function_path: Its file, relative to the folder.
        function_name: Its name.
        folder: The folder that travels; None if only ``further`` does.
        further: Files from elsewhere that travel with it.
        python: The Python that it was written in, such as ``3.12``, where no file says.
    """

    function_path: str
    function_name: str
    folder: Path | None
    further: Selection = field(default_factory=Selection)
    python: str | None = None


def target_of(function: Callable[..., Any] | str, folder: Path | None, drafts: Path) -> Target:
    """Return what is to be deployed.

    Args:
        function: A function, or ``path/to/file.py:function``.
        folder: The folder that travels; None for the one that the function is imported from.
        drafts: A folder for files that are made of code that is in no file.

    Raises:
        InvalidRequest: It names no function.
        InvalidCode: The function cannot be deployed from where it is.
    """
    if isinstance(function, str):
        return _of_text(function, folder or Path())
    if not callable(function):
        raise InvalidRequest(
            f"function must be a function or a text such as {FUNCTION_SYNTAX}, not "
            f"{type(function).__name__}."
        )
    inner = inspect.unwrap(function)
    file = _file_of(inner)
    if file is not None and inner.__module__ != "__main__":
        return _of_file(inner, file, folder)
    # A script that deploys itself cannot be imported there, where nobody has the SDK.
    return _of_session(inner, file, folder, drafts)


def function_from_text(text: str) -> tuple[str, str]:
    """Return path and name of the function that ``path/to/file.py:name`` names.

    Raises:
        InvalidRequest: The text is not of that form.
    """
    path, colon, name = text.rpartition(":")
    if not colon or not path or not name:
        raise InvalidRequest(f"{text!r} names no function: write {FUNCTION_SYNTAX}.")
    return path, name


def _of_text(text: str, folder: Path) -> Target:
    whole = folder / text
    if ":" not in text and whole.is_file():
        names = _functions(whole)
        choice = "one of " if len(names) > 1 else ""
        shown = ", ".join(f"{text}:{name}" for name in names[:20])
        raise InvalidRequest(f"{text!r} names a file: write {choice}{shown or FUNCTION_SYNTAX}.")
    path, name = function_from_text(text)
    with suppress(ValueError):
        path = str((folder / path).resolve().relative_to(folder.resolve()))
    if not (folder / path).is_file():
        _refuse_missing(path, folder)
    names = _functions(folder / path)
    near = difflib.get_close_matches(name, names, 1)
    if names and name not in names and near:
        raise InvalidCode(f"{path} has no function {name!r}. Did you mean {path}:{near[0]}?")
    return Target(path, name, folder)


def _refuse_missing(path: str, folder: Path) -> NoReturn:
    found = (*folder.glob("*.py"), *folder.glob("*/*.py"))
    files = [str(file.relative_to(folder)) for file in found[:SHOWN_FILES]]
    there = f" The Python files there: {', '.join(files)}." if files else " It has no Python file."
    where = "the current folder" if folder == Path() else repr(str(folder))
    raise InvalidCode(f"There is no file {path!r} in {where}.{there}")


def _functions(file: Path) -> list[str]:
    """Return the names of the functions that a file defines; none if it cannot be read."""
    with suppress(OSError, ValueError, SyntaxError):
        kinds = ast.FunctionDef | ast.AsyncFunctionDef
        return [node.name for node in ast.parse(file.read_bytes()).body if isinstance(node, kinds)]
    return []


def _file_of(function: Any) -> Path | None:
    """Return the file that a function's module was read from, if it was read from one."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    code = getattr(function, "__code__", None)
    file = getattr(module, "__file__", None)
    if code is None or file is None or not Path(file).is_file():
        return None
    return (
        Path(file).resolve() if Path(code.co_filename).resolve() == Path(file).resolve() else None
    )


def _of_file(function: Any, file: Path, folder: Path | None) -> Target:
    name = function.__qualname__
    if not name.isidentifier():
        raise InvalidCode(
            f"{name!r} cannot be deployed: only functions that def makes at the top of a file can."
        )
    if is_installed(file):
        raise InvalidCode(
            f"{function.__module__}.{name} is part of an installed package: write a function that "
            "calls it, and deploy that."
        )
    if folder is None:
        folder = file.parents[function.__module__.count(".") + (file.name == "__init__.py")]
    if not file.is_relative_to(folder.resolve()):
        raise InvalidRequest(f"folder {str(folder)!r} does not hold {str(file)!r}.")
    return Target(file.relative_to(folder.resolve()).as_posix(), name, folder)


def _of_session(
    function: Callable[..., Any], script: Path | None, folder: Path | None, drafts: Path
) -> Target:
    """Return a module of its own for a function that no module has, with what it needs.

    Args:
        function: The function.
        script: The script that it is in, whose place the module takes; None if it is in no file.
        folder: The folder that travels; None for that of the script.
        drafts: A folder for what is made here.
    """
    text = gather(function)
    selection, modules = local_modules(imported_by(text))
    name = function.__name__
    path = f"{name}{'_' if f'{name}.py' in selection.files else ''}.py"
    if script is not None and (folder is None or script.is_relative_to(folder.resolve())):
        folder = script.parent if folder is None else folder
        path = script.relative_to(folder.resolve()).as_posix()
    further = {path: drafts / "module.py"}
    further[path].write_text(text, "utf-8")
    is_said = folder is not None and any((folder / one).exists() for one in REQUIREMENTS_FILES)
    pins = [] if is_said else pinned(modules)
    if pins:
        further[PINS] = drafts / PINS
        further[PINS].write_text("".join(f"{one}\n" for one in pins), "utf-8")
    files = {**selection.files, **further}
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    whole = Selection(files, selection.folders, selection.links, {}, 0)
    return Target(path, name, folder, whole, python)
