"""Functions that are called by their type hints: both engines, all interpreters."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.engines.conftest import plain
from tests.engines.pod_bench import interpreters

from headrace.core.calls import InputFile
from headrace.core.outcomes import Failure, FailureKind, Returned

SOURCE = """
    import dataclasses, enum, pathlib
    from typing import AsyncIterator, Iterator, List, Optional, TextIO

    class Colour(enum.Enum):
        RED = "red"

    @dataclasses.dataclass
    class Item:
        price: float
        colour: Colour = Colour.RED

    @dataclasses.dataclass
    class Out:
        total: float
        file: pathlib.Path

    def fn(items: List[Item], note: pathlib.Path, more: Optional[int] = None) -> Out:
        assert more is None or type(more) is int
        assert all(item.colour is Colour.RED for item in items)
        made = pathlib.Path("made.txt")
        made.write_text(note.read_text() + str(more))
        return Out(sum(item.price for item in items), made)

    async def single(text: TextIO) -> str:
        with text:
            return text.read()

    def words(n: int) -> Iterator[str]:
        yield from "abc"[:n]

    async def later(n: int) -> AsyncIterator[str]:
        for word in "abc"[:n]:
            yield word

    def wrong() -> Out:
        return 5

    def unclear(x: "Nowhere") -> int:
        return x

    def plainly(x):
        return {"out": x}
"""
FN = {"total": "number", "file": "file"}


@pytest.fixture
def note(tmp_path: Path) -> InputFile:
    (tmp_path / "note").write_text("noted ")
    return InputFile(tmp_path / "note", "note.txt")


PYTHONS = [Path(sys.executable), *interpreters("3.9", "3.14")]


@pytest.mark.parametrize("python", PYTHONS, ids=str)
async def test_elastic_calls_are_converted(bench, note, python):
    bench.python = python
    bench.write(SOURCE)
    typed = {"calling": "typed"}
    values = {"items": [{"price": 1}, {"price": 2.5}], "more": 3.0}
    outcome, log = await bench.run("fn", values, files={"note": note}, outputs=FN, **typed)
    assert isinstance(outcome, Returned), (outcome, log)
    assert outcome.values == {"total": 3.5}
    assert outcome.files["file"].path.read_text() == "noted 3"
    out = {"outputs": {"out": "json"}, **typed}
    outcome, _ = await bench.run("single", files={"text": note}, **out)
    assert plain(outcome.values["out"]) == "noted "
    for function in ("words", "later"):
        outcome, _ = await bench.run(function, {"n": 2}, **out)
        assert plain(outcome.values["out"]) == ["a", "b"]
    assert (await bench.run("plainly", {"x": 1}, outputs={"out": "json"}))[0].values == {"out": 1}


async def test_elastic_calls_say_what_does_not_fit(bench):
    bench.write(SOURCE)
    outcome, log = await bench.run("words", {"n": 2.5}, outputs={"out": "array"}, calling="typed")
    assert outcome == Failure(
        FailureKind.BAD_INPUT, "input 'n' must be a whole number, but is a number: 2.5."
    )
    assert log == []
    outcome, _ = await bench.run("wrong", outputs=FN, calling="typed")
    assert outcome == Failure(
        FailureKind.BAD_OUTPUT,
        "wrong() must return Out, as its type hint says; it returned an int: 5.",
    )


@pytest.mark.parametrize("first", ["unclear", "plainly", "words"])
async def test_hints_without_a_meaning_are_found_with_the_import(bench, first):
    bench.write(SOURCE)
    if first != "unclear":  # its template may serve other functions of the file
        calling = {"plainly": "platform", "words": "typed"}[first]
        assert await bench.engine.warm(bench.call(first, calling=calling).code, {}) is None
    call = bench.call("unclear", {"x": 1}, outputs={"out": "json"}, calling="typed")
    failure = await bench.engine.warm(call.code, {})
    assert failure is not None
    assert failure.kind is FailureKind.USER_ERROR
    assert "The type hints of unclear() in src/f.py cannot be evaluated" in failure.message
    assert "'Nowhere' is not defined" in failure.message
    assert await bench.engine.run(call) == failure


@pytest.mark.parametrize("python", PYTHONS, ids=str)
@pytest.mark.parametrize("max_parallel", [None, 4])
async def test_calls_of_pods_are_converted(pods, note, python, max_parallel):
    pods.python = python
    pods.write(SOURCE)
    typed = {"calling": "typed", "max_parallel": max_parallel}
    await pods.deploy("fn", outputs=FN, **typed)
    values = {"items": [{"price": 1}, {"price": 2.5}], "more": 3.0}
    outcome = await pods.run(values, files={"note": note})
    assert isinstance(outcome, Returned), outcome
    assert outcome.values == {"total": 3.5}
    assert outcome.files["file"].path.read_text() == "noted 3"
    wrong = await pods.failure({"items": [{"price": "a"}], "note": None})
    assert wrong.kind is FailureKind.BAD_INPUT
    assert wrong.message.startswith("input 'items': [0].price must be a number")
    for function in ("words", "later"):
        await pods.deploy(function, generation=function, **typed)
        assert await pods.value({"n": 2}) == ["a", "b"]
    await pods.deploy("single", generation="single", **typed)
    assert (await pods.run(files={"text": note})).values == {"out": "noted "}


async def test_a_pod_with_hints_without_a_meaning_does_not_start(pods):
    pods.write(SOURCE)
    failure = await pods.refused("unclear", calling="typed")
    assert "The type hints of unclear() in src/f.py cannot be evaluated" in failure.message
