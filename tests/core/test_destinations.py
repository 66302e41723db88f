"""Destinations of outputs: their paths and patterns."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.destinations import data_store_path, endpoint_result
from headrace.core.errors import InvalidName, InvalidRequest
from headrace.core.objects import check_object_path

AT = datetime(2024, 2, 29, 23, 5, 7, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "expanded"),
    [
        ("a/b.csv", "a/b.csv"),
        ("/a/b.csv", "a/b.csv"),
        ("{execution_id}", "ID"),
        ("r/{date}/{execution_id}.bin", "r/20240229/ID.bin"),
        ("{date_time}-{date}", "20240229_230507-20240229"),
        ("{date}{date}", "2024022920240229"),
        ("a{b", "a{b"),
        ("}{date}{", "}20240229{"),
    ],
)
def test_patterns(path: str, expanded: str) -> None:
    assert data_store_path(path).path_for("ID", AT) == expanded


@pytest.mark.parametrize("path", ["{time}", "a/{Date}", "{}", "{ date }", "{execution_id}{x}"])
def test_an_unknown_pattern_is_named(path: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape("use {execution_id}, {date} or")):
        data_store_path(path)


@pytest.mark.parametrize("path", ["", "/", "..", "a/../b", "a//b", "a/./b", "a\\b", "a\nb", "a/"])
def test_a_path_stays_in_the_data_store(path: str) -> None:
    with pytest.raises(InvalidRequest):
        data_store_path(path)


@given(
    st.datetimes(
        AT.replace(year=1970, day=28, tzinfo=None),
        AT.replace(year=9998, day=28, tzinfo=None),
        timezones=st.just(timezone(timedelta(hours=-11))),
    )
)
def test_dates_are_of_utc(at: datetime) -> None:
    utc = at.replace(tzinfo=UTC) + timedelta(hours=11)
    expanded = data_store_path("{date}x{date_time}").path_for("ID", at)
    date, time = expanded.split("x")
    assert time.partition("_")[0] == date
    stamp = f"{utc.year:04}{utc.month:02}{utc.day:02}_{utc.hour:02}{utc.minute:02}{utc.second:02}"
    assert time == stamp


@given(st.from_regex(r"([a-z0-9]|\{date\}|\{date_time\}|\{execution_id\}){1,8}", fullmatch=True))
def test_an_expanded_path_is_a_path(path: str) -> None:
    expanded = data_store_path(path).path_for("0190-af", AT)
    assert check_object_path(expanded) == expanded
    assert "{" not in expanded


def test_an_endpoint_name_is_a_name() -> None:
    assert endpoint_result("r.1").name == "r.1"
    with pytest.raises(InvalidName, match="endpoint_output_name 'a b'"):
        endpoint_result("a b")
