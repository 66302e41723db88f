"""Classes of the folder as types: TypedDict, dataclass, pydantic's models, Enum."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from headrace.core.signatures.docstrings import read_docstring
from headrace.core.signatures.hint import (
    Field,
    Hint,
    joined,
    one_of,
    type_of_values,
    with_fields,
)
from headrace.core.signatures.known_types import short_name
from headrace.core.signatures.literals import literal
from headrace.core.signatures.modules import External, Module, Modules
from headrace.core.signatures.source import Misread
from headrace.core.values import DataType, Json

Read = Callable[[Module, ast.expr], Hint]

_DATACLASSES = {"dataclasses.dataclass", "pydantic.dataclasses.dataclass"}
_MODELS = {"pydantic.BaseModel", "pydantic.main.BaseModel"}
_ENUMS = {"enum.Enum", "enum.IntEnum", "enum.StrEnum"}
_SILENT = {"Generic", "Protocol", "str", "int", "float", "object", "abc.ABC"}
_NO_FIELDS = {"ClassVar", "KW_ONLY"}


class _Class:
    """A class with the classes of the folder that it comes from."""

    def __init__(
        self, modules: Modules, module: Module, node: ast.ClassDef, depth: int = 0
    ) -> None:
        if depth > 20:
            raise Misread(f"class {node.name} comes from itself")
        self.modules = modules
        self.module = module
        self.node = node
        self.ancestors: list[_Class] = []
        self.bases: set[str] = set()
        for base in node.bases:
            found = modules.look_up(module, base.value if isinstance(base, ast.Subscript) else base)
            if isinstance(found, External):
                self.bases.add(short_name(found.name))
            elif isinstance(found.node, ast.ClassDef):
                self.ancestors.append(_Class(modules, found.module, found.node, depth + 1))

    @property
    def kinds(self) -> set[str]:
        """The names of all classes outside the folder that it comes from."""
        return self.bases.union(*(ancestor.kinds for ancestor in self.ancestors))

    @property
    def is_dataclass(self) -> bool:
        return any(name in _DATACLASSES for name in self._decorators()) or any(
            ancestor.is_dataclass for ancestor in self.ancestors
        )

    def _decorators(self) -> Iterator[str]:
        for decorator in self.node.decorator_list:
            node = decorator.func if isinstance(decorator, ast.Call) else decorator
            found = self.modules.look_up(self.module, node)
            if isinstance(found, External):
                yield found.name


def class_hint(modules: Modules, module: Module, node: ast.ClassDef, read: Read) -> Hint:
    """Return what a class of the folder means as a type; ``read`` reads the hints in it.

    Raises:
        Misread: It is none of those that have a meaning.
    """
    found = _Class(modules, module, node)
    kinds = found.kinds
    if kinds & _ENUMS:
        return _enum(found, kinds)
    if kinds & _MODELS:
        return _structure(_fields(found, read, _model_field))
    if "TypedDict" in kinds:
        return _structure(_fields(found, read, _key), is_dict=True)
    if found.is_dataclass:
        return _structure(_fields(found, read, _dataclass_field))
    unknown = sorted(kinds - _SILENT)
    comes = f", which comes from {', '.join(unknown)}," if unknown else ""
    raise Misread(
        f"the class {node.name}{comes} is not known; write a TypedDict, a dataclass, a pydantic "
        "model or an Enum"
    )


def typed_dict_call(module: Module, node: ast.Call, read: Read) -> Hint:
    """Return what ``TypedDict("Name", {"key": type})`` means.

    Raises:
        Misread: Its keys are not written out.
    """
    keys = node.args[1] if len(node.args) == 2 else None
    if not isinstance(keys, ast.Dict):
        raise Misread("the keys of this TypedDict are not written out; write it as a class")
    is_total = _is_total(node.keywords)
    fields = []
    for key, value in zip(keys.keys, keys.values, strict=True):
        if not isinstance(key, ast.Constant):
            raise Misread("the keys of this TypedDict are not written out; write it as a class")
        hint = read(module, value)
        is_required = is_total and not hint.may_be_absent
        fields.append(Field(str(key.value), hint, value.lineno, is_required, hint.description))
    return _structure(fields, is_dict=True)


def _structure(fields: Sequence[Field], *, is_dict: bool = False) -> Hint:
    return Hint(
        DataType.JSON,
        is_converted=True,
        description=with_fields(fields),
        fields=tuple(fields),
        is_dict=is_dict,
    )


_ReadField = Callable[[_Class, ast.AnnAssign, Hint], "Field | None"]


def _fields(found: _Class, read: Read, read_field: _ReadField) -> list[Field]:
    """Return the fields of a class, those that it inherits first."""
    fields: dict[str, Field] = {}
    for ancestor in reversed(found.ancestors):
        fields.update({field.name: field for field in _fields(ancestor, read, read_field)})
    docs = read_docstring(ast.get_docstring(found.node)).parameters
    body = found.node.body
    for statement, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        name = statement.target.id
        if _names_no_field(statement.annotation):
            continue
        try:
            field = read_field(found, statement, read(found.module, statement.annotation))
        except Misread as misread:
            where = f"{found.module.path}, line {statement.lineno}"
            raise Misread(
                f"its field '{name}' ({where}) is not understood: {misread.what}"
            ) from None
        if field is not None:
            said = field.description or docs.get(name) or _text(following)
            fields[name] = replace(field, description=joined(said, field.hint.description))
    return list(fields.values())


def _names_no_field(annotation: ast.expr) -> bool:
    head = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return ast.unparse(head).rpartition(".")[2] in _NO_FIELDS


def _key(found: _Class, statement: ast.AnnAssign, hint: Hint) -> Field:
    is_required = _says_required(statement.annotation) or (
        _is_total(found.node.keywords) and not hint.may_be_absent
    )
    return Field(ast.unparse(statement.target), hint, statement.lineno, is_required)


def _dataclass_field(_: _Class, statement: ast.AnnAssign, hint: Hint) -> Field | None:
    given = statement.value
    is_required = given is None
    if isinstance(given, ast.Call) and ast.unparse(given.func).rpartition(".")[2] == "field":
        words = {word.arg: word.value for word in given.keywords}
        is_made = ast.unparse(words.get("init", given)) == "False"
        is_required = not (is_made or words.keys() & {"default", "default_factory"})
    return Field(ast.unparse(statement.target), hint, statement.lineno, is_required)


def _model_field(_: _Class, statement: ast.AnnAssign, hint: Hint) -> Field | None:
    name, given = ast.unparse(statement.target), statement.value
    if name.startswith("_") or name == "model_config":
        return None
    is_required, description = given is None, None
    if isinstance(given, ast.Call) and ast.unparse(given.func).rpartition(".")[2] == "Field":
        words = {word.arg: word.value for word in given.keywords}
        default = given.args[0] if given.args else words.get("default")
        is_required = "default_factory" not in words and (
            default is None or (isinstance(default, ast.Constant) and default.value is ...)
        )
        description = _text(words.get("description"))
    return Field(name, hint, statement.lineno, is_required, description)


def _enum(found: _Class, kinds: set[str]) -> Hint:
    members = dict(_members(found, is_text="enum.StrEnum" in kinds))
    values = list(members.values())
    if not values:
        raise Misread(f"the values of {found.node.name} are not written out; write a Literal")
    return Hint(
        type_of_values(values),
        is_converted=True,
        description=one_of(values),
        values=tuple(values),
        members=members,
    )


def _members(found: _Class, *, is_text: bool) -> Iterator[tuple[str, Json]]:
    for statement in found.node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if ast.unparse(statement.value).rpartition(".")[2] == "auto()":
                if not is_text:
                    raise Misread(
                        f"the values of {found.node.name} are numbered by auto(), and numbers say "
                        "nothing to a caller; write texts, or make it a StrEnum"
                    )
                yield name, name.lower()
                continue
            try:
                yield name, literal(statement.value)
            except ValueError:
                raise Misread(
                    f"the value of {found.node.name}.{name} is not written out; write a text"
                ) from None


def _is_total(keywords: Sequence[ast.keyword]) -> bool:
    total = next((word.value for word in keywords if word.arg == "total"), None)
    return not (isinstance(total, ast.Constant) and total.value is False)


def _says_required(annotation: ast.expr) -> bool:
    return ast.unparse(annotation).partition("[")[0].rpartition(".")[2] == "Required"


def _text(node: ast.AST | None) -> str | None:
    """Return the text that an expression or a statement is."""
    value = node.value if isinstance(node, ast.Expr) else node
    is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return " ".join(str(value.value).split()) if is_text else None  # type: ignore[union-attr]
