"""What may change of a deployment, and what is refused before anything has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headrace.core.deployment_drafts import DeploymentChange, changed_deployment
from headrace.core.deployments import (
    Deployment,
    DeploymentStatus,
    Mode,
    check_endpoint_files,
    check_endpoint_token,
    check_url_path,
    mint_endpoint_token,
    with_new_values,
)
from headrace.core.destinations import DataStorePath, EndpointResult, Nowhere, OutputDestination
from headrace.core.errors import InvalidMapping, InvalidRequest, InvalidSchedule
from headrace.core.low_latency import LowLatency
from headrace.core.mappings import MappedInput, MappedOutput
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import ContainerConfig, Origin, Pipeline, PipelineVersion
from headrace.core.pods import PodSetState, PodStatus
from headrace.core.retries import Retries
from headrace.core.schedule_requests import ScheduleRequest, read_schedule
from headrace.core.sources import Constant, EndpointValue, InputSource, Null, Rule
from headrace.core.tokens import User

MADE = datetime(2026, 3, 1, tzinfo=UTC)
LATER = MADE + timedelta(days=1)
ADA, EVE = User("u1", "ada", "ada@example.com"), User("u2", "eve", "eve@example.com")
PIPELINE = Pipeline(
    "p1",
    "p",
    MADE,
    ADA.id,
    PipelineVersion(
        *(
            "v1",
            1,
            "main.py",
            "fn",
            ContainerConfig("python:3.11-slim"),
            Origin.LOCAL,
            "digest",
            MADE,
            ADA.id,
        ),
        inputs=(Input("n", "number"), Input("flag", "boolean")),
        outputs=(Output("file", "file"), Output("total", "number")),
    ),
)
ENDPOINT = Deployment(
    *("d1", "d", PIPELINE, Rule.ENDPOINT, Mode.ELASTIC, None),
    sources=(("n", Constant(1)), ("flag", EndpointValue("flag"))),
    destinations=(("file", DataStorePath("a/b")), ("total", EndpointResult("total"))),
    is_enabled=True,
    created_at=MADE,
    created_by=ADA.id,
    updated_at=MADE,
    updated_by=ADA.id,
)


def changed(deployment: Deployment, **change: Any) -> Deployment:
    return changed_deployment(deployment, DeploymentChange(**change), LATER, EVE)


def version_with(**fields: Any) -> Deployment:
    """Return the endpoint as it is with another version of its pipeline."""
    pipeline = replace(PIPELINE, version=replace(PIPELINE.version, **fields))
    return replace(ENDPOINT, pipeline=pipeline)


def test_a_change_of_nothing_says_only_who_and_when() -> None:
    assert changed(ENDPOINT) == replace(ENDPOINT, updated_at=LATER, updated_by=EVE.id)


def test_values_of_a_mapping_change_and_their_kinds_do_not() -> None:
    after = changed(
        ENDPOINT,
        inputs_mapping=[("n", Constant(2)), ("flag", EndpointValue("flag"))],
        outputs_mapping=[("file", DataStorePath("c/d"))],
    )
    assert [item.source for item in after.inputs] == [Constant(2), EndpointValue("flag")]
    assert [item.destination for item in after.outputs] == [
        DataStorePath("c/d"),
        EndpointResult("total"),
    ]


@pytest.mark.parametrize(
    ("change", "error", "named"),
    [
        ({"inputs_mapping": [("m", Constant(2))]}, InvalidMapping, "the inputs are: n, flag"),
        ({"inputs_mapping": [("n", Null())]}, InvalidMapping, "input 'n' is mapped to constant"),
        ({"inputs_mapping": [("flag", EndpointValue("f"))]}, InvalidMapping, "another deployment"),
        ({"outputs_mapping": [("total", Nowhere())]}, InvalidMapping, "output 'total'"),
        ({"inputs_mapping": [("n", Constant(True))]}, InvalidMapping, "number"),
        ({"schedule": ScheduleRequest("* * * * *")}, InvalidSchedule, "no schedule to change"),
        ({"low_latency": {"pods": 2}}, InvalidRequest, "elastic, so it has no pods"),
        ({"replaces_pods": True}, InvalidRequest, "elastic, so it has no pods"),
    ],
)
def test_what_cannot_change_is_refused(
    change: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        changed(ENDPOINT, **change)


def test_a_pipeline_without_inputs_names_none() -> None:
    with pytest.raises(InvalidMapping, match="the inputs are: none"):
        changed(version_with(inputs=()), inputs_mapping=[("n", Constant(2))])


def test_what_came_with_a_later_version_may_be_mapped() -> None:
    later = version_with(inputs=(*PIPELINE.inputs, Input("m", "string")))
    assert later.inputs[-1].source == EndpointValue("m")
    after = changed(later, inputs_mapping=[("m", Constant("x"))])
    assert after.inputs[-1].source == Constant("x")
    with pytest.raises(InvalidMapping, match="mapped to constant"):
        changed(after, inputs_mapping=[("m", Null())])


def test_a_mapping_is_kept_for_a_version_that_has_the_input_again() -> None:
    without = version_with(inputs=PIPELINE.inputs[1:])
    after = changed(without, inputs_mapping=[("flag", EndpointValue("flag"))])
    again = replace(after, pipeline=PIPELINE)
    assert [item.source for item in again.inputs] == [Constant(1), EndpointValue("flag")]


def test_true_takes_the_place_of_one() -> None:
    ((_, after),) = with_new_values("input", [("x", Constant(1))], [("x", Constant(True))])
    assert isinstance(after, Constant)
    assert after.value is True


def test_limits_and_retries_change_one_by_one() -> None:
    after = changed(ENDPOINT, is_enabled=False, timeout_s=3.0, retries=2)
    assert (after.is_enabled, after.timeout_s) == (False, 3.0)
    assert after.retries == Retries(2, ENDPOINT.retries.backoff_s)
    again = changed(after, retry_backoff_s=7.0)
    assert (again.is_enabled, again.timeout_s, again.retries) == (False, 3.0, Retries(2, 7.0))


def test_a_schedule_changes_where_there_is_one() -> None:
    hourly = read_schedule(ScheduleRequest("0 * * * *"))
    sources: tuple[tuple[str, InputSource], ...] = (("n", Constant(1)), ("flag", Null()))
    periodic = replace(
        ENDPOINT,
        rule=Rule.PERIODIC,
        sources=sources,
        destinations=(("file", DataStorePath("a/b")), ("total", Nowhere())),
        schedule=hourly,
    )
    after = changed(periodic, schedule=ScheduleRequest("30 * * * *")).schedule
    assert after is not None
    assert after != hourly
    assert after == read_schedule(ScheduleRequest("30 * * * *"))


def test_pods_are_replaced_by_a_new_generation() -> None:
    warm = replace(ENDPOINT, mode=Mode.LOW_LATENCY, low_latency=LowLatency(generation=4))
    assert changed(warm, low_latency={"pods": 2}).low_latency == LowLatency(2, generation=4)
    assert changed(warm, replaces_pods=True).low_latency == LowLatency(generation=5)


def test_the_status_is_that_of_the_pods_unless_it_is_disabled() -> None:
    starting = PodSetState(PodStatus.CREATION_PENDING)
    assert ENDPOINT.status(None) is DeploymentStatus.UP
    assert ENDPOINT.status(starting) is DeploymentStatus.CREATION_PENDING
    assert replace(ENDPOINT, is_enabled=False).status(starting) is DeploymentStatus.DISABLED


def test_an_endpoint_takes_and_answers_one_file() -> None:
    taken = [MappedInput(Input(name, "file"), EndpointValue(name)) for name in "ab"]
    answered = [MappedOutput(Output(name, "file"), EndpointResult(name)) for name in "cd"]
    elsewhere: list[OutputDestination] = [Nowhere(), DataStorePath("x")]
    stored = [MappedOutput(Output("e", "file"), destination) for destination in elsewhere]
    check_endpoint_files([*taken[:1], MappedInput(Input("f", "file"), Null())], answered[:1])
    check_endpoint_files([], stored)
    with pytest.raises(InvalidMapping, match="the inputs a, b are files"):
        check_endpoint_files(taken, [])
    with pytest.raises(InvalidMapping, match="the outputs c, d are files"):
        check_endpoint_files([], answered)


def test_the_url_of_an_endpoint_ends_in_a_name_that_no_route_uses() -> None:
    assert check_url_path("predict") == "predict"
    with pytest.raises(InvalidRequest, match="'v1' is reserved"):
        check_url_path("v1")


def test_an_endpoint_token_needs_no_escaping() -> None:
    minted = mint_endpoint_token()
    assert check_endpoint_token(minted) == minted != mint_endpoint_token()
    for token in ("abc", "a" * 257, "with space", "späť", "a\n", 12345, None):
        with pytest.raises(InvalidRequest, match="4 to 256 characters"):
            check_endpoint_token(token)


def test_a_probe_is_a_call_that_fits_the_pods() -> None:
    warm = replace(ENDPOINT, mode=Mode.LOW_LATENCY, low_latency=LowLatency())
    probed = changed(warm, probe=({"flag": True},))
    assert probed.probe == {"flag": True}
    assert changed(probed, is_enabled=False).probe == {"flag": True}
    assert changed(probed, probe=(None,)).probe is None
    with pytest.raises(InvalidRequest, match=r"probe: .*must be of type boolean"):
        changed(warm, probe=({"flag": "yes"},))
    with pytest.raises(InvalidRequest, match="deployment 'd' is elastic"):
        changed(ENDPOINT, probe=({"flag": True},))
