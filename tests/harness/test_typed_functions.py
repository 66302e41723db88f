# ruff: noqa: UP007, UP045 - user code has these too
"""What functions get that are called by their type hints, and what becomes of what they return."""

from __future__ import annotations

import datetime as dt
import enum
import functools
import os
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import (
    IO,
    Annotated,
    Any,
    BinaryIO,
    Literal,
    NewType,
    NotRequired,
    Optional,
    Required,
    TextIO,
    TypedDict,
    Union,
)

import pytest
from pydantic import BaseModel, Field, field_validator

from headrace_harness import calling
from headrace_harness.failing import BAD_INPUT, BAD_OUTPUT, USER_ERROR, Failed
from headrace_harness.typed import TypedFunction

NUMBERS = {"a": 1, "b": 2}


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(TypedDict):
    x: float
    at: NotRequired[dt.date]


class Loose(TypedDict, total=False):
    x: Required[int]
    y: int


@dataclass
class Size:
    width: float
    height: float = 1.0
    label: str | None = None
    inner: Size | None = None
    area: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        if self.width < 0:
            raise ValueError("a width is not negative")


class Item(BaseModel):
    price: float = Field(gt=0)
    name: str = "thing"
    parts: list[Item] = []


@dataclass
class Holder:
    file: Path


@dataclass
class Two:
    width: float
    label: str


class One(BaseModel):
    price: float


class Broken(BaseModel):
    x: int

    @field_validator("x")
    @classmethod
    def _check(cls, value: int) -> int:
        raise KeyError(value)


UserId = NewType("UserId", int)
Vector = list[float]


def typed(hint: Any) -> TypedFunction:
    def fn(x: Any) -> None: ...

    fn.__annotations__ = {"x": hint}
    return TypedFunction(fn, "m.py", "fn")


def got(hint: Any, value: Any) -> Any:
    return typed(hint).arguments({"x": value, "other": 1}, ())["x"]


def opened(hint: Any, path: str) -> Any:
    return typed(hint).arguments({"x": {"path": path}}, ["x"])["x"]


NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
NAME = uuid.UUID(int=7)

FITTING: list[tuple[Any, Any, Any]] = [
    (int, 2, 2),
    (int, 2.0, 2),
    (float, 1, 1.0),
    (str, "a", "a"),
    (bool, True, True),
    (Any, {"a": 1}, {"a": 1}),
    (object, 1, 1),
    (list, [1, "a"], [1, "a"]),
    (list[int], [1.0], [1]),
    (list[int], [1, 2], [1, 2]),
    (list[float], [1.0, None, 2], [1.0, None, 2.0]),
    (list[list[float]], [[1.0], [2]], [[1.0], [2.0]]),
    (list[str], [], []),
    (list[int | None], [1, None], [1, None]),
    (Sequence[str], ["a"], ["a"]),
    (tuple, [1], (1,)),
    (tuple[int, str], [1, "a"], (1, "a")),
    (tuple[int, ...], [1, 2], (1, 2)),
    (set[int], [1, 1], [1, 1]),
    (dict, NUMBERS, NUMBERS),
    (Mapping[str, float], NUMBERS, NUMBERS),
    (dict[str, list[Colour]], {"a": ["red"]}, {"a": [Colour.RED]}),
    (Optional[int], 1, 1),
    (Optional[int], None, None),
    (int | None, 1, 1),
    (Union[int, str], "a", "a"),
    (Union[int, str, None], 3.0, 3),
    (Union[Any, str], 3.0, 3.0),
    (UserId, 5, 5),
    (Annotated[int, "An id."], 5, 5),
    (Annotated[int, Field(gt=1)], 5, 5),
    (Vector, [1], [1.0]),
    (Literal["a", 1], 1, 1),
    (Literal["a", 1], 1.0, 1),
    (Colour, "red", Colour.RED),
    (dt.datetime, "2026-01-31T12:00:00Z", NOW),
    (dt.datetime, "2026-01-31T12:00:00+00:00", NOW),
    (dt.date, "2026-01-31", NOW.date()),
    (dt.time, "12:00", dt.time(12)),
    (uuid.UUID, str(NAME), NAME),
    (Point, {"x": 1, "at": "2026-01-31", "more": 1}, {"x": 1.0, "at": NOW.date(), "more": 1}),
    (Loose, {"x": 1}, {"x": 1}),
    (Size, {"width": 1}, Size(1.0)),
    (Size, {"width": 1, "inner": {"width": 2}}, Size(1.0, inner=Size(2.0))),
    (Item, {"price": 2, "parts": [{"price": 1}]}, Item(price=2, parts=[Item(price=1)])),
    (list[Item], [{"price": 2}], [Item(price=2)]),
]


@pytest.mark.parametrize(("hint", "value", "expected"), FITTING)
def test_values_become_what_the_hint_asks_for(hint: Any, value: Any, expected: Any) -> None:
    found = got(hint, value)
    assert found == expected
    assert type(found) is type(expected)


UNFIT: list[tuple[Any, Any, str]] = [
    (int, 2.5, "input 'x' must be a whole number, but is a number: 2.5."),
    (int, True, "input 'x' must be a whole number, but is a boolean: true."),
    (float, "1", "input 'x' must be a number, but is a string: \"1\"."),
    (float, 10**400, "must be a number"),
    (list[float], [1, "a"], "input 'x': [1] must be a number, but is a string: \"a\"."),
    (list[float], {}, "input 'x' must be an array, but is an object: {}."),
    (dict[str, int], {"a": [1]}, "input 'x': a must be a whole number, but is an array: [1]."),
    (tuple[int, str], [1], "input 'x' must have 2 items, but has 1."),
    (tuple[int, str], [1, 2], "input 'x': [1] must be a string"),
    (Union[int, str], [], "must be a whole number, but is an array: [] or must be a string"),
    (Literal["a", "b"], "c", "input 'x' must be one of 'a', 'b', but is a string: \"c\"."),
    (Literal[1], True, "must be one of 1"),
    (Colour, "green", "input 'x' must be one of 'red', 'blue', but is a string: \"green\"."),
    (dt.datetime, "soon", "input 'x' must be a time such as '2026-01-31T12:00:00Z', but is"),
    (dt.date, 5, "input 'x' must be a string, but is a number: 5."),
    (uuid.UUID, "x", "must be a UUID"),
    (Path, "a.txt", "input 'x' must be a file, but is a string"),
    (Point, {"at": "2026-01-31"}, "input 'x' lacks x."),
    (Point, {"x": 1, "at": "soon"}, "input 'x': at must be a date such as '2026-01-31'"),
    (Loose, {}, "input 'x' lacks x."),
    (Size, {}, "input 'x' lacks width."),
    (Size, {"width": 1, "depth": 2}, "input 'x' has no field depth; its fields are width, height"),
    (Size, {"width": 1, "inner": {"width": "a"}}, "input 'x': inner.width must be a number"),
    (Size, {"width": -1}, "input 'x' is refused: ValueError: a width is not negative."),
    (Item, {"price": -1}, "input 'x' is refused: price: Input should be greater than 0."),
    (list[Item], [{}], "input 'x': [0] is refused: price: Field required."),
    (Annotated[int, Field(gt=1)], 0, "input 'x' is refused: Input should be greater than 1."),
    (str, ["a" * 100], "..."),
]


@pytest.mark.parametrize(("hint", "value", "said"), UNFIT)
def test_what_does_not_fit_is_named(hint: Any, value: Any, said: str) -> None:
    with pytest.raises(Failed) as caught:
        got(hint, value)
    assert caught.value.kind == BAD_INPUT
    assert said in caught.value.message


def test_all_that_does_not_fit_comes_together() -> None:
    def fn(a: int, b: str, c: Path) -> None: ...

    with pytest.raises(Failed, match=r"input 'a' .*; input 'b' .*") as caught:
        TypedFunction(fn, "m.py", "fn").arguments({"a": "x", "b": 1}, ())
    assert "'c'" not in caught.value.message


def test_what_is_nested_too_deeply_is_refused() -> None:
    value: dict[str, Any] = {"width": 1}
    for _ in range(2000):
        value = {"width": 1, "inner": value}
    with pytest.raises(Failed, match="input 'x' is nested too deeply") as caught:
        got(Size, value)
    assert caught.value.kind == BAD_INPUT


def test_many_errors_of_a_model_are_a_few() -> None:
    class Many(BaseModel):
        items: list[int]

    with pytest.raises(Failed, match="and 2 more"):
        got(Many, {"items": ["a"] * 7})


def test_a_fault_of_a_validator_is_its_authors() -> None:
    with pytest.raises(KeyError):
        got(Broken, {"x": 1})


@pytest.mark.parametrize(
    ("hint", "kind"), [(Path, Path), (PurePath, PurePath), (os.PathLike, Path)]
)
def test_files_are_paths(hint: Any, kind: Any) -> None:
    found = opened(hint, "/a/b")
    assert found == kind("/a/b")
    assert type(found) is type(kind("/a/b"))


@pytest.mark.parametrize("hint", [Path, Optional[Path], list[Path], BinaryIO, TextIO, Holder])
@pytest.mark.parametrize(
    "value", [{"path": "/etc/passwd"}, [{"path": "/etc/passwd"}], "/etc/passwd"]
)
def test_no_caller_writes_a_path_that_a_function_opens(hint: Any, value: Any) -> None:
    with pytest.raises(Failed) as caught:
        got(hint, {"file": value} if hint is Holder else value)
    assert caught.value.kind == BAD_INPUT


def test_files_are_opened(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    place.write_text("é", encoding="utf-8")
    for hint, content in (
        (TextIO, "é"),
        (IO[str], "é"),
        (BinaryIO, b"\xc3\xa9"),
        (IO[bytes], b"\xc3\xa9"),
    ):
        with opened(hint, str(place)) as file:
            assert file.read() == content


def returned(hint: Any, value: Any, **outputs: str) -> Any:
    def fn() -> None: ...

    fn.__annotations__ = {} if hint is ... else {"return": hint}
    return TypedFunction(fn, "m.py", "fn").returned(value, outputs)


RETURNED: list[tuple[Any, Any, dict[str, str], Any]] = [
    (float, 1.5, {"result": "number"}, {"result": 1.5}),
    (..., 1.5, {"result": "json"}, {"result": 1.5}),
    (None, None, {}, None),
    (dict, {"a": 1}, {"result": "json"}, {"result": {"a": 1}}),
    (dict, {"result": 1}, {"result": "json"}, {"result": 1}),
    (dict, {"a": 1, "b": 2}, {"a": "number", "b": "number"}, {"a": 1, "b": 2}),
    (Path, Path("a"), {"result": "file"}, {"result": Path("a")}),
    (Optional[str], None, {"result": "string"}, {"result": None}),
    (Two, Two(1.0, "a"), {"width": "number"}, {"width": 1.0, "label": "a"}),
    (Optional[Size], None, {"width": "number"}, {"width": None}),
    (Size, {"width": 1}, {"width": "number"}, {"width": 1}),
    (One, One(price=1), {"price": "number"}, {"price": 1.0}),
    (Annotated[One, "It."], One(price=1), {"price": "number"}, {"price": 1.0}),
    (Point, {"x": 1}, {"x": "number", "at": "string"}, {"x": 1, "at": None}),
    (Loose, {"x": 1, "y": 2}, {"x": "number", "y": "number"}, {"x": 1, "y": 2}),
    (Union[str, Point], "a", {"result": "json"}, {"result": "a"}),
]


@pytest.mark.parametrize(("hint", "value", "outputs", "expected"), RETURNED)
def test_what_is_returned_becomes_outputs(
    hint: Any, value: Any, outputs: dict[str, str], expected: Any
) -> None:
    assert returned(hint, value, **outputs) == expected


def test_what_has_no_fields_is_refused() -> None:
    with pytest.raises(
        Failed, match=r"fn\(\) must return Size, as its type hint says; it returned a str: 'a'"
    ) as caught:
        returned(Size, "a", width="number")
    assert caught.value.kind == BAD_OUTPUT


def test_hints_that_cannot_be_evaluated_are_refused_when_they_are_read() -> None:
    def fn(x: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821 - that is the point

    with pytest.raises(
        Failed, match=r"The type hints of fn\(\) in m\.py cannot be evaluated.*Nowhere"
    ) as caught:
        TypedFunction(fn, "m.py", "fn")
    assert caught.value.kind == USER_ERROR


def test_hints_that_a_decorator_hides_are_missed() -> None:
    def inner(*args: Any, **kwargs: Any) -> None: ...

    inner.__annotations__ = {}
    with pytest.raises(Failed, match=r"let it use functools\.wraps"):
        TypedFunction(inner, "m.py", "fn")

    @functools.wraps(returned)
    def outer(*args: Any, **kwargs: Any) -> None: ...

    assert TypedFunction(outer, "m.py", "fn").arguments({"hint": 1}, ()) == {"hint": 1}


class Callable:
    def __call__(self, x: int) -> int:
        return x


def test_what_has_no_hints_is_called_as_it_is() -> None:
    assert TypedFunction(Callable(), "m.py", "fn").arguments({"x": "a"}, ()) == {"x": "a"}
    assert TypedFunction(len, "m.py", "len").returned(3, {"n": "number"}) == {"n": 3}


def numbers() -> Iterator[int]:
    yield from (1, 2)


async def numbers_later() -> AsyncIterator[int]:
    for number in (1, 2):
        yield number


@pytest.mark.parametrize("function", [numbers, numbers_later])
def test_what_a_generator_yields_is_a_list(function: Any) -> None:
    found = calling.call_function(function, {}, "m.py", "fn", has_outputs=True, is_joined=True)
    assert found == [1, 2]
