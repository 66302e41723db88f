"""Fire times over plain HTTP: that they fire, and what their ledger says and proves."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.conftest import (
    NOTHING,
    NULL_INPUTS,
    NULL_OUTPUTS,
    PERIODIC,
    check_error,
    client_of,
    make_periodic_pipelines,
    mapped,
    periodic_body,
)
from tests.conftest import RunningServer, wait_until
from tests.overdue import early_in_a_minute, make_overdue, minutes_ago, set_back

from headrace import HeadraceSdk

pytestmark = pytest.mark.system


def moments(found: list[str]) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in found]


def lateness(row: dict[str, Any]) -> timedelta:
    recorded_at, fire_at = moments([row["recorded_at"], row["fire_at"]])
    return recorded_at - fire_at


def test_fire_times_that_were_missed_are_caught_up(
    http: httpx.Client,
    server: RunningServer,
    sdk: HeadraceSdk,
    name: str,
    create: Any,
    ended: Any,
    tmp_path: Path,
) -> None:
    inputs = [
        mapped("number1", "input", constant_value=4),
        mapped("number2", "input", environment_variable_name="PERIODIC_NUMBER"),
        *NULL_INPUTS[2:],
    ]
    outputs = [NULL_OUTPUTS[0], mapped("report", "output", datastore_path="{execution_id}.txt")]
    sdk.create_or_update_environment_variable("PERIODIC_NUMBER", 5)
    create(
        pipeline_name="periodic-add",
        inputs_mapping=inputs,
        outputs_mapping=outputs,
        schedule="* * * * *",
        missed="all",
    )
    first = minutes_ago(3)
    fates = make_overdue(server, sdk, name, NOTHING, 4)
    assert fates[:2] == ["caught_up", "caught_up"]
    rows = http.get(f"/deployments/{name}/ledger").json()["items"][::-1][:4]
    assert moments([row["fire_at"] for row in rows]) == [
        first + timedelta(minutes=n) for n in range(4)
    ]
    for row in rows:
        execution = ended(row["execution_id"])
        assert (execution["status"], execution["fire_at"]) == ("Succeeded", row["fire_at"])
        assert execution["deployment_name"] == name
        report = f"{row['execution_id']}.txt"
        sdk.download_data_store_object(report, tmp_path / report)
        assert (tmp_path / report).read_text() == "9"
        sdk.delete_data_store_object(report)
    assert "late" in rows[0]["detail"]
    sdk.delete_environment_variable("PERIODIC_NUMBER")


@pytest.mark.parametrize(
    ("fields", "fates"),
    [
        ({"missed": "skip"}, ["missed", "missed", "missed"]),
        ({"missed": "latest"}, ["missed", "missed", "missed"]),
        ({"missed": "all", "missed_window_s": 150}, ["missed", "missed", "missed"]),
        ({"missed": "all", "is_enabled": False}, ["paused", "paused", "paused"]),
    ],
    ids=["skip", "latest", "window", "paused"],
)
def test_fire_times_without_an_execution_have_a_row_as_well(
    http: httpx.Client,
    server: RunningServer,
    sdk: HeadraceSdk,
    name: str,
    create: Any,
    fields: dict[str, Any],
    fates: list[str],
) -> None:
    create(schedule="* * * * *", **fields)
    # The last one is not a minute old, and the one before it may be noticed on time as well.
    assert make_overdue(server, sdk, name, NOTHING, 6)[:3] == fates
    for row in http.get(f"/deployments/{name}/ledger").json()["items"][-3:]:
        assert row["execution_id"] is None
        assert row["detail"]
        assert row["recorded_at"] > row["fire_at"]


def test_a_fire_time_that_overlaps_is_skipped_if_that_was_asked(
    http: httpx.Client,
    server: RunningServer,
    sdk: HeadraceSdk,
    name: str,
    create: Any,
    ended: Any,
    tmp_path: Path,
) -> None:
    path = tmp_path / "go"
    create(
        pipeline_name="periodic-hold",
        inputs_mapping=[mapped("path", "input", constant_value=str(path))],
        schedule="* * * * *",
        missed="all",
        overlap="skip",
    )
    fates = make_overdue(server, sdk, name, NOTHING, 3)
    assert fates == ["caught_up", "overlapped", "overlapped"]
    rows = http.get(f"/deployments/{name}/ledger").json()["items"]
    assert "has not ended" in rows[-2]["detail"]
    path.touch()
    assert ended(rows[-1]["execution_id"])["status"] == "Succeeded"


def test_what_fails_is_attempted_again(
    http: httpx.Client, server: RunningServer, sdk: HeadraceSdk, name: str, create: Any, ended: Any
) -> None:
    create(
        pipeline_name="periodic-fail",
        schedule="* * * * *",
        missed="all",
        retries=2,
        retry_backoff_s=0.01,
    )
    make_overdue(server, sdk, name, NOTHING, 1)
    row = http.get(f"/deployments/{name}/ledger").json()["items"][-1]
    execution = ended(row["execution_id"])
    assert (execution["status"], execution["attempt"], execution["retries"]) == ("Failed", 3, 2)
    assert [attempt["attempt"] for attempt in execution["attempts"]] == [1, 2]
    assert {attempt["failure"]["message"] for attempt in execution["attempts"]} == {
        "ValueError: no luck"
    }


def test_the_ledger_is_paged_and_filtered(
    http: httpx.Client, server: RunningServer, sdk: HeadraceSdk, name: str, create: Any
) -> None:
    create(schedule="* * * * *", is_enabled=False)
    make_overdue(server, sdk, name, NOTHING, 7)
    url = f"/deployments/{name}/ledger"
    everything = http.get(url).json()
    # A minute may pass meanwhile.
    rows = everything["items"][-7:]
    assert everything["next_cursor"] is None
    paged: list[dict[str, Any]] = []
    cursor = rows[0]["fire_at"]
    to = (datetime.fromisoformat(cursor) + timedelta(seconds=1)).isoformat()
    query: dict[str, Any] = {"limit": 3, "to": to}
    pages = 0
    while True:
        page = http.get(url, params=query).json()
        paged += page["items"]
        pages += 1
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert (paged, pages) == (rows, 3)
    # From is the first that counts, to is the first that does not.
    some = http.get(url, params={"from": rows[4]["fire_at"], "to": rows[2]["fire_at"]}).json()
    assert some["items"] == rows[3:5]
    assert http.get(url, params={"fate": "ran"}).json()["items"] == []
    assert http.get(url, params={"fate": "paused", "limit": 1}).json()["items"][0]
    verified = http.get(
        "/ledger/verification",
        params={"deployment_name": name, "from": rows[4]["fire_at"], "to": rows[2]["fire_at"]},
    ).json()["deployments"][0]
    assert (verified["expected"], verified["rows"]) == (2, 2)
    assert (verified["since"], verified["until"]) == (rows[4]["fire_at"], rows[2]["fire_at"])


BAD_QUERIES: dict[str, tuple[str, dict[str, str], str]] = {
    "count": ("fire-times", {"count": "0"}, "count"),
    "many": ("fire-times", {"count": "1001"}, "count .*1,?000"),
    "count's type": ("fire-times", {"count": "ten"}, "count"),
    "from": ("ledger", {"from": "yesterday"}, "from must be a time in ISO 8601"),
    "to": ("ledger", {"to": "2026-13-01"}, "to must be a time"),
    "cursor": ("ledger", {"cursor": "x"}, "cursor must be a time"),
    "early": ("ledger", {"from": "0001-01-01T00:00:00+05:00"}, "from must be"),
    "first year": ("ledger", {"from": "0001-01-01"}, "from must be"),
    "late": ("ledger", {"to": "9999-12-31T23:59:59-05:00"}, "to must be"),
    "backwards": ("ledger", {"from": "2026-02-01", "to": "2026-01-01"}, "from must be before to"),
    "fate": ("ledger", {"fate": "lost"}, "fate must be one of 'ran', 'caught_up'"),
    "limit": ("ledger", {"limit": "0"}, "limit"),
    "large limit": ("ledger", {"limit": "1001"}, "limit"),
    "verified from": ("verification", {"from": "x"}, "from must be"),
    "verified early": ("verification", {"from": "0001-01-01"}, "from must be"),
    "verified to": ("verification", {"to": "x"}, "to must be"),
    "verified backwards": (
        "verification",
        {"from": "2026-02-01", "to": "2026-02-01"},
        "from must be before to",
    ),
}


@pytest.mark.parametrize("case", BAD_QUERIES)
def test_a_bad_query_is_refused(http: httpx.Client, name: str, create: Any, case: str) -> None:
    create()
    route, query, words = BAD_QUERIES[case]
    url = "/ledger/verification" if route == "verification" else f"/deployments/{name}/{route}"
    error = check_error(http.get(url, params=query), 400)
    assert re.search(words, error["message"]), error["message"]


def test_a_time_of_a_query_may_have_any_offset(http: httpx.Client, name: str, create: Any) -> None:
    create()
    for text in ("2026-03-29", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00%2B02:00"):
        assert http.get(f"/deployments/{name}/ledger?from={text}").status_code == 200
    # A plus sign that was not escaped arrives as a space.
    assert http.get(f"/deployments/{name}/ledger?from=2026-03-29T03:00:00+02:00").status_code == 200


def test_what_there_is_not_is_not_found(http: httpx.Client) -> None:
    for url in ("/deployments/nobody/fire-times", "/deployments/nobody/ledger"):
        check_error(http.get(url), 404)
    check_error(http.get("/ledger/verification", params={"deployment_name": "nobody"}), 404)


def test_the_ledger_outlives_the_deployment(
    http: httpx.Client, server: RunningServer, sdk: HeadraceSdk, name: str, create: Any
) -> None:
    create(schedule="* * * * *")
    make_overdue(server, sdk, name, NOTHING, 3)
    rows = http.get(f"/deployments/{name}/ledger").json()["items"]
    assert http.delete(f"/deployments/{name}").json() == {
        "name": name,
        "execution_rule": "periodic",
    }
    check_error(http.get(f"/deployments/{name}"), 404)
    check_error(http.get(f"/deployments/{name}/fire-times"), 404)
    assert http.get(f"/deployments/{name}/ledger").json()["items"][-3:] == rows[-3:]
    verified = http.get("/ledger/verification", params={"deployment_name": name}).json()
    assert verified["is_proven"] is True
    # Another one of that name has a ledger of its own.
    create(schedule="0 0 1 1 *")
    assert http.get(f"/deployments/{name}/ledger").json()["items"] == []
    both = http.get("/ledger/verification", params={"deployment_name": name}).json()
    assert len({found["deployment_id"] for found in both["deployments"]}) == 2
    assert both["is_proven"] is True


def test_a_call_by_hand_runs_it_once_beside_its_schedule(
    http: httpx.Client, name: str, create: Any, ended: Any
) -> None:
    create()
    answer = http.post(f"/deployments/{name}/executions", json={})
    execution = ended(answer.json()["execution_id"])
    assert (execution["status"], execution["fire_at"]) == ("Succeeded", None)
    assert http.get(f"/deployments/{name}/ledger").json()["items"] == []
    assert http.get(f"/deployments/{name}/executions/latest").json() == answer.json()


@pytest.mark.once
def test_every_minute_is_every_minute(http: httpx.Client, name: str, create: Any) -> None:
    """The one test that waits for the clock itself."""
    created = create(schedule="* * * * *")
    url = f"/deployments/{name}/ledger"
    wait_until(lambda: http.get(url).json()["items"], timeout_s=90, what="a minute begins")
    row = http.get(url).json()["items"][-1]
    assert row["fire_at"] == created["next_fire_times"][0]
    assert row["fate"] == "ran"
    assert row["recorded_at"] >= row["fire_at"]
    execution = http.get(f"/executions/{row['execution_id']}").json()
    assert execution["fire_at"] == row["fire_at"]


def test_a_schedule_that_lags_behind_its_ledger_stops_neither_itself_nor_others(
    own_server: Callable[..., RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No transaction leaves that behind; a database that somebody mended by hand may."""
    running = own_server()
    with HeadraceSdk(running.token, running.url) as sdk:
        make_periodic_pipelines(sdk, tmp_path_factory.mktemp("own"))
        early_in_a_minute()
        for name in ("lags", "other"):
            sdk.create_deployment(NOTHING, name, "periodic", schedule="* * * * *", missed="all")
        first = minutes_ago(3)
        make_overdue(running, sdk, "lags", NOTHING, 4)
        rows = sdk.get_ledger("lags")
        running.stop()
        for name in ("lags", "other"):
            set_back(running, name, first)
        running.start()
    with HeadraceSdk(running.token, running.url) as sdk:
        wait_until(lambda: len(sdk.get_ledger("other")) >= 4, what="the other one fires")
        assert sdk.get_ledger("lags")[-4:] == rows[-4:]
        assert sdk.verify_ledger()["is_proven"] is True
        running.stop()
        set_back(running, "lags", first)
        running.start()
    with HeadraceSdk(running.token, running.url) as sdk:
        sdk.update_deployment("lags", schedule="0 3 * * *")
        sdk.delete_deployment("lags")
        assert sdk.get_ledger("lags")[-4:] == rows[-4:]


def test_what_jitter_has_put_off_runs_when_the_deployment_changes(
    http: httpx.Client, server: RunningServer, name: str
) -> None:
    """A change settles what came before it; that is no reason to call it late, or to skip it."""
    first_name = name
    for number in itertools.count():
        # Another name each time: one that is used again has two ledgers.
        name = f"{first_name}-{number}"
        body = periodic_body(name, schedule="* * * * *", jitter_s=3600)
        assert http.post(PERIODIC, json=body).status_code == 201
        offset_s = http.get(f"/deployments/{name}/fire-times").json()["offset_s"]
        if offset_s > 600:
            break
        http.delete(f"/deployments/{name}")
    first = minutes_ago(3)
    set_back(server, name, first, timedelta(seconds=offset_s))
    answer = http.patch(f"/deployments/{name}", json={"schedule": "0 3 * * *"})
    assert answer.status_code == 200, answer.text
    rows = http.get(f"/deployments/{name}/ledger").json()["items"][::-1][:4]
    assert moments([row["fire_at"] for row in rows]) == [
        first + timedelta(minutes=n) for n in range(4)
    ]
    assert [row["fate"] for row in rows] == ["ran"] * 4
    assert all(row["execution_id"] for row in rows)
    assert http.delete(f"/deployments/{name}").status_code == 200


def test_what_came_due_while_no_server_ran_is_acted_on_at_the_start(
    own_server: Callable[..., RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> None:
    running = own_server()
    with HeadraceSdk(running.token, running.url) as sdk:
        make_periodic_pipelines(sdk, tmp_path_factory.mktemp("own"))
        early_in_a_minute()
        for missed in ("all", "latest", "skip"):
            sdk.create_deployment(NOTHING, missed, "periodic", schedule="* * * * *", missed=missed)
    running.stop()
    first = minutes_ago(5)
    for missed in ("all", "latest", "skip"):
        set_back(running, missed, first)
    running.start()
    with HeadraceSdk(running.token, running.url) as sdk:
        for missed, fates in (
            ("all", ["caught_up"] * 4),
            ("latest", ["missed"] * 4),
            ("skip", ["missed"] * 4),
        ):
            wait_until(partial(sdk.get_ledger, missed), what="it is acted on")
            rows = sdk.get_ledger(missed)[::-1]
            assert moments([row["fire_at"] for row in rows[:6]]) == [
                first + timedelta(minutes=n) for n in range(6)
            ]
            assert [row["fate"] for row in rows[:4]] == fates
            # Whatever the policy, what is noticed within a minute is on time.
            on_time = [row["fate"] for row in rows if lateness(row) <= timedelta(minutes=1)]
            assert set(on_time) == {"ran"}
    with client_of(running) as http:
        verified = http.get("/ledger/verification").json()
        assert verified["is_proven"] is True
        assert [found["expected"] for found in verified["deployments"]] == [
            found["rows"] for found in verified["deployments"]
        ]
