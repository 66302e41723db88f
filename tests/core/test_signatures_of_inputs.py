"""Parameters become inputs: by hint, default and docstring; what cannot is named."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent

import pytest

from headrace.core.errors import InvalidCode, InvalidRequest
from headrace.core.parameters import Input
from headrace.core.pipelines import Calling
from headrace.core.signatures.reading import read_signature
from headrace.core.signatures.source import Signature, Source

IMPORTS = """
import datetime, typing as t, uuid, os, numpy as np, numpy.typing, pandas as pd
from collections.abc import Callable, Mapping, Sequence, Iterator
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum, IntEnum, StrEnum, auto
from pathlib import Path
from typing import (
    Annotated, Any, BinaryIO, ClassVar, Final, Literal, NamedTuple, NewType, NotRequired, Optional,
    Required, TypedDict, TypeVar, Union
)
from typing_extensions import Doc
from pydantic import BaseModel, Field
from models import Item
"""

TYPES = """
class Colour(str, Enum):
    "Colours."
    RED = "red"
    BLUE = "blue"

class Level(IntEnum):
    LOW = 1
    HIGH = 2

class Mode(StrEnum):
    FAST = auto()
    SLOW = auto()

class Numbered(Enum):
    ONE = auto()

class Computed(Enum):
    ONE = len("a")

class Empty(Enum):
    pass

class Point(TypedDict):
    x: float
    label: NotRequired[str]

class Loose(TypedDict, total=False):
    x: Required[float]
    label: str

Called = TypedDict("Called", {"a-b": int, "c": NotRequired[str]})
Unwritten = TypedDict("Unwritten", KEYS)
Odd = TypedDict("Odd", {KEY: int})

@dataclass(frozen=True)
class Size:
    width: float
    height: float = 1.0
    tags: list[str] = field(default_factory=list)
    depth: float = field(repr=False)
    area: float = field(init=False)
    kind: ClassVar[str] = "size"
    _: KW_ONLY
    LIMIT = 3

@dataclass
class Larger(Size):
    weight: float | None = None

class Holder(TypedDict):
    file: Path

class Plain:
    pass

class Row(NamedTuple):
    a: int

class Node(BaseModel):
    model_config: dict = {}
    _secret: int = 1
    children: list["Node"] = Field(default_factory=list)
    name: str = Field(..., description="Its name")
    size: int = Field(default=1)
    rank: int = Field(2, gt=0)
    owner: Optional[str]

class Outer:
    class Inner(BaseModel):
        a: int

class Bad(BaseModel):
    raw: bytes

class Circle(Circle):
    pass

class Shape(list):
    pass

Vector = list[float]
Alias: t.TypeAlias = "Vector"
Hidden: int
UserId = NewType("UserId", int)
T = TypeVar("T")
THE_DEFAULT = 3
"""

MODELS = """
from pydantic import BaseModel
class Base(BaseModel):
    id: int
class Item(Base):
    price: float = 1.0
"""


def read(code: str, name: str = "f", files: Mapping[str, str] | None = None) -> Signature:
    texts = {"m.py": IMPORTS + TYPES + dedent(code), "models.py": MODELS, **(files or {})}
    return read_signature(Source("m.py", texts.get), name)


def only(parameter: str) -> tuple[Input, Calling]:
    found = read(f"def f({parameter}) -> None: ...")
    assert len(found.inputs) == 1
    return found.inputs[0], found.calling


PLAIN = [
    ("x: float", "number"),
    ("x: str", "string"),
    ("x: bool", "boolean"),
    ("x: 'float'", "number"),
    ("x: list", "array"),
    ("x: t.List", "array"),
    ("x: list[Any]", "array"),
    ("x: Sequence", "array"),
    ("x: dict", "json"),
    ("x: dict[str, Any]", "json"),
    ("x: t.Dict", "json"),
    ("x: Mapping[str, object]", "json"),
    ("x: Any", "json"),
    ("x: Final[str]", "string"),
    ("x: Annotated[str, 'Text']", "string"),
    ("x: Annotated[str, Doc('Text')]", "string"),
    ("x: Annotated[str, 1]", "string"),
]

CONVERTED = [
    ("x: int", "number"),
    ("x: int | float", "number"),
    ("x: float | str", "json"),
    ("x: list[float]", "array"),
    ("x: list[dict[str, float]]", "array"),
    ("x: dict[str, float]", "json"),
    ("x: tuple[int, str]", "array"),
    ("x: tuple[int, ...]", "array"),
    ("x: Path", "file"),
    ("x: BinaryIO", "file"),
    ("x: os.PathLike[str]", "file"),
    ("x: datetime.datetime", "string"),
    ("x: uuid.UUID", "string"),
    ("x: Literal['a', 'b']", "string"),
    ("x: Literal[1, 2]", "number"),
    ("x: Literal[True]", "boolean"),
    ("x: Literal['a', 1]", "json"),
    ("x: Colour", "string"),
    ("x: Level", "number"),
    ("x: Mode", "string"),
    ("x: Point", "json"),
    ("x: Called", "json"),
    ("x: Size", "json"),
    ("x: Item", "json"),
    ("x: list[Item]", "array"),
    ("x: Node", "json"),
    ("x: Outer.Inner", "json"),
    ("x: Alias", "array"),
    ("x: UserId", "number"),
    ("x: Annotated[float, Field(gt=0)]", "number"),
]


@pytest.mark.parametrize(("parameter", "data_type"), PLAIN)
def test_what_json_holds_is_passed_on(parameter: str, data_type: str) -> None:
    found, calling = only(parameter)
    assert (found.data_type, found.is_required, calling) == (data_type, True, Calling.PLATFORM)


@pytest.mark.parametrize(("parameter", "data_type"), CONVERTED)
def test_what_python_has_more_than_json_is_converted(parameter: str, data_type: str) -> None:
    found, calling = only(parameter)
    assert (found.data_type, found.is_required, calling) == (data_type, True, Calling.TYPED)


@pytest.mark.parametrize(
    "parameter",
    [
        "x: Optional[str]",
        "x: str | None",
        "x: None | str",
        "x: Union[str, None]",
        "x: Literal['a', None]",
        "x: 'str | None' = None",
        "x: str = None",
    ],
)
def test_what_may_be_none_is_not_required(parameter: str) -> None:
    found, _ = only(parameter)
    assert found.data_type == "string"
    assert (found.is_required, found.default_value) == (False, None)


@pytest.mark.parametrize(
    ("parameter", "data_type", "default"),
    [
        ("x: float = 1", "number", 1),
        ("x: float = -1.5", "number", -1.5),
        ("x: str = ''", "string", ""),
        ("x: bool = False", "boolean", False),
        ("x: list = []", "array", []),
        ("x: tuple = (1, (2,))", "array", [1, [2]]),
        ("x: dict = {'a': [1]}", "json", {"a": [1]}),
        ("*, x: str = 'a'", "string", "a"),
        ("x: int = 2", "number", 2),
        ("x: Colour = Colour.RED", "string", "red"),
        ("x: Mode = Mode.SLOW", "string", "slow"),
        ("x: Level | None = Level.HIGH", "number", 2),
        ("x: Literal['a', 'b'] = 'b'", "string", "b"),
        ("x=1", "number", 1),
        ("x='a'", "string", "a"),
        ("x=True", "boolean", True),
        ("x=(1, 2)", "array", [1, 2]),
        ("x={}", "json", {}),
    ],
)
def test_defaults_that_are_written_out_are_kept(
    parameter: str, data_type: str, default: object
) -> None:
    found, _ = only(parameter)
    assert (found.data_type, found.is_required) == (data_type, False)
    assert found.default_value == default
    assert type(found.default_value) is type(default)


@pytest.mark.parametrize(
    "parameter",
    [
        "x: float = THE_DEFAULT",
        "x: Path = Path('a')",
        "x: Path = 'a'",
        "x: Any = {1: 2}",
        "x: Colour = PALETTE.first",
        "x: Any = {1}",
        "x: str = get_a_very_long_default_value_of_it()",
    ],
)
def test_other_defaults_stay_in_the_function(parameter: str) -> None:
    signature = read(f"def f({parameter}) -> None: ...")
    assert (signature.inputs[0].is_required, signature.inputs[0].default_value) == (False, None)
    assert len(signature.notes) == 1
    assert "own default holds" in signature.notes[0]


def test_a_parameter_without_a_hint_takes_anything() -> None:
    signature = read("def f(x, y=None, z=THE_DEFAULT): pass")
    assert [(found.data_type, found.is_required) for found in signature.inputs] == [
        ("json", True),
        ("json", False),
        ("json", False),
    ]
    assert signature.calling is Calling.PLATFORM
    assert "'x' has no type hint" in signature.notes[0]


DESCRIBED = [
    ("x: Annotated[str, 'The text.']", "The text."),
    ("x: Annotated[str, Doc('The text')]", "The text"),
    ("x: Annotated[str, Field(description='The text')]", "The text"),
    ("x: Annotated[str, Field(gt=1)]", None),
    ("x: Annotated[Literal['a', 'b'], 'The mode']", "The mode. One of 'a', 'b'."),
    ("x: Colour", "One of 'red', 'blue'."),
    ("x: Mode", "One of 'fast', 'slow'."),
    ("x: Point", "An object with x (number), label (string, optional)."),
    ("x: Loose", "An object with x (number), label (string, optional)."),
    ("x: Called", "An object with a-b (number), c (string, optional)."),
    (
        "x: Larger",
        (
            "An object with width (number), height (number, optional), tags (array, optional), "
            "depth (number), area (number, optional), weight (number, optional)."
        ),
    ),
    ("x: Item", "An object with id (number), price (number, optional)."),
    (
        "x: Node",
        (
            "An object with children (array, optional), name (string), size (number, optional), "
            "rank (number, optional), owner (string)."
        ),
    ),
]


@pytest.mark.parametrize(("parameter", "description"), DESCRIBED)
def test_descriptions_say_what_the_hint_says(parameter: str, description: str | None) -> None:
    assert only(parameter)[0].description == description


NOT_UNDERSTOOD = [
    ("x: set[int]", "no input can be of type set; write list, and make the set in the function"),
    ("x: bytes", "write Path"),
    ("x: complex", "write two parameters"),
    ("x: Callable[[int], str]", "no input can be of type Callable; write str or Literal"),
    ("x: pd.DataFrame", "no input can be of type pandas.DataFrame; write list[dict]"),
    ("x: np.ndarray", "write list[float]"),
    ("x: np.typing.NDArray[np.float64]", "write list[float]"),
    ("x: Row", "class Row, which comes from NamedTuple, is not known; write a TypedDict"),
    ("x: Plain", "the class Plain is not known"),
    ("x: Shape", "comes from list"),
    ("x: Circle", "comes from itself"),
    ("x: Iterator[int]", "no input can be of type Iterator"),
    ("x: list[Path]", "one parameter of type Path for each"),
    ("x: Path | str", "write Path alone"),
    ("x: dict[int, str]", "keys of JSON objects are strings"),
    ("x: None", "its type is None"),
    ("x: Literal[THE_DEFAULT]", "written out"),
    ("x: Nowhere", "Nowhere is not defined in m.py"),
    ("x: 1", "1 is no type"),
    ("x: '1 +'", "'1 +' is no type"),
    ("x: f()", "f() is no type"),
    ("x: (lambda: 1)", "is no type"),
    ("x: f", "it is no type"),
    ("x: Vector[int]", "Vector takes types"),
    ("x: T", "is no type"),
    ("x: Hidden", "Hidden is not defined"),
    ("x: Numbered", "numbered by auto()"),
    ("x: Computed", "the value of Computed.ONE is not written out"),
    ("x: Empty", "are not written out"),
    ("x: Unwritten", "keys of this TypedDict are not written out"),
    ("x: Odd", "keys of this TypedDict are not written out"),
    ("x: Bad", "its field 'raw' (m.py, line"),
    ("x: Outer.Other", "Other is no class in m.py"),
    ("x: Vector.Other", "Other is no class in m.py"),
    ("x: float = 'a'", 'its default is a string: "a", which is no number'),
    ("x: bool = 0", "its default is a number: 0, which is no boolean"),
    ("x: int = 2.5", "its default is a number: 2.5; write a whole number"),
    ("x: Literal['a', 'b'] = 'c'", 'its default is a string: "c"; write one of its values'),
    ("x: Colour = 'green'", 'its default is a string: "green"; write one of its values'),
    ("x: Holder", "its field 'file' is a file, and files cannot be inside of an object; write one"),
    ("é: float", "the input name 'é' is not a valid name"),
    ("x: float, /", "taken by position alone"),
    ("*x: float", "write a parameter for each, or one of type list"),
    ("**x: float", "write a parameter for each, or one of type dict"),
]


@pytest.mark.parametrize(("parameter", "said"), NOT_UNDERSTOOD)
def test_what_is_not_understood_is_named_with_what_to_write(parameter: str, said: str) -> None:
    with pytest.raises(InvalidCode) as caught:
        only(parameter)
    assert said in caught.value.message
    assert caught.value.message.startswith("m.py, line ")
    assert len(caught.value.details["problems"]) == 1


def test_all_problems_come_together_each_with_its_line() -> None:
    code = """
    def f(
        a: bytes,
        b: float = "x",
        *args,
        c: set,
    ) -> bytes: ...
    """
    with pytest.raises(InvalidCode) as caught:
        read(code)
    problems = caught.value.details["problems"]
    line = (IMPORTS + TYPES).count("\n") + 3
    for number, name in (
        (line, "'a'"),
        (line + 1, "'b'"),
        (line + 2, "'*args'"),
        (line + 3, "'c'"),
    ):
        assert any(f"line {number}: parameter {name}: " in problem for problem in problems)
    assert any(f"line {line + 4}: what it returns: " in problem for problem in problems)


def test_of_very_many_problems_some_are_shown() -> None:
    with pytest.raises(InvalidCode, match=r"\(And 5 more\.\)"):
        read(f"def f({', '.join(f'x{i}: set' for i in range(25))}) -> None: ...")


def test_there_are_as_many_inputs_as_a_pipeline_has() -> None:
    with pytest.raises(InvalidRequest, match="at most 200"):
        read(f"def f({', '.join(f'x{i}: float' for i in range(201))}) -> None: ...")


def test_defaults_behind_parameters_by_position_belong_to_the_right_ones() -> None:
    with pytest.raises(InvalidCode) as caught:
        read("def f(a=1, /, b: float = 2, c: float = 'x') -> None: ...")
    assert len(caught.value.details["problems"]) == 2
    assert "'c': its default" in caught.value.message


MODULES = {
    "pkg/__init__.py": "from .types import *\nfrom typing import *\n",
    "pkg/types.py": "from dataclasses import *\n@dataclass\nclass A:\n    x: float\n",
    "pkg/deep/m.py": (
        "from __future__ import annotations\n"
        "import pkg.types, pkg\n"
        "from .. import A as B\n"
        "from ..types import A\n"
        "from . import near\n"
        "from ..absent import C\n"
        "import beside\n"
        "if TYPE_CHECKING:\n    from pathlib import Path\n"
        "else:\n    Number = float\n"
        "try:\n    from fast import Text\nexcept ImportError:\n    Text = str\n"
        "with open('x'):\n    Word = str\n"
        "def f(a: A, b: B, c: pkg.types.A, d: pkg.A, e: near.N, g: beside.S, h: Number, i: Word)"
        " -> None: ...\n"
        "def g(a: Path, b: C, c: pkg, d: pkg.Optional[int], e: Text, f: pkg.Nothing) -> None: ...\n"
    ),
    "pkg/deep/near.py": "N = int\n",
    "pkg/deep/beside.py": "S = str\n",
}


def test_neighbours_are_found_as_an_import_finds_them() -> None:
    source = Source("pkg/deep/m.py", MODULES.get)
    kinds = [found.data_type for found in read_signature(source, "f").inputs]
    assert kinds == ["json"] * 4 + ["number", "string", "number", "string"]
    with pytest.raises(InvalidCode) as caught:
        read_signature(source, "g")
    problems = caught.value.details["problems"]
    assert "imported for type checkers alone" in problems[0]
    assert "absent is not defined in pkg/__init__.py" in problems[1]
    assert len(problems) == 5


def test_packages_below_src_are_found_by_their_own_names() -> None:
    files = {
        "src/app/__init__.py": "",
        "src/app/deep/__init__.py": "",
        "src/app/kinds.py": "K = int\n",
        "src/app/deep/m.py": "from app.kinds import K\ndef f(x: K) -> None: ...",
        "jobs/m.py": "from app.kinds import K\ndef f(x: K) -> None: ...",
    }
    for path, roots in (
        ("src/app/deep/m.py", ("", "src", "src/app/deep")),
        ("jobs/m.py", ("", "jobs", "src")),
    ):
        source = Source(path, files.get)
        assert source.roots == roots
        assert read_signature(source, "f").inputs[0].data_type == "number"


def test_imports_in_a_circle_lead_nowhere() -> None:
    files = {
        "m.py": "from a import X\ndef f(x: X) -> None: ...",
        "a.py": "from m import X",
    }
    with pytest.raises(InvalidCode, match="X leads in a circle"):
        read_signature(Source("m.py", files.get), "f")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def g(): ...\ndef h(): ...", "m.py has no function 'f'; it defines: g, h."),
        ("x = 1", "it defines no function"),
        ("f = lambda: 1", "no function that is written with def"),
        ("class f: ...", "no function that is written with def"),
        ("from other import f", "imports 'f' from other; name the file that defines it"),
        ("def f(:", "m.py, line 1: "),
        ("x = '\0'", "m.py"),
        ("(" * 150 + ")" * 150, "m.py"),
        ("-" * 100_000 + "1", "m.py cannot be read as Python."),
    ],
)
def test_a_function_that_is_not_there_is_said_to_be_so(code: str, said: str) -> None:
    with pytest.raises(InvalidCode) as caught:
        read_signature(Source("m.py", {"m.py": code}.get), "f")
    assert said in caught.value.message


def test_a_file_that_is_not_there_is_said_to_be_so() -> None:
    with pytest.raises(InvalidCode, match=r"There is no file m\.py"):
        read_signature(Source("m.py", dict[str, str]().get), "f")
