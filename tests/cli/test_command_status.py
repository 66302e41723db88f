"""What `headrace status` tells of what failed, and the SDK's and the API's same answers."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx
import pytest
from tests.overdue import forget

from headrace import HeadraceError, HeadraceSdk

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def sdk(server):
    with HeadraceSdk(server.token, server.url) as made:
        yield made


@pytest.fixture(scope="module")
def broken(sdk, pipeline):
    """An endpoint that has failed three times, and never anything else."""
    name = f"status-{uuid.uuid4().hex[:8]}"
    token = sdk.create_deployment(pipeline("fail"), name, "endpoint")["endpoint_token"]
    for _ in range(3):
        with pytest.raises(HeadraceError):
            sdk.trigger_endpoint(name, token, {})
    yield name
    forget(sdk, name)


def of(found, name):
    return [one for one in found["failures"] if one["deployment_name"] == name]


def test_failures_are_told_with_their_reason_and_how_often_in_a_row(headrace, sdk, broken):
    (cause,) = of(sdk.get_activity(), broken)
    assert (cause["count"], cause["in_a_row"], cause["kind"]) == (3, 3, "user_error")
    last = sdk.get_pipeline_execution(cause["last_execution_id"])
    assert last["status"] == "Failed"
    said = headrace.said("status")
    (line,) = [line for line in said.splitlines() if line.split()[:1] == [broken]]
    assert line.split()[1:3] == ["3", "3"]
    assert cause["last_execution_id"] in line
    assert line.rstrip().endswith(cause["message"])
    (same,) = of(headrace.json("status", "--json")["activity"], broken)
    assert same["message"] == cause["message"]


def test_failures_of_an_earlier_time_are_left_out(headrace, sdk, broken):
    later = datetime.now(UTC) + timedelta(hours=1)
    assert of(sdk.get_activity(later), broken) == []
    said = headrace.said("status", "--since", later.isoformat())
    assert "Nothing failed since" in said
    assert broken not in said


def test_times_that_are_none_are_refused(server, sdk, headrace):
    with pytest.raises(HeadraceError, match="since must be a datetime"):
        sdk.get_activity("yesterday")
    with pytest.raises(HeadraceError, match="range must be one of 1h, 6h, 24h, 7d, 31d"):
        sdk.get_calls_over_time("2h")
    with pytest.raises(HeadraceError, match="no-such"):
        sdk.get_calls_over_time("1h", "no-such")
    done = headrace("status", "--since", "yesterday")
    assert done.returncode == 2
    bare = httpx.get(f"{server.url}/api/v1/activity", trust_env=False)
    assert bare.status_code == 401


def test_calls_over_time_have_each_period_of_the_range(sdk, broken):
    hour = sdk.get_calls_over_time("1h", broken)
    assert len(hour) == 60
    begins = [datetime.fromisoformat(period["begin"]) for period in hour]
    assert {later - earlier for earlier, later in pairwise(begins)} == {timedelta(minutes=1)}
    assert set(hour[0]) == {"begin", "calls", "failed", "p50_s", "p95_s"}
    assert len(sdk.get_calls_over_time("31d")) == 31 * 4
