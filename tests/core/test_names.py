"""Names: the one rule, and ids that sort by creation."""

from __future__ import annotations

import keyword
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import InvalidName
from headrace.core.names import (
    MAX_NAME_LENGTH,
    check_name,
    check_parameter_name,
    check_variable_name,
    new_id,
)

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALLOWED = f"{LETTERS}0123456789_.-"


@given(
    first=st.sampled_from(f"{LETTERS}0123456789"),
    rest=st.text(ALLOWED, max_size=MAX_NAME_LENGTH - 1),
)
def test_every_text_of_the_rule_is_a_name(first: str, rest: str) -> None:
    assert check_name(first + rest, "the name") == first + rest


@given(st.text())
def test_no_other_text_is_a_name(text: str) -> None:
    by_rule = (
        0 < len(text) <= MAX_NAME_LENGTH and text[0] not in "_.-" and not set(text) - set(ALLOWED)
    )
    if by_rule:
        assert check_name(text, "the name") == text
        return
    with pytest.raises(InvalidName, match="the name"):
        check_name(text, "the name")


@pytest.mark.parametrize("value", [None, "", 1, ["a"], {"a": 1}, True, b"a"])
def test_a_name_is_a_text(value: object) -> None:
    with pytest.raises(InvalidName, match="non-empty string"):
        check_name(value, "the name")


@pytest.mark.parametrize(
    "value", ["a/b", "a?b", "a#b", "a b", "a\n", "é", "..", ".a", "a\0", "%41"]
)
def test_what_breaks_urls_is_no_name(value: str) -> None:
    with pytest.raises(InvalidName, match="start with a letter or a digit"):
        check_name(value, "the name")


@pytest.mark.parametrize("value", ["a", "_a", "__", "a1", "a_b", "match", "x" * MAX_NAME_LENGTH])
def test_a_parameter_is_an_identifier(value: str) -> None:
    assert check_parameter_name(value, "the input name") == value


@pytest.mark.parametrize("value", ["1a", "a-b", "a.b", "é", "_é", "", "_ ", "_a\n", None, 3, ["_"]])
def test_what_is_no_identifier_is_no_parameter(value: object) -> None:
    with pytest.raises(InvalidName, match="the input name"):
        check_parameter_name(value, "the input name")


@pytest.mark.parametrize("value", keyword.kwlist)
def test_a_keyword_is_no_parameter(value: str) -> None:
    with pytest.raises(InvalidName, match=value):
        check_parameter_name(value, "the input name")


@pytest.mark.parametrize("first", ["a", "_"])
def test_a_parameter_has_the_length_of_a_name(first: str) -> None:
    """Names of inputs become segments of paths, which have a greatest length."""
    with pytest.raises(InvalidName, match="at most 128"):
        check_parameter_name(first + "a" * MAX_NAME_LENGTH, "the input name")


@pytest.mark.parametrize("value", ["A", "_A", "a_1", "X" * MAX_NAME_LENGTH])
def test_names_of_variables(value: str) -> None:
    assert check_variable_name(value, "the variable") == value


@pytest.mark.parametrize("value", ["", "1A", "A-B", "A.B", "É", "A=B", "A\0", None, 1, "A" * 129])
def test_what_no_process_takes_is_no_variable(value: object) -> None:
    with pytest.raises(InvalidName, match="the variable"):
        check_variable_name(value, "the variable")


def test_ids_are_uuids_of_version_7_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(new_id())
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= after


def test_ids_sort_by_creation() -> None:
    """Apart from the 244 ns that one step of the fraction holds."""
    made = []
    for _ in range(500):
        begin = time.time_ns()
        made.append(new_id())
        while time.time_ns() - begin < 1000:
            pass
    assert made == sorted(made)


def test_ids_differ() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000
