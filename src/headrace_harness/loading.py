"""The user's module: importing it from the pipeline's folder, and finding a function in it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

from headrace_harness import calling, native, shadows, tracebacks
from headrace_harness.failing import EXITED, USER_ERROR, Failed
from headrace_harness.stdlib import contextvars, inspect, os, types

execution_id: contextvars.ContextVar[str] = contextvars.ContextVar("current_execution_id")
_CONTEXT_MODULE = "__craft_internal_execution_context"


def prepare_interpreter(folder: str, function_path: str) -> None:
    """Make this process look to user code like ``python <function_path>`` run in its folder.

    Modules are looked for in the pipeline's folder first, next in that of the function's file or,
    if that is a package, in the one that its outermost package lies in. Last come the file's own
    folder, and ``src`` in the pipeline's folder, where projects keep their packages.
    """
    beside = os.path.dirname(os.path.join(folder, function_path))
    first = list(dict.fromkeys([folder, _outside_of_packages(folder, beside)]))
    own = os.path.splitext(os.path.basename(function_path))[0]
    shadows.step_aside(first, keep={own})
    sys.path[:0] = first
    sources = os.path.join(folder, "src")
    for last in (beside, sources):
        if last not in sys.path and (last == beside or _has_packages(sources)):
            sys.path.append(last)
    tracebacks.name_files_from(folder)
    native.show_at_once()
    sys.argv = [os.path.join(folder, function_path)]
    # An empty main module: processes that user code spawns have nothing of ours to import again.
    sys.modules["__main__"] = types.ModuleType("__main__")
    context = types.ModuleType(_CONTEXT_MODULE)
    context.current_execution_id = execution_id  # type: ignore[attr-defined]  # made here
    sys.modules[_CONTEXT_MODULE] = context


def _outside_of_packages(folder: str, beside: str) -> str:
    """Return the nearest folder, from that of a file upwards, that is no package."""
    while beside != folder and os.path.isfile(os.path.join(beside, "__init__.py")):
        beside = os.path.dirname(beside)
    return beside


def _has_packages(sources: str) -> bool:
    return os.path.isdir(sources) and not os.path.isfile(os.path.join(sources, "__init__.py"))


def load_module(folder: str, function_path: str) -> types.ModuleType:
    """Import the file of a function.

    Raises:
        Failed: It is missing, or its import raised; the traceback has been printed on stderr.
    """
    path = os.path.join(folder, function_path)
    if not os.path.isfile(path):
        raise Failed(USER_ERROR, f"The pipeline's folder has no file {function_path}.")
    try:
        return _import(path, function_path)
    except SystemExit as stop:
        raise Failed(EXITED, f"Importing {function_path} called sys.exit({stop.code!r}).") from None
    except BaseException as error:  # noqa: BLE001 - user code: anything may be raised
        calling.print_error(tracebacks.full_text(error))
        raise Failed(USER_ERROR, tracebacks.last_line(error)) from None


def preload_for(module: types.ModuleType) -> None:
    """Import what the harness needs to call the functions of a module, once for all forks."""
    if any(inspect.iscoroutinefunction(value) for value in list(vars(module).values())):
        import asyncio  # noqa: F401


def find_function(
    module: types.ModuleType, function_path: str, function_name: str
) -> Callable[..., Any]:
    """Return the function of that name.

    Raises:
        Failed: The module has none; the message lists those that it has.
    """
    found = getattr(module, function_name, None)
    if found is None:
        raise Failed(USER_ERROR, missing_function(module, function_path, function_name))
    if not callable(found):
        kind = type(found).__name__
        raise Failed(
            USER_ERROR, f"{function_path}: '{function_name}' is no function but of type {kind}."
        )
    return found  # type: ignore[no-any-return]  # callable() was asked


def missing_function(module: types.ModuleType, function_path: str, function_name: str) -> str:
    """Say that there is no such function, and which there are."""
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, types.FunctionType) and value.__module__ == module.__name__
    ]
    defines = f"it defines: {', '.join(names)}" if names else "it defines no function"
    return f"{function_path} has no function '{function_name}'; {defines}."


def _import(path: str, function_path: str) -> types.ModuleType:
    """Import by the dotted name if that leads to the file, and by its path if it does not."""
    importlib.invalidate_caches()
    parts = os.path.splitext(function_path)[0].split("/")
    name = ".".join(parts)
    if all(part.isidentifier() for part in parts) and name not in sys.modules:
        found = _find_spec(name)
        if (
            found is not None
            and found.origin
            and os.path.realpath(found.origin) == os.path.realpath(path)
        ):
            return importlib.import_module(name)
    # A name that is taken (``random.py``), or none that an import statement could say.
    name = "headrace_function_" + "_".join(parts)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{function_path} is no Python file: its name must end with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _find_spec(name: str) -> Any:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        # The first part of the name is taken by a module that is no package.
        return None
