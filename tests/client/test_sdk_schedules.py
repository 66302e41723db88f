"""Periodic deployments with the SDK, against a real server."""

from __future__ import annotations

import inspect
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

import pytest
from craft_ai_sdk import CraftAiSdk
from tests.overdue import early_in_a_minute, forget, make_overdue

from headrace import (
    HeadraceSdk,
    InputSource,
    InvalidMapping,
    InvalidRequest,
    InvalidSchedule,
    NotFound,
    OutputDestination,
)

pytestmark = pytest.mark.system

POLICIES = {
    "timezone": "Europe/Paris",
    "missed": "all",
    "missed_window_s": 3600,
    "overlap": "queue_one",
    "jitter_s": 20,
    "retries": 4,
    "retry_backoff_s": 2.5,
    "execution_timeout_s": 90,
}


@pytest.fixture
def name(sdk):
    """A name for a deployment, which is deleted afterwards."""
    chosen = f"sdk-{uuid.uuid4().hex[:8]}"
    yield chosen
    forget(sdk, chosen)


def test_a_periodic_deployment_is_created_shown_changed_and_deleted(sdk, pipeline, name):
    created = sdk.create_deployment(
        execution_rule="periodic",
        pipeline_name=pipeline("nothing"),
        deployment_name=name,
        schedule="* * * * *",
        description="often",
        is_enabled=False,
    )
    assert (created["status"], created["is_enabled"]) == ("disabled", False)
    assert created["human_readable_schedule"] == "Every minute"
    assert len(created["next_fire_times"]) == 5
    changed = sdk.update_deployment(name, schedule="0 3 * * 1-5")
    assert (changed["schedule"], changed["status"]) == ("0 3 * * 1-5", "disabled")
    changed = sdk.update_deployment(name, True)
    assert (changed["schedule"], changed["status"]) == ("0 3 * * 1-5", "up")
    listed = {item["name"]: item for item in sdk.list_deployments()}
    assert listed[name]["execution_rule"] == "periodic"
    assert listed[name]["next_fire_at"] == changed["next_fire_times"][0]
    assert sdk.delete_deployment(name) == {"name": name, "execution_rule": "periodic"}
    with pytest.raises(NotFound):
        sdk.get_deployment(name)


def test_policies_are_given_at_the_creation_or_later(sdk, pipeline, name):
    created = sdk.create_deployment(
        pipeline("nothing"), name, "periodic", schedule="0 3 * * *", **POLICIES
    )
    assert {key: created[key] for key in POLICIES} == POLICIES
    sdk.delete_deployment(name)
    sdk.create_deployment(pipeline("nothing"), name, "periodic", schedule="0 3 * * *")
    changed = sdk.update_deployment(name, **POLICIES)
    assert {key: changed[key] for key in POLICIES} == POLICIES
    for key, value in {"retries": 0, "jitter_s": 0, "missed": "skip", "timezone": "UTC"}.items():
        changed = sdk.update_deployment(name, **{key: value})
        assert changed[key] == value
    assert (changed["retry_backoff_s"], changed["overlap"]) == (2.5, "queue_one")


def test_positions_of_update_deployment_are_those_of_the_public_client():
    own = list(inspect.signature(HeadraceSdk.update_deployment).parameters.values())
    public = list(inspect.signature(CraftAiSdk.update_deployment).parameters)
    assert [parameter.name for parameter in own[1 : len(public)]] == public[1:]
    assert {parameter.kind for parameter in own[len(public) :]} == {inspect.Parameter.KEYWORD_ONLY}


def test_waiting_ends_for_a_disabled_deployment(sdk, pipeline, name):
    sdk.create_deployment(
        pipeline("nothing"), name, "periodic", schedule="0 3 * * *", is_enabled=False, timeout_s=20
    )
    found = sdk.get_deployment(name, wait_for_completion=True, timeout_s=20)
    assert found["status"] == "disabled"
    found = sdk.update_deployment(name, missed="latest", timeout_s=20)
    assert (found["status"], found["missed"]) == ("disabled", "latest")


def test_all_that_is_not_mapped_is_named(sdk, pipeline, name):
    with pytest.raises(InvalidMapping, match=r"'number1'.*'number2'.*'number3'"):
        sdk.create_deployment(pipeline("add"), name, "periodic", schedule="0 3 * * *")
    sdk.create_deployment(
        pipeline("add"),
        name,
        "periodic",
        schedule="0 3 * * *",
        inputs_mapping=[
            InputSource("number1", constant_value=1),
            InputSource("number2", is_null=True),
        ],
        outputs_mapping=[OutputDestination("number3", is_null=True)],
    )


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"schedule": "* * * *"}, InvalidSchedule, "schedule .* has 4 fields"),
        ({"schedule": "0 0 31 2 *"}, InvalidSchedule, "never fires"),
        ({"timezone": "Paris"}, InvalidSchedule, "timezone"),
        ({"missed": "some"}, InvalidSchedule, "missed must be one of"),
        ({"overlap": "none"}, InvalidSchedule, "overlap must be one of"),
        ({"jitter_s": -1}, InvalidSchedule, "jitter_s"),
        ({"retries": 1000}, InvalidRequest, "retries"),
        ({}, InvalidRequest, "Nothing is to be changed"),
    ],
)
def test_what_cannot_be_changed_says_why(sdk, pipeline, name, arguments, kind, words):
    sdk.create_deployment(pipeline("nothing"), name, "periodic", schedule="0 3 * * *")
    with pytest.raises(kind, match=words):
        sdk.update_deployment(name, **arguments)


def test_fire_times_to_come(sdk, pipeline, name):
    sdk.create_deployment(
        pipeline("nothing"), name, "periodic", schedule="30 12 1 * *", timezone="Asia/Kolkata"
    )
    found = sdk.get_fire_times(name, count=14)
    fire_times = [datetime.fromisoformat(text) for text in found["fire_times"]]
    kolkata = timezone(timedelta(hours=5, minutes=30))
    local = [at.astimezone(kolkata) for at in fire_times]
    assert {(at.day, at.hour, at.minute) for at in local} == {(1, 12, 30)}
    months = [at.year * 12 + at.month for at in local]
    assert months == list(range(months[0], months[0] + 14))
    assert fire_times[0] > datetime.now(UTC)
    assert (found["timezone"], found["is_enabled"], found["offset_s"]) == ("Asia/Kolkata", True, 0)
    assert len(sdk.get_fire_times(name)["fire_times"]) == 10
    with pytest.raises(InvalidRequest, match="count"):
        sdk.get_fire_times(name, count=1001)
    with pytest.raises(NotFound):
        sdk.get_fire_times("no-such-deployment")


@contextmanager
def in_zone(name, monkeypatch):
    """Have this machine be in another time zone."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        yield
    time.tzset()


def test_the_ledger_comes_whole_however_many_pages_it_has(sdk, server, pipeline, name, monkeypatch):
    nothing = pipeline("nothing")
    early_in_a_minute()
    sdk.create_deployment(nothing, name, "periodic", schedule="* * * * *")
    make_overdue(server, sdk, name, nothing, 9)
    rows = sdk.get_ledger(name)
    fire_times = [datetime.fromisoformat(row["fire_at"]) for row in rows]
    assert fire_times == sorted(fire_times, reverse=True)
    assert {fire_times[n] - fire_times[n + 1] for n in range(8)} == {timedelta(minutes=1)}
    monkeypatch.setattr("headrace.client.schedules.PAGE", 2)
    upto = fire_times[0] + timedelta(seconds=1)
    assert sdk.get_ledger(name, to_datetime=upto) == rows
    for limit in (1, 2, 3, 8):
        assert sdk.get_ledger(name, to_datetime=upto, limit=limit) == rows[:limit]
    elsewhere = timezone(timedelta(hours=9))
    some = sdk.get_ledger(name, fire_times[5].astimezone(elsewhere), fire_times[2])
    assert some == rows[3:6]
    with in_zone("Asia/Tokyo", monkeypatch):
        naive = fire_times[2].astimezone().replace(tzinfo=None)
        assert naive.hour == fire_times[2].astimezone(elsewhere).hour
        assert sdk.get_ledger(name, naive, upto) == rows[:3]
    missed = sdk.get_ledger(name, to_datetime=upto, fate="missed")
    assert missed == [row for row in rows if row["fate"] == "missed"]
    assert len(missed) >= 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"fate": "lost"}, "fate must be one of"),
        ({"limit": 0}, "limit must be at least 1"),
        ({"limit": "ten"}, "limit must be a whole number"),
        ({"limit": True}, "limit must be a whole number"),
        ({"from_datetime": "2026-01-01"}, "from_datetime must be a datetime"),
        ({"to_datetime": 5}, "to_datetime must be a datetime"),
        (
            {
                "from_datetime": datetime(2026, 2, 1, tzinfo=UTC),
                "to_datetime": datetime(2026, 1, 1, tzinfo=UTC),
            },
            "from must be before to",
        ),
    ],
)
def test_a_wrong_question_to_the_ledger_is_refused(sdk, pipeline, name, arguments, words):
    sdk.create_deployment(pipeline("nothing"), name, "periodic", schedule="0 3 * * *")
    with pytest.raises(InvalidRequest, match=words):
        sdk.get_ledger(name, **arguments)


def test_a_ledger_is_verified(sdk, server, pipeline, name):
    nothing = pipeline("nothing")
    early_in_a_minute()
    sdk.create_deployment(nothing, name, "periodic", schedule="* * * * *")
    make_overdue(server, sdk, name, nothing, 5)
    oldest = datetime.fromisoformat(sdk.get_ledger(name)[-1]["fire_at"])
    found = sdk.verify_ledger(name)
    assert found["is_proven"] is True
    assert found["deployments"][0]["expected"] == found["deployments"][0]["rows"] >= 4
    some = sdk.verify_ledger(name, oldest, oldest + timedelta(minutes=2))["deployments"][0]
    assert (some["expected"], some["rows"], sum(some["fates"].values())) == (2, 2, 2)
    everything = sdk.verify_ledger()
    assert name in {item["deployment_name"] for item in everything["deployments"]}
    for ask in (sdk.get_ledger, sdk.verify_ledger):
        with pytest.raises(NotFound, match="never was"):
            ask("no-such-deployment")
