"""The outputs of a function: by the type that it returns, or by what it is seen to return."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from headrace.core.parameters import Output
from headrace.core.signatures.docstrings import Docs
from headrace.core.signatures.hint import Hint, joined, type_of_values
from headrace.core.signatures.hints import HintReader
from headrace.core.signatures.literals import literal
from headrace.core.signatures.modules import FUNCTIONS, Module, Modules
from headrace.core.signatures.source import RESULT
from headrace.core.values import DataType

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Results:
    """The outputs of a function.

    Attributes:
        outputs: Name, data type and description of each.
        is_converted: Whether what is returned is not yet a dict of them.
        notes: What was guessed.
    """

    outputs: tuple[tuple[str, DataType, str | None], ...]
    is_converted: bool = False
    notes: tuple[str, ...] = ()

    def checked(self) -> tuple[Output, ...]:
        """Return the outputs.

        Raises:
            InvalidName: The name of one cannot be that of an output.
        """
        return tuple(Output(name, kind, said) for name, kind, said in self.outputs)


def read_results(modules: Modules, module: Module, function: Function, docs: Docs) -> Results:
    """Return the outputs of a function.

    Raises:
        Misread: It returns something that no output can be.
    """
    if function.returns is None:
        return _seen(function, docs, None)
    hint = HintReader(modules, is_returned=True).read(module, function.returns)
    if hint.data_type is None:
        return Results(())
    if hint.fields is not None:
        return _of_fields(hint, docs)
    if hint.data_type is DataType.JSON and not hint.yields:
        return _seen(function, docs, hint)
    return _single(hint.data_type, joined(hint.description, docs.returns))


def _of_fields(hint: Hint, docs: Docs) -> Results:
    outputs = tuple(
        (
            field.name,
            field.hint.data_type or DataType.JSON,
            field.description or docs.returned.get(field.name),
        )
        for field in hint.fields or ()
    )
    is_absent = any(not field.is_required for field in hint.fields or ())
    return Results(outputs, not hint.is_dict or hint.is_optional or is_absent)


def _single(kind: DataType, said: str | None, *notes: str) -> Results:
    return Results(((RESULT, kind, said),), True, notes)


def _seen(function: Function, docs: Docs, hint: Hint | None) -> Results:
    """Return the outputs by the dicts that are written out after ``return``."""
    returned = list(_returned(function))
    name = function.name
    if hint is None and _is_generator(function):
        return _single(DataType.ARRAY, docs.returns)
    if hint is None and not returned:
        return Results(())
    keys = [_keys(value) for value in returned]
    first = keys[0] if keys else None
    if first and all(found is not None and found.keys() == first.keys() for found in keys):
        kinds = {key: _kind([found[key] for found in keys if found]) for key in first}
        if hint is not None and hint.holds is not None:
            kinds = dict.fromkeys(first, hint.holds)
        said = ", ".join(f"{key} ({kind})" for key, kind in kinds.items())
        outputs = tuple((key, kind, docs.returned.get(key)) for key, kind in kinds.items())
        note = (
            f"The outputs are those that the code of {name}() was seen to return: {said}. "
            "A TypedDict as its return type would say so."
        )
        return Results(outputs, False, (note,))
    what = "the type" if hint is None else "the keys of the dict"
    note = (
        f"{what.capitalize()} that {name}() returns cannot be seen in the code, so all of it is "
        f"one output '{RESULT}' of type json. A TypedDict or dataclass as its return type would "
        "make an output of each key."
    )
    return _single(
        DataType.JSON, joined(None if hint is None else hint.description, docs.returns), note
    )


def _returned(function: Function) -> Iterator[ast.expr]:
    """Yield what is returned by the function itself, not by those in it."""
    waiting: list[ast.AST] = list(reversed(function.body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
            yield node.value
        elif not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _is_generator(function: Function) -> bool:
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))
    return False


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _keys(node: ast.expr) -> dict[str, ast.expr] | None:
    """Return the values of a dict that is written out, by key; None if it is no such dict."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "dict" and not node.args:
        if all(word.arg for word in node.keywords):
            return {str(word.arg): word.value for word in node.keywords}
        return None
    if not isinstance(node, ast.Dict):
        return None
    found = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            return None
        found[key.value] = value
    return found


def _kind(values: list[ast.expr]) -> DataType:
    kinds = {kind for value in values if not _is_none(value) for kind in [_kind_of(value)]}
    return kinds.pop() if len(kinds) == 1 else DataType.JSON


def _kind_of(node: ast.expr) -> DataType:
    """Return the type of a value as far as it can be seen."""
    if isinstance(node, ast.JoinedStr):
        return DataType.STRING
    if isinstance(node, ast.List | ast.ListComp):
        return DataType.ARRAY
    if isinstance(node, ast.Compare) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    ):
        return DataType.BOOLEAN
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _MADE_BY.get(node.func.id, DataType.JSON)
    if _is_path_dict(node):
        return DataType.FILE
    try:
        value = literal(node)
    except ValueError:
        return DataType.JSON
    return DataType.ARRAY if isinstance(value, list) else type_of_values([value])


def _is_path_dict(node: ast.expr) -> bool:
    keys = _keys(node)
    return keys is not None and list(keys) == ["path"]


_MADE_BY = {
    "int": DataType.NUMBER,
    "float": DataType.NUMBER,
    "round": DataType.NUMBER,
    "len": DataType.NUMBER,
    "str": DataType.STRING,
    "repr": DataType.STRING,
    "bool": DataType.BOOLEAN,
    "list": DataType.ARRAY,
    "sorted": DataType.ARRAY,
    "Path": DataType.FILE,
}
