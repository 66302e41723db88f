"""What is shown of a deployment whose executions fail, against a real server."""

from __future__ import annotations

import uuid

import pytest
from tests.overdue import early_in_a_minute, forget, make_overdue

from headrace import HeadraceError, HeadraceSdk

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def sdk(server):
    with HeadraceSdk(server.token, server.url) as made:
        yield made


@pytest.fixture
def name(sdk):
    """A name for a deployment, which is deleted afterwards."""
    chosen = f"health-{uuid.uuid4().hex[:8]}"
    yield chosen
    forget(sdk, chosen)


def health_in_the_list(headrace, name):
    """Return what the column of the table says."""
    head, *rows = headrace.said("deployments", "list").splitlines()
    start = head.index("HEALTH")
    (row,) = [row for row in rows if row.split()[0] == name]
    return row[start:].split("  ")[0]


def test_a_job_that_fails_each_minute_does_not_look_well(headrace, pipeline, server, sdk, name):
    early_in_a_minute()
    arguments = ("deployments", "create", name, "--pipeline", pipeline("fail"))
    headrace.said(*arguments, "--schedule", "* * * * *", "--missed", "all")
    assert health_in_the_list(headrace, name) == "-"
    assert "nothing has ended yet" in headrace.said("deployments", "show", name)
    make_overdue(server, sdk, name, pipeline("nothing"), 3)
    headrace.said("deployments", "update", name, "--disable")
    for row in sdk.get_ledger(name):
        with pytest.raises(HeadraceError, match="too bad"):
            sdk.retrieve_pipeline_execution_outputs(row["execution_id"])
    health = sdk.get_deployment(name)["health"]
    assert health["state"] == "failing"
    assert health["failed"] == health["recent"] >= 3
    last = health["last_failure"]
    assert (last["kind"], last["message"]) == ("user_error", "ValueError: too bad")
    assert last["execution_id"] == sdk.get_deployment(name)["last_execution_id"]
    assert (
        health_in_the_list(headrace, name) == f"failing: {health['failed']} of {health['recent']}"
    )
    said = headrace.said("deployments", "show", name)
    assert f"failing: {health['failed']} of the latest {health['recent']} failed" in said
    assert f"{last['execution_id']} ValueError: too bad" in said
    (listed,) = [item for item in sdk.list_deployments() if item["name"] == name]
    assert listed["health"] == health


@pytest.mark.parametrize("mode", ["elastic", "low_latency"])
def test_an_endpoint_that_answers_is_healthy(headrace, pipeline, sdk, name, mode):
    made = sdk.create_deployment(pipeline("echo"), name, "endpoint", mode=mode)
    assert made["health"]["state"] == "unknown"
    sdk.trigger_endpoint(name, inputs={"text": "a"})
    health = {"state": "healthy", "recent": 1, "failed": 0, "last_failure": None}
    assert sdk.get_deployment(name)["health"] == health
    assert health_in_the_list(headrace, name) == "healthy"
