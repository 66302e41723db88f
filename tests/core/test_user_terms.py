"""What may be a user's name, address and password."""

from __future__ import annotations

import pytest

from headrace.core.errors import InvalidName, InvalidValue
from headrace.core.tokens import User
from headrace.core.users import (
    MAX_EMAIL,
    MAX_PASSWORD,
    check_email,
    check_password,
    check_user_name,
    folded,
    password_bytes,
)

LONG = "a@" + "b" * MAX_EMAIL
ADA = User("1", "countess-ada", "ada@lovelace.example")


@pytest.mark.parametrize("name", ["ada", "Ada.Lovelace", "a-1_2", "meg"])
def test_names_that_can_stand_in_an_address_are_taken(name: str) -> None:
    assert check_user_name(name) == name


@pytest.mark.parametrize("name", ["", "me", "ME", "ada lovelace", "ada@x", "a/b", "é", None, 7])
def test_other_names_are_refused_by_the_name_of_the_field(name: object) -> None:
    with pytest.raises(InvalidName, match="name"):
        check_user_name(name)


@pytest.mark.parametrize("email", ["ada@example.com", "a@localhost", "é@exämple.com", "a'b@c"])
def test_addresses_are_taken(email: str) -> None:
    assert check_email(email) == email


@pytest.mark.parametrize(
    "email",
    ["", "ada", "@x", "a@", "a@b@c", "a b@c", "a@b\n", "a@\ud800", "a\u202e@b", 7, None, LONG],
)
def test_other_addresses_are_refused(email: object) -> None:
    with pytest.raises(InvalidValue, match="email"):
        check_email(email)


@pytest.mark.parametrize(
    "password", ["eleven blue horses", "日本語のとても長い秘密の言葉", "x1y2z " * 9]
)
def test_passwords_are_taken(password: str) -> None:
    assert check_password(password, ADA) == password


@pytest.mark.parametrize(
    "password",
    [
        *("", "sh0rt", "elevenchars", "aaaaaaaaaaaa", "123412341234", "Countess-Ada", None),
        *("ada@LOVELACE.example", "abcde\nfghijkl", "abcdefghijk\ud800", "abcdef" * MAX_PASSWORD),
        123456789012,
    ],
)
def test_other_passwords_are_refused_without_repeating_them(password: object) -> None:
    with pytest.raises(InvalidValue, match="password") as refused:
        check_password(password, ADA)
    assert not password or str(password) not in refused.value.message


def test_case_and_way_of_writing_make_no_difference() -> None:
    assert folded(" Zoë@Example.com ") == folded("zoe\u0308@example.COM")
    assert password_bytes("Zoë") == password_bytes("Zoe\u0308")
    assert password_bytes("Zoë") != password_bytes("zoë")
    assert password_bytes("\ud800")


def test_what_is_too_long_to_be_anybodys_is_cut_before_it_takes_long() -> None:
    # Marks whose order is sorted: the time for that grows with the square of their number.
    marks = "a" + "\u0301\u0316" * 500_000
    assert len(folded(marks)) <= MAX_EMAIL + 1
    assert len(password_bytes(marks)) <= 2 * (MAX_PASSWORD + 1)
    longest = "x" * MAX_PASSWORD
    assert password_bytes(f"{longest}y") != password_bytes(longest)
    assert folded("x" * MAX_EMAIL + "y") != folded("x" * MAX_EMAIL)
