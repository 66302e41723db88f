"""From JSON values to what type hints ask for; nothing is imported that user code has not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from collections.abc import Iterable as AnyIterable
from typing import Annotated, Any, Literal, Optional, Union, get_args, get_origin, get_type_hints

from headrace_harness.fitting import (
    SCALARS,
    Convert,
    Unfit,
    at,
    binary_file,
    enum_member,
    items_of,
    literal,
    of_kind,
    path_of,
    text_file,
)
from headrace_harness.stdlib import dataclasses, enum, os, types
from headrace_harness.tracebacks import last_line

_WRAPPERS = {"Required", "NotRequired", "ReadOnly", "Final", "ClassVar"}
_UNIONS = (Union, getattr(types, "UnionType", Union))
_SHOWN_ERRORS = 5


def structure_of(hint: Any) -> tuple[Any, tuple[str, ...]]:
    """Return the class with fields that a hint names, and which keys of it may be left out.

    It is None if the hint names none.
    """
    hint = _bare(hint)
    if get_origin(hint) in _UNIONS:
        others = [item for item in get_args(hint) if item is not type(None)]
        return structure_of(others[0]) if len(others) == 1 else (None, ())
    if _is_typed_dict(hint):
        keys, required = _keys_of(hint)
        return hint, tuple(key for key in keys if key not in required)
    has_fields = isinstance(hint, type) and (dataclasses.is_dataclass(hint) or _is_model(hint))
    return (hint, ()) if has_fields else (None, ())


class Converters:
    """Makes the function that converts to a hint, once for each class."""

    def __init__(self) -> None:
        self._classes: dict[Any, Convert] = {}

    def of(self, hint: Any) -> Optional[Convert]:
        """Return what converts to a hint; None if any value is taken as it is."""
        checked = _checked_by_pydantic(hint)
        if checked is not None:
            return checked
        hint = _bare(hint)
        origin = get_origin(hint) or hint
        if origin in _UNIONS:
            return self._union(get_args(hint))
        if origin is Literal:
            return literal(get_args(hint))
        if not isinstance(origin, type):
            return None
        if origin in SCALARS:
            return SCALARS[origin]
        if issubclass(origin, enum.Enum):
            return enum_member(origin)
        return _file(origin, hint) or self._holder(origin, hint)

    def _holder(self, origin: Any, hint: Any) -> Optional[Convert]:
        """Return what converts to a type whose values hold others."""
        if _is_model(origin) or _is_typed_dict(origin) or dataclasses.is_dataclass(origin):
            return self._class(origin)
        arguments = get_args(hint)
        if issubclass(origin, tuple):
            return self._tuple(arguments)
        if issubclass(origin, Mapping):
            return self._dict(arguments)
        if origin is not str and issubclass(origin, AnyIterable):
            return self._list(arguments)
        return None

    def _class(self, origin: Any) -> Convert:
        if origin in self._classes:
            # It may hold itself, and then is not yet made.
            return lambda value: self._classes[origin](value)  # noqa: PLW0108 - found later
        self._classes[origin] = _unmade
        if _is_model(origin):
            made = _validated(origin.model_validate)
        elif _is_typed_dict(origin):
            keys, required = _keys_of(origin)
            made = _object({key: self.of(hint) for key, hint in keys.items()}, required, dict)
        else:
            made = self._dataclass(origin)
        self._classes[origin] = made
        return made

    def _dataclass(self, origin: Any) -> Convert:
        hints = get_type_hints(origin, include_extras=True)
        fields = [field for field in dataclasses.fields(origin) if field.init]
        required = {
            field.name
            for field in fields
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        }
        converts = {field.name: self.of(hints[field.name]) for field in fields}
        return _object(converts, required, origin, is_closed=True)

    def _union(self, members: tuple[Any, ...]) -> Optional[Convert]:
        converts = [self.of(member) for member in members if member is not type(None)]
        if None in converts:
            return None
        if len(converts) == 1:
            return converts[0]

        def convert(value: Any) -> Any:
            wrong = []
            for one in converts:
                try:
                    return one(value)  # type: ignore[misc]  # None is none of them
                except Unfit as unfit:
                    wrong.append(str(unfit).strip(": "))
            raise Unfit(" or ".join(dict.fromkeys(wrong)))

        return convert

    def _list(self, arguments: tuple[Any, ...]) -> Convert:
        each = self.of(arguments[0]) if len(arguments) == 1 else None
        return lambda value: items_of(of_kind(list, value), each)

    def _tuple(self, arguments: tuple[Any, ...]) -> Convert:
        if not arguments or (len(arguments) == 2 and arguments[1] is ...):
            convert = self._list(arguments[:1])
            return lambda value: tuple(convert(value))
        converts = [self.of(argument) for argument in arguments]

        def fixed(value: Any) -> tuple[Any, ...]:
            if len(of_kind(list, value)) != len(converts):
                raise Unfit(f"must have {len(converts)} items, but has {len(value)}")
            found = enumerate(zip(value, converts))  # noqa: B905 - Python 3.9 has no strict
            return tuple(at(f"[{index}]", one, item) for index, (item, one) in found)

        return fixed

    def _dict(self, arguments: tuple[Any, ...]) -> Convert:
        each = self.of(arguments[1]) if len(arguments) == 2 else None
        if each is None:
            return lambda value: of_kind(dict, value)
        return lambda value: {
            key: at(f".{key}", each, item) for key, item in of_kind(dict, value).items()
        }


def _file(origin: Any, hint: Any) -> Optional[Convert]:
    """Return what makes of a file what a hint asks for; None if it asks for no file."""
    if issubclass(origin, os.PathLike):
        return path_of(origin)
    if origin.__module__ == "typing" and origin.__name__ in {"IO", "BinaryIO", "TextIO"}:
        is_text = origin.__name__ == "TextIO" or get_args(hint) == (str,)
        return text_file if is_text else binary_file
    return None


def _bare(hint: Any) -> Any:
    """Return a hint without what says nothing of its type."""
    while True:
        origin = get_origin(hint)
        if hasattr(hint, "__supertype__"):  # NewType
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":
            hint = hint.__value__
        elif origin is Annotated or getattr(origin, "_name", None) in _WRAPPERS:
            hint = get_args(hint)[0]
        else:
            return hint


def _object(
    converts: Mapping[str, Optional[Convert]],
    required: AnyIterable[str],
    make: Callable[..., Any],
    *,
    is_closed: bool = False,
) -> Convert:
    """Return what makes something of an object's keys."""
    needed = [key for key in converts if key in set(required)]

    def convert(value: Any) -> Any:
        found = {
            key: at(f".{key}", converts.get(key), item)
            for key, item in of_kind(dict, value).items()
        }
        lacking = [key for key in needed if key not in found]
        if lacking:
            raise Unfit(f"lacks {', '.join(lacking)}")
        unknown = [key for key in found if key not in converts] if is_closed else []
        if unknown:
            has = ", ".join(converts) or "none"
            raise Unfit(f"has no field {', '.join(unknown)}; its fields are {has}")
        try:
            return make(**found) if is_closed else found
        except (TypeError, ValueError) as error:  # such as of __post_init__
            raise Unfit(f"is refused: {last_line(error)}") from None

    return convert


def _is_typed_dict(hint: Any) -> bool:
    return type(hint).__name__ == "_TypedDictMeta"


def _keys_of(hint: Any) -> tuple[dict[str, Any], set[str]]:
    """Return the keys of a TypedDict with their hints, and those that have to be there."""
    keys = get_type_hints(hint, include_extras=True)
    required = set(hint.__required_keys__)
    for key, inner in keys.items():
        wrapper = getattr(get_origin(inner), "_name", None)
        # Where hints are texts, Python does not see these when it makes the class.
        if wrapper == "Required":
            required.add(key)
        elif wrapper == "NotRequired":
            required.discard(key)
    return keys, required


def _is_model(hint: Any) -> bool:
    """Whether this is a model of pydantic."""
    return hasattr(hint, "model_validate")


def _checked_by_pydantic(hint: Any) -> Optional[Convert]:
    """Return pydantic's check of a hint that holds one, such as ``Field(gt=0)``."""
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    libraries = {type(mark).__module__.partition(".")[0] for mark in marks}
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or not libraries & {"pydantic", "annotated_types"}:
        return None
    return _validated(pydantic.TypeAdapter(hint).validate_python)


def _validated(validate: Convert) -> Convert:
    def convert(value: Any) -> Any:
        try:
            return validate(value)
        except ValueError as error:
            errors = getattr(error, "errors", None)
            if not callable(errors):
                raise
            raise Unfit(f"is refused: {_listed(errors())}") from None

    return convert


def _listed(errors: list[Any]) -> str:
    said = []
    for error in errors[:_SHOWN_ERRORS]:
        place = ".".join(str(part) for part in error["loc"])
        said.append(f"{place}: {error['msg']}" if place else str(error["msg"]))
    more = len(errors) - len(said)
    return "; ".join(said) + (f"; and {more} more" if more else "")


def _unmade(value: Any) -> Any:
    raise AssertionError(value)
