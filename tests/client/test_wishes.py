"""A deployment as it is wanted, beside the one that is there."""

from __future__ import annotations

from typing import Any

import pytest

from headrace import Input, InputSource, Output, OutputDestination
from headrace.client.deploying.unsaid import unsaid
from headrace.client.deploying.wishes import Wish, check_mode, fitted, single_wish, update_of
from headrace.core.deployments import Mode
from headrace.core.errors import Conflict, InvalidMapping, InvalidRequest, InvalidSchedule
from headrace.core.sources import Rule

INPUTS = (Input("x", "number", is_required=True), Input("limit", "number", default_value=5))
OUTPUTS = (Output("y", "number"),)


def there(**changes: Any) -> dict[str, Any]:
    return {
        "name": "d",
        "pipeline": {"name": "p", "version": 1, "is_pinned": False},
        "execution_rule": "endpoint",
        "mode": "elastic",
        "inputs_mapping": [
            {"pipeline_input_name": "x", "endpoint_input_name": "x", "is_required": True},
            {"pipeline_input_name": "limit", "constant_value": 5},
        ],
        "outputs_mapping": [{"pipeline_output_name": "y", "endpoint_output_name": "y"}],
        "pods_wanted": 2,
        "ram_request": "1GiB",
        "idle_timeout_s": None,
    } | changes


def test_what_is_as_wanted_needs_no_update():
    wish = Wish(
        "d",
        Rule.ENDPOINT,
        Mode.ELASTIC,
        (InputSource("x", endpoint_input_name="x"), InputSource("limit", constant_value=5)),
        (OutputDestination("y", endpoint_output_name="y"),),
        {"pods": 2, "ram_request": "1024MiB", "idle_timeout_s": 0.0},
    )
    assert not update_of(wish, there(), "p").arguments


def test_constants_and_options_are_updated_and_said():
    constant = InputSource("limit", constant_value=7)
    wish = Wish("d", Rule.ENDPOINT, inputs_mapping=(constant,), options={"pods": 3})
    update = update_of(wish, there(), "p")
    assert update.arguments == {"inputs_mapping": [constant], "pods": 3}
    assert update.lines == (
        "- input limit=constant:5",
        "+ input limit=constant:7",
        "- pods: 2",
        "+ pods: 3",
    )


def test_what_is_set_and_not_said_is_named():
    now = there(pipeline={"name": "p", "version": 3, "is_pinned": True}, max_queue=1000)
    said = Wish("d", Rule.ENDPOINT, options={"ram_request": "1GiB"})
    assert dict(unsaid(said, now)) == {
        "pods": 2,
        "pipeline_version": 3,
        "inputs.limit": "constant:5",
    }


def test_a_pin_is_an_option():
    now = there(pipeline={"name": "p", "version": 3, "is_pinned": True})
    pinned = Wish("d", Rule.ENDPOINT, options={"pipeline_version": 3})
    assert not update_of(pinned, now, "p").arguments
    follows = Wish("d", Rule.ENDPOINT, options={"pipeline_version": "current"})
    assert update_of(follows, now, "p").arguments == {"pipeline_version": "current"}


def test_one_and_true_are_two_constants():
    wish = Wish("d", Rule.ENDPOINT, inputs_mapping=(InputSource("limit", constant_value=True),))
    now = there(inputs_mapping=[{"pipeline_input_name": "limit", "constant_value": 1}])
    assert update_of(wish, now, "p").arguments


def test_a_schedule_is_compared_without_its_spaces():
    wish = Wish("d", Rule.PERIODIC, options={"schedule": "0  3 * * *"})
    now = there(execution_rule="periodic", schedule="0 3 * * *")
    assert not update_of(wish, now, "p").arguments


@pytest.mark.parametrize(
    ("wish", "change", "words"),
    [
        (
            Wish("d", Rule.ENDPOINT),
            {"pipeline": {"name": "q", "version": 1, "is_pinned": False}},
            "runs pipeline 'q'",
        ),
        (Wish("d", Rule.PERIODIC), {}, "is an endpoint, and stays so"),
        (Wish("d", Rule.ENDPOINT, Mode.LOW_LATENCY), {}, "is elastic, and stays so"),
        (
            Wish("d", Rule.ENDPOINT, inputs_mapping=(InputSource("limit", is_null=True),)),
            {},
            "input 'limit' of deployment 'd' is mapped to constant:5, and an update cannot",
        ),
    ],
)
def test_what_no_update_can_do_says_what_to_do(wish, change, words):
    with pytest.raises(Conflict) as error:
        update_of(wish, there(**change), "p")
    assert words in error.value.message
    assert "headrace deployments delete d" in error.value.message


def test_a_periodic_deployment_takes_defaults_and_drops_outputs():
    wish = Wish(
        "d",
        Rule.PERIODIC,
        inputs_mapping=(InputSource("x", constant_value=1),),
        options={"schedule": "0 3 * * *"},
    )
    made = fitted(wish, INPUTS, OUTPUTS)
    assert [item.to_dict() for item in made.inputs_mapping] == [
        {"pipeline_input_name": "x", "constant_value": 1},
        {"pipeline_input_name": "limit", "constant_value": 5},
    ]
    assert [item.to_dict() for item in made.outputs_mapping] == [
        {"pipeline_output_name": "y", "is_null": True}
    ]


@pytest.mark.parametrize(
    ("wish", "kind"),
    [
        (Wish("d", Rule.PERIODIC, options={"schedule": "0 3 * * *"}), InvalidMapping),
        (
            Wish("d", Rule.ENDPOINT, inputs_mapping=(InputSource("z", is_null=True),)),
            InvalidMapping,
        ),
        (
            Wish(
                "d",
                Rule.PERIODIC,
                inputs_mapping=(InputSource("x", constant_value=1),),
                options={"schedule": "never"},
            ),
            InvalidSchedule,
        ),
        (Wish("d", Rule.ENDPOINT, options={"ram_request": "much"}), InvalidRequest),
    ],
)
def test_what_the_server_would_refuse_is_refused_before_anything_is_sent(wish, kind):
    with pytest.raises(kind):
        fitted(wish, INPUTS, OUTPUTS)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"endpoint": "e", "every": "* * * * *"}, "two deployments"),
        ({"timezone": "UTC"}, "give every as well"),
        ({"low_latency": True}, "give endpoint or every"),
    ],
)
def test_options_that_do_not_go_together_are_refused(given, words):
    options = {"endpoint": None, "every": None, "timezone": None, "low_latency": False} | given
    is_fast = options.pop("low_latency")
    with pytest.raises(InvalidRequest, match=words):
        single_wish("p", **options, low_latency=is_fast)


@pytest.mark.parametrize("option", ["pods", "probe"])
def test_options_of_pods_need_a_deployment_that_has_them(option):
    def check(mode, before):
        check_mode(Wish("d", Rule.ENDPOINT, mode, options={option: 1}), before)

    for mode, before in [(None, None), (None, there()), (Mode.ELASTIC, there(mode="low_latency"))]:
        with pytest.raises(InvalidRequest, match=f"{option} is an option of pods.* is elastic"):
            check(mode, before)
    for mode, before in [(Mode.LOW_LATENCY, None), (None, there(mode="low_latency"))]:
        check(mode, before)
    check_mode(Wish("d", Rule.ENDPOINT), None)
