"""How many tries somebody has, and what is remembered of them."""

from __future__ import annotations

import pytest

from headrace.core.tries import MOST_KEYS, Rate, Tries, neighbourhood


def test_tries_in_a_row_then_one_at_a_time() -> None:
    tries = Tries(Rate(3, 10.0))
    for _ in range(3):
        assert tries.wait_s("a", 100.0) == 0
        tries.count("a", 100.0)
    assert tries.wait_s("a", 100.0) == 10
    assert tries.wait_s("b", 100.0) == 0
    assert tries.wait_s("a", 104.0) == 6
    assert tries.wait_s("a", 110.0) == 0
    tries.count("a", 110.0)
    assert tries.wait_s("a", 110.0) == 10
    # Whoever stays away for long has no more than at first.
    for _ in range(3):
        assert tries.wait_s("a", 9999.0) == 0
        tries.count("a", 9999.0)
    assert tries.wait_s("a", 9999.0) == 10


def test_a_try_that_was_no_failure_is_given_back_and_no_other() -> None:
    tries = Tries(Rate(2, 10.0))
    tries.count("a", 0.0)
    for _ in range(5):
        assert tries.wait_s("a", 0.0) == 0
        tries.count("a", 0.0)
        tries.give_back("a")
    tries.count("a", 0.0)
    assert tries.wait_s("a", 0.0) == 10
    tries.give_back("nobody")
    assert tries.wait_s("nobody", 0.0) == 0


def test_memory_is_bounded_and_the_newest_are_remembered() -> None:
    tries = Tries(Rate(1, 10.0))
    for number in range(MOST_KEYS + 5):
        tries.count(f"{number}" * 1000, 0.0)
    assert len(tries._spent_until) == MOST_KEYS
    assert tries.wait_s("0" * 1000, 0.0) == 0
    assert tries.wait_s(f"{MOST_KEYS}" * 1000, 0.0) == 10
    tries.count("\ud800", 0.0)


def test_tries_for_one_name_are_not_wiped_out_by_those_for_many_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headrace.core.tries.MOST_KEYS", most := 100)
    tries = Tries(Rate(2, 10.0))
    for _ in range(2):
        tries.count("ada", 0.0)
    for number in range(most + 1):
        tries.count(f"{number}", 1.0)
    assert tries.wait_s("ada", 1.0) == 9
    # In the end they are forgotten as if they had been forgiven.
    for number in range(most):
        tries.count(f"{number} later", 100.0)
    assert tries.wait_s("ada", 100.0) == 0
    assert len(tries._spent_until) == most


@pytest.mark.parametrize(
    ("left", "right", "are_one"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "unix", False),
    ],
)
def test_who_chooses_addresses_at_will_is_one_caller(left: str, right: str, are_one: bool) -> None:
    assert (neighbourhood(left) == neighbourhood(right)) is are_one
