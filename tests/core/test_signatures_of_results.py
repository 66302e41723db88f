"""What a function returns becomes outputs; its docstring describes all of it."""

from __future__ import annotations

from textwrap import dedent

import pytest

from headrace.core.errors import InvalidCode
from headrace.core.pipelines import Calling
from headrace.core.signatures.docstrings import Docs, read_docstring
from headrace.core.signatures.reading import read_signature
from headrace.core.signatures.source import Signature, Source

HEAD = """
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, NotRequired, Optional, TypedDict
import numpy as np, pandas as pd
from pydantic import BaseModel

class Keys(TypedDict):
    '''What is known.

    Attributes:
        score: How sure.
    '''
    score: float
    label: Annotated[str, "Its class"]
    plot: Path
    "A picture."

class Loose(TypedDict):
    score: float
    why: NotRequired[str]

class Model(BaseModel):
    score: float

@dataclass
class Data:
    score: float
    nothing: None

Same = Keys

class Deep(TypedDict):
    keys: Keys

class Hidden(TypedDict):
    _x: float
"""


def read(code: str) -> Signature:
    return read_signature(Source("m.py", {"m.py": HEAD + dedent(code)}.get), "f")


def outputs(code: str) -> tuple[dict[str, str], Calling]:
    found = read(code)
    return {output.name: output.data_type.value for output in found.outputs}, found.calling


BY_HINT = [
    ("None", {}, Calling.PLATFORM),
    ("NoReturn", {}, Calling.PLATFORM),
    ("float", {"result": "number"}, Calling.TYPED),
    ("int", {"result": "number"}, Calling.TYPED),
    ("Optional[str]", {"result": "string"}, Calling.TYPED),
    ("bool", {"result": "boolean"}, Calling.TYPED),
    ("list[dict[int, str]]", {"result": "array"}, Calling.TYPED),
    ("tuple[float, str]", {"result": "array"}, Calling.TYPED),
    ("set[str]", {"result": "array"}, Calling.TYPED),
    ("Decimal", {"result": "number"}, Calling.TYPED),
    ("np.ndarray", {"result": "array"}, Calling.TYPED),
    ("pd.DataFrame", {"result": "array"}, Calling.TYPED),
    ("Path", {"result": "file"}, Calling.TYPED),
    ("Literal['a', 'b']", {"result": "string"}, Calling.TYPED),
    ("Iterator[str]", {"result": "array"}, Calling.TYPED),
    ("Iterator", {"result": "array"}, Calling.TYPED),
    ("AsyncIterator[str]", {"result": "array"}, Calling.TYPED),
    ("dict", {"result": "json"}, Calling.TYPED),
    ("dict[str, float]", {"result": "json"}, Calling.TYPED),
    ("Any", {"result": "json"}, Calling.TYPED),
    ("str | dict", {"result": "json"}, Calling.TYPED),
    ("Keys", {"score": "number", "label": "string", "plot": "file"}, Calling.PLATFORM),
    ("Same", {"score": "number", "label": "string", "plot": "file"}, Calling.PLATFORM),
    ("Optional[Keys]", {"score": "number", "label": "string", "plot": "file"}, Calling.TYPED),
    ("Loose", {"score": "number", "why": "string"}, Calling.TYPED),
    ("Data", {"score": "number", "nothing": "json"}, Calling.TYPED),
    ("Model", {"score": "number"}, Calling.TYPED),
]


@pytest.mark.parametrize(("hint", "found", "calling"), BY_HINT)
def test_outputs_come_from_the_type(hint: str, found: dict[str, str], calling: Calling) -> None:
    assert outputs(f"def f() -> {hint}: return work()") == (found, calling)
    assert outputs(f"async def f() -> {hint}: return work()") == (found, calling)


SEEN = [
    ("pass", {}, Calling.PLATFORM),
    ("return", {}, Calling.PLATFORM),
    ("return None", {}, Calling.PLATFORM),
    ("def g(): return {'a': 1}", {}, Calling.PLATFORM),
    ("return {'a': 1}", {"a": "number"}, Calling.PLATFORM),
    ("return dict(a='x')", {"a": "string"}, Calling.PLATFORM),
    ("return dict(**x)", {"result": "json"}, Calling.TYPED),
    ("return {**x, 'a': 1}", {"result": "json"}, Calling.TYPED),
    ("return {}", {"result": "json"}, Calling.TYPED),
    ("return work()", {"result": "json"}, Calling.TYPED),
    ("return {'a': 1} if x else {'a': 2}", {"result": "json"}, Calling.TYPED),
    ("if x: return {'a': 1}\n    return {'b': 1}", {"result": "json"}, Calling.TYPED),
    ("if x: return {'a': 1}\n    return {'a': None}", {"a": "number"}, Calling.PLATFORM),
    ("if x: return {'a': 1}\n    return {'a': 'x'}", {"a": "json"}, Calling.PLATFORM),
    ("yield 1", {"result": "array"}, Calling.TYPED),
    ("g = lambda: (yield 1)", {}, Calling.PLATFORM),
    (
        (
            "return {'s': f'{x}', 'l': [x for x in y], 'b': x > 1, 'n': not x, 'r': round(x), "
            "'j': x.y(), 'k': z, 'd': {'a': 1}, 'f': {'path': p}, 't': (1, 2), 'm': -1, 'u': -x}"
        ),
        {"s": "string", "l": "array", "b": "boolean", "n": "boolean", "r": "number"}
        | {"j": "json", "k": "json", "d": "json", "f": "file", "t": "array", "m": "number"}
        | {"u": "json"},
        Calling.PLATFORM,
    ),
]


@pytest.mark.parametrize(("body", "found", "calling"), SEEN)
def test_outputs_are_seen_in_the_code(body: str, found: dict[str, str], calling: Calling) -> None:
    assert outputs(f"def f():\n    {body}") == (found, calling)


def test_the_values_of_a_dict_have_the_type_that_its_hint_says() -> None:
    found, _ = outputs("def f() -> dict[str, float]: return {'a': x, 'b': y}")
    assert found == {"a": "number", "b": "number"}


def test_what_was_guessed_is_said() -> None:
    assert "a (number)" in read("def f() -> dict: return {'a': 1}").notes[0]
    assert "one output 'result' of type json" in read("def f() -> dict: return g()").notes[0]
    assert read("def f() -> Keys: return g()").notes == ()


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("bytes", "what it returns: no output can be of type bytes; write Path"),
        ("list[Path]", "write one field of what is returned of type Path for each"),
        ("Deep", "its field 'keys' (m.py, line"),
        ("Hidden", "what it returns: the output name '_x' is not a valid name"),
    ],
)
def test_what_cannot_be_an_output_is_named(hint: str, said: str) -> None:
    with pytest.raises(InvalidCode) as caught:
        read(f"def f() -> {hint}: return g()")
    assert said in caught.value.message


def test_outputs_are_described_where_their_fields_are() -> None:
    found = {output.name: output.description for output in read("def f() -> Keys: ...").outputs}
    assert found == {"score": "How sure.", "label": "Its class", "plot": "A picture."}


def test_the_docstring_describes_keys_that_are_seen() -> None:
    code = '''
    def f(x: float):
        """Do it.

        Args:
            x: The x.

        Returns:
            a: The a.
        """
        return {"a": 1}
    '''
    signature = read(code)
    assert signature.description == "Do it."
    assert signature.inputs[0].description == "The x."
    assert signature.outputs[0].description == "The a."


DOCSTRINGS = [
    (None, Docs()),
    ("", Docs()),
    ("Do it\n    in two lines.\n\n    More.", Docs("Do it in two lines.")),
    (
        """Do it.

        Args:
            a: The a
                goes on.

            b (int, optional): The b: with a colon.
            *rest: The rest.
            c(dict(str, int)): The c.
            d:

        Returns:
            float: How sure.

        Raises:
            ValueError: Never.
        """,
        Docs(
            "Do it.",
            {
                "a": "The a goes on.",
                "b": "The b: with a colon.",
                "rest": "The rest.",
                "c": "The c.",
            },
            "How sure.",
            {"float": "How sure."},
        ),
    ),
    (
        "Do it.\n\nReturns:\n    How sure it is,\n    as a number.",
        Docs("Do it.", {}, "How sure it is, as a number."),
    ),
    (
        """Do it.

        Parameters
        ----------
        a : int
            The a.
        b, c : float, optional
            The others.
        d
            The d.
        e : str

        Returns
        -------
        float
            How sure.

        Notes
        -----
        x : int
            None.
        """,
        Docs(
            "Do it.",
            {"a": "The a.", "b": "The others.", "c": "The others.", "d": "The d."},
            "How sure.",
            {"float": "How sure."},
        ),
    ),
    (
        """Do it.

        :param a: The a
            goes on.
        :param int b: The b.
        :type b: int
        :raises ValueError: Never.
        :returns: How sure.
        """,
        Docs("Do it.", {"a": "The a goes on.", "b": "The b."}, "How sure."),
    ),
    (":param a: The a.", Docs(None, {"a": "The a."})),
    (
        "Returns:\n    a: The a.\n    b: The b.",
        Docs(None, {}, None, {"a": "The a.", "b": "The b."}),
    ),
]


@pytest.mark.parametrize(("text", "docs"), DOCSTRINGS)
def test_docstrings_of_three_styles(text: str | None, docs: Docs) -> None:
    assert read_docstring(text) == docs
