"""A deployment's mapping and the signatures of the versions that come and go below it."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.core.absence import ABSENT
from headrace.core.destinations import DataStorePath, EndpointResult, Nowhere
from headrace.core.errors import InvalidValue
from headrace.core.fitting import fit_inputs, fit_outputs
from headrace.core.mappings import GivenOnly
from headrace.core.parameters import Input, Output
from headrace.core.sources import Constant, EndpointValue, InputSource, LeftOut, Null, Rule

ENDPOINT, PERIODIC = Rule.ENDPOINT, Rule.PERIODIC


@pytest.mark.parametrize(
    ("rule", "inputs", "sources", "fitted"),
    [
        (ENDPOINT, [Input("x", "number")], [("x", Constant(1))], [Constant(1)]),
        (ENDPOINT, [Input("x", "number")], [], [EndpointValue("x")]),
        (ENDPOINT, [Input("x", "string")], [("x", Constant(1))], [EndpointValue("x")]),
        (ENDPOINT, [Input("x", "number")], [("gone", Constant(1))], [EndpointValue("x")]),
        (
            ENDPOINT,
            [Input("new", "number"), Input("x", "number")],
            [("x", EndpointValue("new"))],
            [LeftOut(), EndpointValue("new")],
        ),
        (
            ENDPOINT,
            [Input("a", "file"), Input("b", "file")],
            [("a", EndpointValue("a"))],
            [EndpointValue("a"), LeftOut()],
        ),
        (
            ENDPOINT,
            [Input("new", "file"), Input("a", "file")],
            [("a", EndpointValue("a"))],
            [LeftOut(), EndpointValue("a")],
        ),
        (
            ENDPOINT,
            [Input("a", "file"), Input("x", "number"), Input("b", "file")],
            [("a", Null())],
            [Null(), EndpointValue("x"), EndpointValue("b")],
        ),
        (PERIODIC, [Input("x", "number")], [], [LeftOut()]),
        (PERIODIC, [Input("x", "string")], [("x", Constant(1))], [LeftOut()]),
        (PERIODIC, [Input("x", "string")], [("x", Null())], [Null()]),
    ],
    ids=str,
)
def test_inputs(
    rule: Rule,
    inputs: list[Input],
    sources: list[tuple[str, InputSource]],
    fitted: list[InputSource],
) -> None:
    found = fit_inputs(rule, inputs, sources)
    assert [item.parameter for item in found] == inputs
    assert [item.source for item in found] == fitted


@pytest.mark.parametrize(
    ("rule", "outputs", "goals", "fitted"),
    [
        (ENDPOINT, [Output("y", "number")], [("y", Nowhere())], [Nowhere()]),
        (ENDPOINT, [Output("y", "number")], [], [EndpointResult("y")]),
        (ENDPOINT, [Output("y", "number")], [("y", DataStorePath("a"))], [EndpointResult("y")]),
        (
            ENDPOINT,
            [Output("new", "number"), Output("y", "number")],
            [("y", EndpointResult("new"))],
            [Nowhere(), EndpointResult("new")],
        ),
        (
            ENDPOINT,
            [Output("a", "file"), Output("b", "file")],
            [],
            [EndpointResult("a"), Nowhere()],
        ),
        (
            ENDPOINT,
            [Output("new", "file"), Output("a", "file")],
            [("a", EndpointResult("a"))],
            [Nowhere(), EndpointResult("a")],
        ),
        (
            ENDPOINT,
            [Output("a", "file"), Output("y", "number"), Output("b", "file")],
            [("a", Nowhere())],
            [Nowhere(), EndpointResult("y"), EndpointResult("b")],
        ),
        (PERIODIC, [Output("y", "number")], [], [Nowhere()]),
        (PERIODIC, [Output("y", "file")], [("y", DataStorePath("a"))], [DataStorePath("a")]),
    ],
    ids=str,
)
def test_outputs(rule: Rule, outputs: list[Output], goals: Any, fitted: list[Any]) -> None:
    found = fit_outputs(rule, outputs, goals)
    assert [item.parameter for item in found] == outputs
    assert [item.destination for item in found] == fitted


def test_what_is_left_out_has_the_default_of_the_version_or_of_the_function() -> None:
    nothing = GivenOnly({})
    assert LeftOut().resolve(Input("x", "number", default_value=2), nothing) == 2
    assert LeftOut().resolve(Input("x", "number"), nothing) is ABSENT
    with pytest.raises(InvalidValue, match="input 'x' is required, but the deployment is older"):
        LeftOut().resolve(Input("x", "number", is_required=True), nothing)
