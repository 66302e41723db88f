"""What a type hint means for an input or output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headrace.core.values import DataType, Json

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Hint:
    """What a type hint means.

    Attributes:
        data_type: The data type of its values; None for None alone.
        is_optional: Whether None is a value as well.
        is_converted: Whether the JSON value is not yet what the function asks for, or has to be
            checked.
        description: A text for people, or None.
        fields: The fields of a class that has some, else None.
        is_dict: Whether its values with fields are dicts.
        values: The values that there are, if they are written out.
        members: Those of an enumeration, by name.
        is_whole: Whether only whole numbers will do.
        holds: The data type of the values of a dict, if its hint says so.
        may_be_absent: Whether a key of a TypedDict may be left out.
        yields: Whether these are the items of a generator.
    """

    data_type: DataType | None
    is_optional: bool = False
    is_converted: bool = False
    description: str | None = None
    fields: tuple[Field, ...] | None = None
    is_dict: bool = False
    values: tuple[Json, ...] = ()
    members: Mapping[str, Json] = field(default_factory=dict)
    is_whole: bool = False
    holds: DataType | None = None
    may_be_absent: bool = False
    yields: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a TypedDict, a dataclass or a model.

    Attributes:
        name: Its name.
        hint: Its type.
        line: Its line in its file.
        is_required: Whether it has to be given.
        description: A text for people, or None.
    """

    name: str
    hint: Hint
    line: int
    is_required: bool = True
    description: str | None = None

    @property
    def shown(self) -> str:
        """What it is, in few words."""
        kind = "null" if self.hint.data_type is None else self.hint.data_type.value
        return f"{self.name} ({kind}{'' if self.is_required else ', optional'})"


def one_of(values: Sequence[Json]) -> str:
    """Say which values there are."""
    shown = ", ".join(repr(value) for value in values[:_SHOWN])
    return f"One of {shown}{', …' if len(values) > _SHOWN else ''}."


def with_fields(fields: Sequence[Field]) -> str:
    """Say which fields there are."""
    shown = ", ".join(item.shown for item in fields[:_SHOWN])
    more = ", …" if len(fields) > _SHOWN else ""
    return f"An object with {shown}{more}." if fields else "An object."


def joined(*texts: str | None) -> str | None:
    """Return texts as one, each but the last ended as a sentence; None if there are none."""
    said = [text.strip() for text in texts if text and text.strip()]
    ended = [text if text.endswith((".", "!", "?")) else f"{text}." for text in said[:-1]]
    return " ".join([*ended, *said[-1:]]) or None


def type_of_values(values: Sequence[Json]) -> DataType:
    """Return the narrowest data type that holds scalar values."""
    kinds = {type(value) for value in values}
    if kinds <= {str}:
        return DataType.STRING
    if kinds <= {bool}:
        return DataType.BOOLEAN
    return DataType.NUMBER if kinds <= {int, float} else DataType.JSON
