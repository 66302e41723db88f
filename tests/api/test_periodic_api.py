"""Periodic deployments over plain HTTP: what is shown, what is refused, what can be changed."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.conftest import (
    NOTHING,
    NULL_INPUTS,
    NULL_OUTPUTS,
    PERIODIC,
    check_error,
    mapped,
    periodic_body,
)

from headrace import HeadraceSdk

pytestmark = pytest.mark.system


def moments(found: list[str]) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in found]


def following(fits: Callable[[datetime], bool], count: int) -> list[datetime]:
    """Return the next whole hours that fit, in UTC: what a calendar says, without cron."""
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    found: list[datetime] = []
    while len(found) < count:
        at += timedelta(hours=1)
        if fits(at):
            found.append(at)
    return found


# What the specification's comment says of its own examples.
EXAMPLES: list[tuple[str, str, Callable[[datetime], bool]]] = [
    ("0 3 * * *", "At 03:00 AM", lambda at: at.hour == 3),
    ("0 21 * * 1", "At 09:00 PM, only on Monday", lambda at: (at.hour, at.weekday()) == (21, 0)),
    (
        "0 18 15 * *",
        "At 06:00 PM, on day 15 of the month",
        lambda at: (at.hour, at.day) == (18, 15),
    ),
    (
        "0 8 * * 1-5",
        "At 08:00 AM, Monday through Friday",
        lambda at: at.hour == 8 and at.weekday() < 5,
    ),
]


@pytest.mark.parametrize(("schedule", "words", "fits"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_the_examples_of_the_specification_fire_when_it_says(
    http: httpx.Client, name: str, create: Any, schedule: str, words: str, fits: Any
) -> None:
    created = create(schedule=schedule)
    assert created["schedule"] == schedule
    assert created["human_readable_schedule"] == words
    assert moments(created["next_fire_times"]) == following(fits, 5)
    shown = http.get(f"/deployments/{name}/fire-times", params={"count": 20}).json()
    assert moments(shown["fire_times"]) == following(fits, 20)
    listed = {item["name"]: item for item in http.get("/deployments").json()}
    assert listed[name]["next_fire_at"] == created["next_fire_times"][0]
    assert listed[name]["schedule"] == schedule


def test_a_deployment_shows_its_schedule_and_the_defaults(create: Any) -> None:
    created = create(schedule="  30   2 *  * MON ")
    assert {key: created[key] for key in ("execution_rule", "status", "is_enabled", "mode")} == {
        "execution_rule": "periodic",
        "status": "up",
        "is_enabled": True,
        "mode": "elastic",
    }
    policies = ("schedule", "timezone", "missed", "missed_window_s", "overlap", "jitter_s")
    assert {key: created[key] for key in policies} == {
        "schedule": "30 2 * * MON",
        "timezone": "UTC",
        "missed": "skip",
        "missed_window_s": 86400,
        "overlap": "parallel",
        "jitter_s": 0,
    }
    assert (created["retries"], created["retry_backoff_s"]) == (0, 10)
    assert created["execution_timeout_s"] is None
    assert not {"endpoint_url", "endpoint_token", "endpoint_url_path"} & set(created)


def test_0_and_7_are_sunday(create: Any, http: httpx.Client, name: str) -> None:
    sundays = following(lambda at: at.hour == 12 and at.weekday() == 6, 5)
    assert moments(create(schedule="0 12 * * 0")["next_fire_times"]) == sundays
    for same in ("0 12 * * 7", "0 12 * * SUN", "0 12 * * sun"):
        changed = http.patch(f"/deployments/{name}", json={"schedule": same}).json()
        assert moments(changed["next_fire_times"]) == sundays


def test_times_are_those_of_the_zone(create: Any) -> None:
    created = create(schedule="0 3 * * *", timezone="Asia/Tokyo")
    assert moments(created["next_fire_times"]) == following(lambda at: at.hour == 18, 5)


def test_jitter_is_told_and_does_not_move_the_fire_times(
    create: Any, http: httpx.Client, name: str
) -> None:
    created = create(jitter_s=600)
    assert moments(created["next_fire_times"]) == following(lambda at: at.hour == 3, 5)
    offsets = {http.get(f"/deployments/{name}/fire-times").json()["offset_s"] for _ in range(3)}
    assert len(offsets) == 1
    assert 0 <= offsets.pop() <= 600


# Fields of a request to create, ``...`` for one left out, and what the message says.
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no schedule": ({"schedule": ...}, "schedule is missing.*'0 3"),
    "null schedule": ({"schedule": None}, "schedule is missing"),
    "number as schedule": ({"schedule": 5}, "schedule must be a text of five cron fields"),
    "list as schedule": ({"schedule": ["*"] * 5}, "schedule must be a text"),
    "empty schedule": ({"schedule": ""}, "schedule .* five"),
    "four fields": ({"schedule": "* * * *"}, "schedule '\\* .* has 4 fields.* five: minute"),
    "six fields": ({"schedule": "* * * * * *"}, "schedule .* has 6 fields"),
    "nickname": ({"schedule": "@daily"}, "schedule '@daily' has 1 field,"),
    "words": ({"schedule": "every day at three o'clock"}, "schedule .*minute is 'every'"),
    "minute": ({"schedule": "60 * * * *"}, "field minute is '60', .* 0 to 59.*'0 8"),
    "hour": ({"schedule": "* 24 * * *"}, "field hour is '24', .* 0 to 23"),
    "day": ({"schedule": "* * 0 * *"}, "field day of the month is '0', .* 1 to 31"),
    "month": ({"schedule": "* * * 13 *"}, "field month is '13', .* 1 to 12"),
    "weekday": ({"schedule": "* * * * 8"}, "field day of the week is '8', .* 0 to 7"),
    "month's name": ({"schedule": "* * * MAI *"}, "field month is 'MAI'.*JAN to DEC"),
    "step of nothing": ({"schedule": "*/0 * * * *"}, "minute is '\\*/0' .a step of 0."),
    "range backwards": ({"schedule": "* 5-3 * * *"}, "hour is '5-3' .a range that ends"),
    "negative": ({"schedule": "-1 * * * *"}, "field minute is '-1'"),
    "other digits": ({"schedule": "٣ * * * *"}, "schedule .*minute"),
    "31 February": ({"schedule": "0 0 31 2 *"}, "schedule .*never fires.*month"),
    "30 February": ({"schedule": "0 0 30,31 2 *"}, "schedule .*never fires"),
    "31 April": ({"schedule": "0 0 31 4,6,9,11 *"}, "schedule .*never fires"),
    "long": ({"schedule": "1," * 100 + "1 * * * *"}, "schedule must be .* at most 200"),
    "nul": ({"schedule": "* * * * \0"}, "schedule .*day of the week"),
    "unknown zone": ({"timezone": "Europe/Atlantis"}, "timezone must be .*'Europe/Paris'"),
    "empty zone": ({"timezone": ""}, "timezone must be"),
    "number as zone": ({"timezone": 2}, "timezone must be"),
    "offset as zone": ({"timezone": "UTC+02:00"}, "timezone must be"),
    "path as zone": ({"timezone": "../../etc/passwd"}, "timezone must be"),
    "absolute path as zone": ({"timezone": "/etc/localtime"}, "timezone must be"),
    "folder as zone": ({"timezone": "Europe"}, "timezone must be"),
    "missed": ({"missed": "never"}, "missed must be one of 'skip', 'latest', 'all'"),
    "missed's type": ({"missed": ["all"]}, "missed must be one of"),
    "window": ({"missed_window_s": "1 day"}, "missed_window_s must be a number of seconds"),
    "negative window": ({"missed_window_s": -1}, "missed_window_s .* from 0 to 2,678,400"),
    "long window": ({"missed_window_s": 2678401}, "missed_window_s .* from 0 to 2,678,400"),
    "window's type": ({"missed_window_s": True}, "missed_window_s"),
    "overlap": ({"overlap": "queue"}, "overlap must be one of 'parallel', 'skip', 'queue_one'"),
    "overlap's type": ({"overlap": 1}, "overlap must be one of"),
    "jitter": ({"jitter_s": 3601}, "jitter_s must be .* from 0 to 3,600"),
    "jitter's type": ({"jitter_s": {}}, "jitter_s must be"),
    "retries": ({"retries": 101}, "retries must be a whole number from 0 to 100"),
    "negative retries": ({"retries": -1}, "retries must be"),
    "half a retry": ({"retries": 0.5}, "retries must be"),
    "retries' type": ({"retries": True}, "retries must be"),
    "backoff": ({"retry_backoff_s": 3601}, "retry_backoff_s must be .* 0 to 3,600"),
    "backoff's type": ({"retry_backoff_s": "10"}, "retry_backoff_s must be"),
    "timeout": ({"execution_timeout_s": 0}, "execution_timeout_s must be .* above 0"),
    "timeout's type": ({"execution_timeout_s": []}, "execution_timeout_s must be"),
    "flag": ({"is_enabled": "no"}, "is_enabled must be true or false"),
    "URL path": ({"endpoint_url_path": "a"}, "endpoint_url_path is for endpoints"),
    "token": ({"endpoint_token": "secret-token"}, "endpoint_token is for endpoints"),
    "unknown key": ({"shedule": "* * * * *"}, "[Uu]nknown key shedule"),
    "mode": ({"mode": "fast"}, "mode must be 'elastic' or 'low_latency', not 'fast'"),
    "memory": ({"ram_request": "1GiB"}, "ram_request is for mode 'low_latency'"),
    "name": ({"name": "a/b"}, "name"),
    "no name": ({"name": ...}, "name is missing"),
    "no pipeline": ({"pipeline_name": ...}, "pipeline_name is missing"),
    "inputs of nothing": (
        {"inputs_mapping": [{"pipeline_input_name": "x", "is_null": True}]},
        "no input 'x'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named_and_nothing_is_made(
    http: httpx.Client, name: str, case: str
) -> None:
    fields, words = BAD[case]
    error = check_error(http.post(PERIODIC, json=periodic_body(name, **fields)), 400)
    assert re.search(words, error["message"]), error["message"]
    assert name not in {item["name"] for item in http.get("/deployments").json()}


CHANGEABLE = {
    "schedule",
    "timezone",
    "missed",
    "missed_window_s",
    "overlap",
    "jitter_s",
    "retries",
    "retry_backoff_s",
    "execution_timeout_s",
    "is_enabled",
}
BAD_CHANGES = {
    case: (fields, words)
    for case, (fields, words) in BAD.items()
    if fields.keys() <= CHANGEABLE and None not in fields.values() and ... not in fields.values()
}


def without_times(deployment: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in deployment.items() if key != "next_fire_times"}


def test_what_is_wrong_with_a_change_is_named_and_changes_nothing(
    http: httpx.Client, name: str, create: Any
) -> None:
    before = create(schedule="0 3 * * *", timezone="Europe/Paris", retries=2)
    assert len(BAD_CHANGES) > 40
    for case, (fields, words) in BAD_CHANGES.items():
        error = check_error(http.patch(f"/deployments/{name}", json=fields), 400)
        assert re.search(words, error["message"]), (case, error["message"])
    for fields in ({}, {"name": "other"}, {"pipeline_name": "x"}, {"endpoint_token": "abcd"}):
        error = check_error(http.patch(f"/deployments/{name}", json=fields), 400)
        assert "what can be is is_enabled, schedule" in error["message"]
    after = http.get(f"/deployments/{name}").json()
    assert without_times(after) == without_times(before)


BAD_MAPPINGS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], str]] = {
    "nothing mapped": (
        [],
        [],
        (
            "'number1' has no source.*'number2' has no.*'note' has no.*'document' has no.*"
            "'total' has no destination.*'report' has no destination: map it to datastore_path or"
        ),
    ),
    "one input and one output not mapped": (
        NULL_INPUTS[1:],
        NULL_OUTPUTS[:1],
        (
            "'number1' has no source: map it to constant_value, environment_variable_name, "
            "datastore_path or is_null; output 'report' has no destination"
        ),
    ),
    "endpoint's kinds": (
        [*NULL_INPUTS[1:], mapped("number1", "input", endpoint_input_name="a")],
        [*NULL_OUTPUTS[1:], mapped("total", "output", endpoint_output_name="a")],
        (
            "'number1' is mapped to endpoint_input_name, which a periodic deployment does not have"
            ".*'total' is mapped to endpoint_output_name, which a periodic deployment does not have"
        ),
    ),
    "unknown parameters": (
        [*NULL_INPUTS, mapped("number9", "input", is_null=True)],
        [*NULL_OUTPUTS, mapped("total9", "output", is_null=True)],
        "no input 'number9'.*no output 'total9'",
    ),
    "mapped twice": (NULL_INPUTS * 2, NULL_OUTPUTS, "'number1' is mapped 2 times"),
    "constant of a wrong type": (
        [*NULL_INPUTS[1:], mapped("number1", "input", constant_value="3")],
        NULL_OUTPUTS,
        "'number1'.*constant_value.*number",
    ),
    "constant file": (
        [*NULL_INPUTS[:3], mapped("document", "input", constant_value="a")],
        NULL_OUTPUTS,
        "'document': a file cannot come from a constant",
    ),
    "file of a variable": (
        [*NULL_INPUTS[:3], mapped("document", "input", environment_variable_name="A")],
        NULL_OUTPUTS,
        "'document': a file cannot come from an environment variable",
    ),
    "stored number": (
        [*NULL_INPUTS[1:], mapped("number1", "input", datastore_path="a")],
        [*NULL_OUTPUTS[1:], mapped("total", "output", datastore_path="a")],
        "'number1'.*'total'",
    ),
    "two kinds": (
        [*NULL_INPUTS[1:], mapped("number1", "input", constant_value=1, is_null=True)],
        NULL_OUTPUTS,
        "'number1' is mapped to constant_value and is_null",
    ),
    "no kind": ([*NULL_INPUTS[1:], mapped("number1", "input")], NULL_OUTPUTS, "'number1'.*nothing"),
}


@pytest.mark.parametrize("case", BAD_MAPPINGS)
def test_every_input_and_output_has_to_be_mapped(http: httpx.Client, name: str, case: str) -> None:
    inputs, outputs, words = BAD_MAPPINGS[case]
    body = periodic_body(
        name, pipeline_name="periodic-add", inputs_mapping=inputs, outputs_mapping=outputs
    )
    error = check_error(http.post(PERIODIC, json=body), 400)
    assert error["name"] == "InvalidMapping"
    assert re.search(words, error["message"]), error["message"]
    assert http.get(f"/deployments/{name}").status_code == 404


def test_endpoints_have_no_schedule(http: httpx.Client, sdk: HeadraceSdk, name: str) -> None:
    body = {"pipeline_name": NOTHING, "name": name, "mode": "elastic"}
    policies = {"timezone": "UTC", "missed": "all", "missed_window_s": 1, "jitter_s": 0}
    for key, value in {"schedule": "* * * * *", "overlap": "skip", **policies}.items():
        error = check_error(http.post("/endpoints", json={**body, key: value}), 400)
        assert re.search(f"^{key} is for periodic deployments", error["message"])
        assert http.get(f"/deployments/{name}").status_code == 404
    assert http.post("/endpoints", json={**body, "retries": 1}).status_code == 201
    for key, value in {"schedule": "* * * * *", "overlap": "skip", **policies}.items():
        error = check_error(http.patch(f"/deployments/{name}", json={key: value}), 400)
        assert "is an endpoint, so it has no schedule" in error["message"]
    error = check_error(http.get(f"/deployments/{name}/fire-times"), 400)
    assert "is an endpoint, so it has no fire times" in error["message"]
    check_error(http.get(f"/deployments/{name}/ledger"), 404)
    check_error(http.get("/ledger/verification", params={"deployment_name": name}), 404)
    shown = http.get(f"/deployments/{name}").json()
    assert not {"schedule", "timezone", "next_fire_times", "missed"} & set(shown)


CHANGES: list[dict[str, Any]] = [
    {"schedule": "30 4 * * *"},
    {"timezone": "Europe/Paris"},
    {"missed": "all"},
    {"missed_window_s": 60},
    {"overlap": "queue_one"},
    {"jitter_s": 5},
    {"retries": 3},
    {"retry_backoff_s": 1.5},
    {"execution_timeout_s": 30},
    {"inputs_mapping": [mapped("number1", "input", constant_value=7)]},
    {"outputs_mapping": [mapped("report", "output", datastore_path="a/{date}.txt")]},
]


def test_a_pause_survives_every_change_and_each_change_touches_nothing_else(
    http: httpx.Client, name: str, create: Any
) -> None:
    inputs = [mapped("number1", "input", constant_value=1), *NULL_INPUTS[1:]]
    outputs = [NULL_OUTPUTS[0], mapped("report", "output", datastore_path="b.txt")]
    present = create(
        pipeline_name="periodic-add",
        inputs_mapping=inputs,
        outputs_mapping=outputs,
        is_enabled=False,
    )
    assert (present["is_enabled"], present["status"]) == (False, "disabled")
    for change in CHANGES:
        changed = http.patch(f"/deployments/{name}", json=change)
        assert changed.status_code == 200, changed.text
        after = changed.json()
        touched = {key for key in present if present[key] != after[key]}
        may_follow = {"next_fire_times", "human_readable_schedule", "updated_at"}
        assert touched - may_follow == set(change)
        assert (after["is_enabled"], after["status"]) == (False, "disabled")
        present = after
    assert http.get(f"/deployments/{name}").json() == present
    enabled = http.patch(f"/deployments/{name}", json={"is_enabled": True}).json()
    assert (enabled["is_enabled"], enabled["status"]) == (True, "up")
    for change in CHANGES:
        assert http.patch(f"/deployments/{name}", json=change).json()["is_enabled"] is True


any_value = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from(["* * * * *", "0 3 * * *", "Europe/Paris", "skip", "all", "parallel"])
    | st.from_regex(r"\A[0-9*/,L#-]{1,6}( [0-9*/,LWA-Z#?-]{1,6}){4}\Z")
    | st.lists(st.none() | st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)
any_fields = st.dictionaries(st.sampled_from(sorted(CHANGEABLE)), any_value, max_size=4)


@given(any_fields)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_is_sent_is_taken_or_refused_with_words(
    http: httpx.Client, fields: dict[str, Any]
) -> None:
    name = f"fuzzed-{uuid.uuid4().hex[:12]}"
    headers = {"Content-Type": "application/json"}
    body = json.dumps(periodic_body(name, **fields)).encode()
    answer = http.post(PERIODIC, content=body, headers=headers)
    if answer.status_code != 201:
        assert "name" not in check_error(answer, 400)["message"][:5]
        assert http.post(PERIODIC, json=periodic_body(name)).status_code == 201
    before = http.get(f"/deployments/{name}").json()
    change = http.patch(
        f"/deployments/{name}", content=json.dumps(fields).encode(), headers=headers
    )
    assert change.status_code in {200, 400}, change.text
    after = http.get(f"/deployments/{name}").json()
    if change.status_code == 400:
        check_error(change, 400)
        assert without_times(after) == without_times(before)
    fire_times = moments(after["next_fire_times"])
    assert fire_times == sorted(set(fire_times))
    assert http.get(f"/deployments/{name}/fire-times").status_code == 200
    assert http.delete(f"/deployments/{name}").status_code == 200
