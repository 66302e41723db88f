"""Looks at a function without running anything: ``python -I check.py FOLDER FILE FUNCTION INPUTS``.

``INPUTS`` is a JSON array of input names. Prints a JSON object, ``{"problem": "<text>"}``
or ``{}`` if nothing is wrong. The interpreter should be the one that will run the function.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def find_problem(
    folder: str, function_path: str, function_name: str, inputs: Sequence[str]
) -> str | None:
    """Return the reason why the function cannot be called with these inputs, if one can be seen."""
    try:
        with open(os.path.join(folder, function_path), "rb") as file:
            source = file.read()
    except OSError as error:
        return f"{function_path} cannot be read: {error.strerror}."
    tree = _parse(source, function_path)
    if isinstance(tree, str):
        return tree
    bindings = _bindings(tree)
    if "*" in bindings or "__getattr__" in bindings:
        return None
    found = bindings.get(function_name)
    if found is None:
        functions = [name for name, nodes in bindings.items() if isinstance(nodes[-1], _FUNCTIONS)]
        defines = f"it defines: {', '.join(functions)}" if functions else "it defines no function"
        return f"{function_path} has no function '{function_name}'; {defines}."
    node = found[0]
    if len(found) > 1 or not isinstance(node, _FUNCTIONS) or node.decorator_list:
        return None
    return _compare(node.args, inputs, f"{function_path}, line {node.lineno}: {function_name}()")


def _parse(source: bytes, path: str) -> ast.Module | str:
    if b"\0" in source:
        line = source[: source.index(b"\0")].count(b"\n") + 1
        return f"{path}, line {line}: there is a null byte; this is no Python source."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source, path)
    except SyntaxError as error:
        return _syntax_problem(error, path)
    except UnicodeDecodeError as error:
        return f"{path} is not valid UTF-8 (byte {error.start}: {error.reason})."
    except (RecursionError, MemoryError):
        return f"{path} is nested too deeply for Python to read."
    except ValueError as error:
        return f"{path} cannot be read as Python: {error}."


def _syntax_problem(error: SyntaxError, path: str) -> str:
    if error.lineno is None:
        return f"{path}: {error.msg}."
    problem = f"{path}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    if not error.text:
        return problem
    text = error.text.rstrip("\n")
    shown = text.lstrip()
    caret = max(0, (error.offset or 1) - 1 - (len(text) - len(shown)))
    return f"{problem}\n    {shown}\n    {' ' * min(caret, len(shown))}^"


def _bindings(tree: ast.Module) -> dict[str, list[ast.AST]]:
    """Return the names that the module binds, each with its nodes; ``*`` for a star import."""
    found: dict[str, list[ast.AST]] = {}
    waiting: list[ast.AST] = list(reversed(tree.body))
    while waiting:
        node = waiting.pop()
        for name in _names_bound_by(node):
            found.setdefault(name, []).append(node)
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            # Only ``global`` in it can bind a name of the module.
            for inner in ast.walk(node):
                if isinstance(inner, ast.Global):
                    for name in inner.names:
                        found.setdefault(name, []).append(inner)
        else:
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))
    return found


def _names_bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield alias.asname or alias.name.split(".")[0]
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    elif type(node).__name__ in {"MatchAs", "MatchStar", "MatchMapping"}:
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if name:
            yield name


def _compare(arguments: ast.arguments, inputs: Sequence[str], what: str) -> str | None:
    by_name = [argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)]
    plain = [*arguments.posonlyargs, *arguments.args]
    needed = [a.arg for a in plain[: len(plain) - len(arguments.defaults)]]
    needed += [
        argument.arg
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults)  # noqa: B905 - Python 3.9
        if default is None
    ]
    by_position = [a.arg for a in arguments.posonlyargs if a.arg in needed]
    if by_position:
        return f"{what} takes {_quoted(by_position)} by position alone; inputs are given by name."
    parameters = f"its parameters are {', '.join(by_name)}" if by_name else "it has no parameters"
    unknown = [name for name in inputs if name not in by_name]
    problems = []
    if unknown and arguments.kwarg is None:
        noun = "parameter" if len(unknown) == 1 else "parameters"
        problems.append(f"takes no {noun} {_quoted(unknown)}")
    lacking = [name for name in needed if name not in inputs]
    if lacking:
        problems.append(f"needs {_quoted(lacking)}, which no input gives")
    return f"{what} {', and '.join(problems)}; {parameters}." if problems else None


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


if __name__ == "__main__":
    _problem = find_problem(sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4]))
    sys.stdout.write(json.dumps({} if _problem is None else {"problem": _problem}))
