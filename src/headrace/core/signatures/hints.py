"""Type hints as they are written, read without being evaluated."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from headrace.core.signatures.classes import class_hint, typed_dict_call
from headrace.core.signatures.hint import Hint, joined, one_of, type_of_values
from headrace.core.signatures.known_types import (
    CONVERTED,
    DICTS,
    FILES,
    LISTS,
    PLAIN,
    RETURNED,
    TUPLES,
    YIELDS,
    instead_of,
    short_name,
)
from headrace.core.signatures.literals import literal
from headrace.core.signatures.modules import External, Local, Module, Modules
from headrace.core.signatures.source import Misread
from headrace.core.values import DataType

_PASSED_THROUGH = {"Final", "ClassVar", "ReadOnly", "Awaitable", "Required"}


class HintReader:
    """Reads the hints of a function.

    Args:
        modules: The folder.
        is_returned: Whether the hints are those of results, of which there are more.
    """

    def __init__(self, modules: Modules, *, is_returned: bool = False) -> None:
        self._modules = modules
        self._is_returned = is_returned
        self._open: list[ast.AST] = []
        self._generics: dict[str, Callable[[Module, str, list[ast.expr]], Hint]] = {
            "Optional": self._optional,
            "Union": lambda module, _, items: self._union(module, items),
            "Literal": lambda _, __, items: self._literal(items),
            "Annotated": self._annotated,
            "NotRequired": self._not_required,
        }

    def read(self, module: Module, node: ast.expr) -> Hint:
        """Return what a hint means.

        Raises:
            Misread: No input or output can have this type.
        """
        if isinstance(node, ast.Constant):
            return self._constant(module, node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._union(module, [node.left, node.right])
        if isinstance(node, ast.Subscript):
            items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return self._subscript(module, node.value, items)
        if isinstance(node, ast.Call):
            return self._call(module, node)
        found = self._modules.look_up(module, node)
        if isinstance(found, Local):
            with self._opened(found.node) as is_new:
                # A type that holds itself: what is in it is not looked at again.
                return self._local(found) if is_new else Hint(DataType.JSON, is_converted=True)
        return self._named(short_name(found.name), [])

    @property
    def _for_each_file(self) -> str:
        """What to write instead of files inside of something."""
        what = "field of what is returned" if self._is_returned else "parameter"
        return f"write one {what} of type Path for each file, or one for an archive of them"

    @contextmanager
    def _opened(self, node: ast.AST) -> Iterator[bool]:
        is_new = node not in self._open
        self._open.append(node)
        try:
            yield is_new
        finally:
            self._open.pop()

    def _local(self, found: Local) -> Hint:
        if isinstance(found.node, ast.ClassDef):
            hint = class_hint(self._modules, found.module, found.node, self.read)
            held = [field for field in hint.fields or () if field.hint.data_type is DataType.FILE]
            # What is returned may have files as outputs of their own, but not deeper.
            depth = sum(isinstance(node, ast.ClassDef) for node in self._open)
            if held and (not self._is_returned or depth > 1):
                raise Misread(
                    f"its field '{held[0].name}' is a file, and files cannot be inside of an "
                    f"object; {self._for_each_file}"
                )
            return hint
        if isinstance(found.node, ast.expr):
            return self.read(found.module, found.node)
        raise Misread("it is no type")

    def _constant(self, module: Module, node: ast.Constant) -> Hint:
        if node.value is None:
            return Hint(None, is_optional=True)
        if isinstance(node.value, str):
            try:
                return self.read(module, ast.parse(node.value.strip(), mode="eval").body)
            except SyntaxError:
                raise Misread(f"{node.value!r} is no type") from None
        raise Misread(f"{ast.unparse(node)} is no type")

    def _call(self, module: Module, node: ast.Call) -> Hint:
        found = self._modules.look_up(module, node.func)
        name = short_name(found.name) if isinstance(found, External) else ""
        if name == "NewType" and len(node.args) == 2:
            return self.read(module, node.args[1])
        if name == "TypedDict":
            return typed_dict_call(module, node, self.read)
        raise Misread(f"{ast.unparse(node)} is no type")

    def _subscript(self, module: Module, origin: ast.expr, items: list[ast.expr]) -> Hint:
        found = self._modules.look_up(module, origin)
        if isinstance(found, Local):
            raise Misread(
                f"{ast.unparse(origin)} takes types; write a class for what is meant here"
            )
        name = short_name(found.name)
        if name in self._generics:
            return self._generics[name](module, name, items)
        if name in _PASSED_THROUGH and items:
            return self.read(module, items[0])
        if name in YIELDS and self._is_returned:
            return Hint(DataType.ARRAY, is_converted=True, yields=True)
        holds = items if name in LISTS | TUPLES | DICTS else []
        return self._named(name, [self.read(module, item) for item in holds if not _is_dots(item)])

    def _named(self, name: str, inner: Sequence[Hint]) -> Hint:
        if any(item.data_type is DataType.FILE for item in inner):
            raise Misread(f"files cannot be inside of a list or dict; {self._for_each_file}")
        is_checked = any(item.is_converted or item.data_type is not DataType.JSON for item in inner)
        if name in PLAIN:
            return Hint(PLAIN[name])
        if name in LISTS:
            return Hint(DataType.ARRAY, is_converted=is_checked)
        if name in TUPLES:
            return Hint(DataType.ARRAY, is_converted=True)
        if name in DICTS:
            self._check_keys(inner)
            is_checked = any(_is_checked(item) for item in inner[1:])
            holds = inner[1].data_type if len(inner) == 2 else None
            return Hint(DataType.JSON, is_converted=is_checked, holds=holds)
        if name in FILES:
            return Hint(DataType.FILE, is_converted=True)
        if name in CONVERTED:
            return Hint(CONVERTED[name], is_converted=True, is_whole=name == "int")
        return self._rare(name)

    def _rare(self, name: str) -> Hint:
        if self._is_returned and name in RETURNED:
            return Hint(RETURNED[name])
        if self._is_returned and name in YIELDS:
            return Hint(DataType.ARRAY, is_converted=True, yields=True)
        if self._is_returned and name in {"NoReturn", "Never"}:
            return Hint(None, is_optional=True)
        noun = "output" if self._is_returned else "input"
        raise Misread(f"no {noun} can be of type {name}; {instead_of(name)}")

    def _check_keys(self, inner: Sequence[Hint]) -> None:
        if inner and not self._is_returned and inner[0].data_type is not DataType.STRING:
            raise Misread("the keys of JSON objects are strings; write dict[str, …]")

    def _optional(self, module: Module, _: str, items: list[ast.expr]) -> Hint:
        return replace(self.read(module, items[0]), is_optional=True)

    def _not_required(self, module: Module, _: str, items: list[ast.expr]) -> Hint:
        return replace(self.read(module, items[0]), may_be_absent=True)

    def _union(self, module: Module, items: Sequence[ast.expr]) -> Hint:
        found = [self.read(module, item) for item in items]
        is_optional = any(hint.is_optional for hint in found)
        values = [hint for hint in found if hint.data_type is not None]
        if len(values) <= 1:
            return replace(values[0] if values else found[0], is_optional=is_optional)
        kinds = {hint.data_type for hint in values}
        if DataType.FILE in kinds and len(kinds) > 1:
            raise Misread("it is a file or something else; write Path alone, or two parameters")
        is_mixed = len(kinds) > 1
        return Hint(
            DataType.JSON if is_mixed else values[0].data_type,
            is_optional=is_optional,
            is_converted=is_mixed or any(hint.is_converted for hint in values),
            description=joined(*(hint.description for hint in values)),
        )

    def _literal(self, items: Sequence[ast.expr]) -> Hint:
        try:
            given = [literal(item) for item in items]
        except ValueError:
            raise Misread("a Literal holds values that are written out, such as 'a' or 1") from None
        values = [value for value in given if value is not None]
        return Hint(
            type_of_values(values),
            is_optional=len(values) < len(given),
            is_converted=True,
            description=one_of(values),
            values=tuple(values),
        )

    def _annotated(self, module: Module, _: str, items: list[ast.expr]) -> Hint:
        hint = self.read(module, items[0])
        texts = [text for item in items[1:] if (text := _description_in(item))]
        is_checked = any(isinstance(item, ast.Call) and not _is_doc(item) for item in items[1:])
        return replace(
            hint,
            description=joined(*texts, hint.description),
            is_converted=hint.is_converted or is_checked,
        )


def _is_checked(hint: Hint) -> bool:
    return hint.is_converted or hint.data_type is not DataType.JSON


def _is_dots(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _is_doc(node: ast.Call) -> bool:
    return ast.unparse(node.func).rpartition(".")[2] == "Doc"


def _description_in(node: ast.expr) -> str | None:
    """Return the description that an annotation holds: a text, ``Doc(text)`` or ``Field(…)``."""
    if isinstance(node, ast.Call):
        named = [word.value for word in node.keywords if word.arg == "description"]
        texts = named or (node.args[:1] if _is_doc(node) else [])
        return _description_in(texts[0]) if texts else None
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if is_text else None  # type: ignore[attr-defined]  # asked above
