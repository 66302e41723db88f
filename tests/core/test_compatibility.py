"""What another version breaks of deployments and of callers, cell by cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from headrace.core.absence import ABSENT
from headrace.core.compatibility import (
    Break,
    broken_calls,
    broken_mapping,
    changed_inputs,
    has_same_signature,
    refuse,
    with_version,
)
from headrace.core.deployments import Deployment, Mode
from headrace.core.destinations import DataStorePath, EndpointResult, Nowhere
from headrace.core.errors import BreakingChange
from headrace.core.executions import InputRecord
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import ContainerConfig, Origin, Pipeline, PipelineVersion
from headrace.core.sources import Constant, EndpointValue, Null, Rule
from headrace.core.values import DataType, FileValue

AT = datetime(2026, 3, 1, tzinfo=UTC)
BASE = PipelineVersion(
    *("v1", 1, "main.py", "fn", ContainerConfig("python:3.11-slim"), Origin.LOCAL, "b", AT, "u"),
    inputs=(Input("x", "number"), Input("c", "string")),
    outputs=(Output("y", "number"), Output("f", "file")),
)
X, C = BASE.inputs
Y, F = BASE.outputs
DEPLOYMENT = Deployment(
    *("d1", "d", Pipeline("p1", "p", AT, "u", BASE), Rule.ENDPOINT, Mode.ELASTIC, None),
    sources=(("x", EndpointValue("x")), ("c", Constant("c"))),
    destinations=(("y", EndpointResult("y")), ("f", DataStorePath("a/b"))),
    is_enabled=True,
    created_at=AT,
    created_by="u",
    updated_at=AT,
    updated_by="u",
)
TIMED = replace(
    DEPLOYMENT,
    rule=Rule.PERIODIC,
    sources=(("x", Null()), ("c", Constant("c"))),
    destinations=(("y", Nowhere()), ("f", DataStorePath("a/b"))),
)


def found(deployment: Deployment, **change: Any) -> list[str]:
    after = with_version(deployment, replace(BASE, **change))
    return [f"{one.noun} {one.name}: {one.why}" for one in broken_mapping(deployment, after)]


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({}, []),
        ({"function_name": "other"}, []),
        ({"inputs": (X, C, Input("new", "number"))}, []),
        ({"inputs": (X, C, Input("new", "number", None, True, 3))}, []),
        ({"outputs": (Y, F, Output("new", "number"))}, []),
        ({"inputs": (C,)}, ["input x: is gone, but callers send it"]),
        ({"inputs": (X,)}, ["input c: is gone"]),
        (
            {"inputs": (X, Input("c", "number"))},
            ['input c: its constant_value must be of type number, but is a string: "c"'],
        ),
        (
            {"inputs": (X, C, Input("new", "number", None, True))},
            ["input new: is new and required, and no caller sends it"],
        ),
        ({"outputs": (F,)}, ["output y: is gone, but callers get it"]),
        ({"outputs": (Y,)}, ["output f: is gone, but it is stored"]),
        (
            {"outputs": (Output("y", "string"), F)},
            ["output y: becomes string, but callers get number"],
        ),
        (
            {"outputs": (Y, Output("f", "json"))},
            ["output f: only an output of type file can go to the data store"],
        ),
    ],
    ids=str,
)
def test_an_endpoint(change: dict[str, Any], broken: list[str]) -> None:
    assert found(DEPLOYMENT, **change) == broken


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({"inputs": (C,)}, []),
        ({"inputs": (X, C, Input("new", "number"))}, []),
        ({"inputs": (X, C, Input("new", "number", None, True, 3))}, []),
        (
            {"inputs": (X, C, Input("new", "number", None, True))},
            ["input new: is required and has no source"],
        ),
        ({"outputs": (F,)}, []),
    ],
    ids=str,
)
def test_a_periodic_deployment(change: dict[str, Any], broken: list[str]) -> None:
    assert found(TIMED, **change) == broken


def test_what_was_forced_before_breaks_nothing_again() -> None:
    forced = replace(BASE, inputs=(X, C, Input("new", "number", None, True)))
    present = with_version(TIMED, forced)
    assert broken_mapping(present, with_version(present, replace(forced, bundle="c"))) == []


def test_an_input_that_comes_back_is_new_to_callers() -> None:
    """Its mapping was kept while a version did not have it."""
    without = with_version(DEPLOYMENT, replace(BASE, inputs=(C,)))
    back = with_version(without, replace(BASE, inputs=(REQUIRED, C)))
    (one,) = broken_mapping(without, back)
    assert (one.name, one.why) == ("x", "is new and required, and no caller sends it")
    mapped = replace(back, sources=(("x", Constant(1)), ("c", Constant("c"))))
    assert broken_mapping(without, mapped) == []


def test_an_input_that_has_to_be_given_from_now_on() -> None:
    left_out = with_version(TIMED, replace(BASE, inputs=(X, C, Input("new", "number"))))
    needed = replace(BASE, inputs=(X, C, Input("new", "number", None, True)))
    (one,) = broken_mapping(left_out, with_version(left_out, needed))
    assert one.why == "is required and has no source"


def test_a_probe_that_does_not_fit_any_more() -> None:
    probed = replace(DEPLOYMENT, probe={"x": 1})
    assert found(probed, inputs=(Input("x", "json"), C)) == []
    (why,) = found(probed, inputs=(Input("x", "string"), C))
    assert why.startswith(
        "probe {\"x\": 1}: does not fit: The inputs cannot be used: input 'x' must"
    )
    # One that has been broken by force already is not broken again.
    broken = with_version(probed, replace(BASE, inputs=(Input("x", "string"), C)))
    assert broken_mapping(broken, with_version(broken, broken.pipeline.version)) == []


def test_only_a_signature_can_break_anything() -> None:
    assert has_same_signature(BASE, replace(BASE, bundle="c", function_name="g"))
    assert not has_same_signature(BASE, replace(BASE, inputs=(X,)))


def call(execution_id: str, value: Any) -> tuple[str, Sequence[InputRecord]]:
    return execution_id, (InputRecord("x", DataType.NUMBER, EndpointValue("x"), value),)


def of_calls(before: Input, after: Input, *values: Any) -> list[str]:
    """Return what recorded calls with these values of ``x`` break, the newest first."""
    one = with_version(DEPLOYMENT, replace(BASE, inputs=(before, C)))
    other = with_version(DEPLOYMENT, replace(BASE, inputs=(after, C)))
    calls = [call(f"e{number}", value) for number, value in enumerate(values)]
    changed = changed_inputs(one, other)
    return [f"{b.execution_id}: {b.why} ({b.value})" for b in broken_calls("d", changed, calls)]


REQUIRED = Input("x", "number", None, True)
FIVE = Input("x", "number", None, None, 5)


@pytest.mark.parametrize(
    ("before", "after", "values", "broken"),
    [
        (X, X, [1, 2], []),
        (X, Input("x", "number", "said better"), [ABSENT], []),
        (X, Input("x", "json"), [1, {"a": 1}], []),
        (
            X,
            Input("x", "string"),
            [1, 2],
            ['e0: must be of type string (for example "text"), but is a number: 1 (1)'],
        ),
        (X, REQUIRED, [1, 2], []),
        (X, REQUIRED, [1, ABSENT], ["e1: is required (number) but missing (nothing)"]),
        (X, REQUIRED, [None], ["e0: is required (number) but missing (null)"]),
        (REQUIRED, X, [1], []),
        (FIVE, REQUIRED, [7], []),
        # It may not have been sent.
        (FIVE, REQUIRED, [5], ["e0: is required (number) but missing (5)"]),
        (FIVE, Input("x", "string", None, None, "five"), [5], []),
        (
            X,
            Input("x", "boolean"),
            [True, 1],
            ["e1: must be of type boolean (for example true), but is a number: 1 (1)"],
        ),
    ],
    ids=str,
)
def test_recorded_calls(before: Input, after: Input, values: list[Any], broken: list[str]) -> None:
    assert of_calls(before, after, *values) == broken


def test_the_example_is_the_newest_and_its_value_is_short() -> None:
    (example,) = of_calls(Input("x", "json"), Input("x", "string"), ["x" * 99], ["y"])
    assert re.fullmatch(r"e0: must be .* \(\[\"x{75}\.\.\.\)", example)
    sent = FileValue("path", "secret.bin", 3)
    (example,) = of_calls(Input("x", "file"), Input("x", "string"), sent)
    assert example.endswith("(a file)")


def test_calls_of_another_time_that_have_no_such_input_say_nothing() -> None:
    one = with_version(DEPLOYMENT, BASE)
    changed = changed_inputs(one, with_version(one, replace(BASE, inputs=(REQUIRED, C))))
    assert list(broken_calls("d", changed, [("e0", ())])) == []


def test_an_input_that_callers_do_not_send_needs_no_recorded_call() -> None:
    one, other = with_version(DEPLOYMENT, BASE), Input("c", "string", None, True)
    assert changed_inputs(one, with_version(one, replace(BASE, inputs=(X, other)))) == ()


def test_a_refusal_names_all_of_it_and_what_to_do() -> None:
    refuse("p", 2, [])
    breaks = [Break("d", "input", f"i{number}", "is gone") for number in range(6)]
    breaks[0] = replace(breaks[0], execution_id="e1", value="7")
    with pytest.raises(BreakingChange) as refused:
        refuse("p", 2, breaks)
    assert refused.value.message.startswith(
        "Version 2 of pipeline 'p' would break deployment 'd': input 'i0' is gone "
        "(execution e1 sent 7); deployment 'd': input 'i1' is gone;"
    )
    assert "; and 1 more. Keep what they use, pin those" in refused.value.message
    assert refused.value.details["breaks"][0] == {
        "deployment": "d",
        "input": "i0",
        "reason": "is gone",
        "execution_id": "e1",
        "value": "7",
    }
    with pytest.raises(BreakingChange, match="This version of pipeline 'p'"):
        refuse("p", None, breaks)
