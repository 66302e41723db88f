"""Waiting, the age of access tokens, and what goes into a request: the parts without a server."""

from __future__ import annotations

import base64
import io
import json
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from headrace import InvalidValue, Unavailable, WaitTimeout
from headrace.client.authentication import access_token
from headrace.client.parts import log_period
from headrace.client.uploads import file_part, values_text
from headrace.client.waiting import wait_for


def known():
    """The server has answered before."""
    return True


def token_of(claims):
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{part}.sig"


@pytest.mark.parametrize(
    ("claims", "fresh", "stale"),
    [
        ({"iat": 1000, "exp": 4600}, 3479, 3481),  # two minutes before its end
        ({"iat": 0.5, "exp": 100.5}, 49, 51),  # a short one: after half of its life
    ],
)
def test_a_token_is_renewed_by_its_own_age(claims, fresh, stale):
    token = access_token(token_of(claims), now=10.0)
    assert token.is_fresh(10.0 + fresh)
    assert not token.is_fresh(10.0 + stale)


@pytest.mark.parametrize("text", ["opaque", "a.b.c", "..", token_of({}), token_of({"exp": 3})])
def test_a_token_that_does_not_tell_its_life_is_used_until_refused(text):
    assert access_token(text, now=0.0).is_fresh(1e9)


def test_a_wait_asks_until_there_is_an_answer():
    answers = iter([None, None, 42])
    assert wait_for(lambda _: next(answers), what="it", is_known=known) == 42


def test_a_wait_ends_at_its_time_and_says_that_the_thing_goes_on():
    left: list[float | None] = []
    with pytest.raises(WaitTimeout, match=r"The build is not done after 0\.3 s; it goes on"):
        wait_for(left.append, what="The build", is_known=known, timeout_s=0.3)
    assert all(seconds is not None and 0 < seconds <= 0.3 for seconds in left)


def test_a_server_silent_until_the_end_of_a_wait_is_a_timeout():
    answers = iter([None])

    def ask(_):
        for answer in answers:
            return answer
        raise Unavailable("gone")

    with pytest.raises(WaitTimeout):
        wait_for(ask, what="it", is_known=known, timeout_s=0.4)


def test_a_server_that_never_answered_ends_the_wait_at_once():
    asked = []

    def ask(left):
        asked.append(left)
        raise Unavailable("gone")

    with pytest.raises(Unavailable, match="gone"):
        wait_for(ask, what="it", is_known=lambda: False)
    assert len(asked) == 1


def test_a_wait_outlives_a_restart_of_the_server():
    answers = iter([None, Unavailable("gone"), None, Unavailable("gone"), "done"])

    def ask(_):
        answer = next(answers)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    assert wait_for(ask, what="it", is_known=known) == "done"


def test_values_are_one_json_object():
    values = {"n": 9, "t": "é", "a": (1, 2), "nothing": None}
    assert json.loads(values_text(values)) == {"n": 9, "t": "é", "a": [1, 2], "nothing": None}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}, b"bytes"])
def test_a_value_that_is_no_json_is_named(value):
    with pytest.raises(InvalidValue, match="input 'x' cannot be sent as JSON"):
        values_text({"x": value})


def test_a_file_is_a_path_bytes_or_a_binary_object(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"1,2")
    with ExitStack() as opened:
        for value, filename in ((path, "rows.csv"), (str(path), "rows.csv"), (b"1,2", "f")):
            assert file_part("f", value, opened).filename == filename
        assert file_part("f", io.BytesIO(b"1,2"), opened).filename == "f"
        with path.open("rb") as file:
            assert file_part("f", file, opened).filename == "rows.csv"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("missing.csv", "'missing.csv' cannot be read: No such file"),
        (".", "cannot be read"),
        (3, "give a path, bytes or a readable binary object, not int"),
        (io.StringIO("text"), "open it with mode 'rb'"),
    ],
)
def test_a_file_that_cannot_be_sent_is_named(value, words):
    with ExitStack() as opened, pytest.raises(InvalidValue, match=words):
        file_part("f", value, opened)


def test_a_period_of_logs_is_in_milliseconds():
    at = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert log_period(at, None, 10) == {"from": 1767323045678, "limit": 10}
    naive = at.astimezone().replace(tzinfo=None)
    assert log_period(None, naive, None) == {"to": 1767323045678}
