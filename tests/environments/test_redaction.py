"""No form of a secret gets through."""

from __future__ import annotations

import html
import random
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.environments.redaction import Redaction, passwords_in

SECRETS = st.text(min_size=1, max_size=20).filter(lambda text: text.strip("* \t\n"))


@given(SECRETS.filter(str.isprintable), st.text(max_size=10), st.text(max_size=10))
def test_a_secret_and_its_quoted_forms_are_replaced(secret, before, after):
    redact = Redaction([secret])
    for form in (secret.strip(), quote(secret), quote(secret, safe=""), quote_plus(secret)):
        assert form not in redact(f"{before}{form}{after}").replace("***", "\0")


def somehow(chance: random.Random, char: str) -> str:
    """Encode one character in one of the ways that programs have, or leave it."""
    ways = [
        char,
        quote(char, safe=""),
        quote(char, safe="").lower(),
        quote(quote(char, safe=""), safe=""),
        "".join(f"%{byte:02x}" for byte in char.encode()),
        html.escape(char),
        f"&#{ord(char)};",
        f"\\u{{{ord(char):x}}}",
    ]
    if ord(char) < 256:
        ways.append(f"\\x{ord(char):02x}")
    if char in "\\'\"":
        ways.append(f"\\{char}")
    if char == " ":
        ways.append("+")
    return chance.choice(ways)


@given(
    st.text(alphabet="abcXYZ019 @/%&+'\"\\<>é€😀?#:.-_", min_size=4, max_size=16).filter(
        lambda text: len(text) >= 4 and text.strip(" \\") == text and "\\x" not in text
    ),
    st.integers(0, 2**32),
)
@example("p@ss w&rd+é", 0)
@example("100%25", 1)
def test_any_mixture_of_encodings_is_replaced(secret, seed):
    chance = random.Random(seed)
    form = "".join(somehow(chance, char) for char in secret)
    assert Redaction([secret])(f"<{form}>").replace("\\", "") == "<***>"


@pytest.mark.parametrize(
    "line",
    [
        "Failed to fetch: http://h/p@ss%20w&rd+%C3%A9/x",
        "repr: 'p@ss w&rd+\\xe9'",
        'debug: "p@ss w&rd+\\u{e9}"',
        "http://h/P%40SS%20W%26RD%2B%C3%A9",
        "http://h/p%2540ss%2520w%2526rd%252B%25C3%25A9",
    ],
)
def test_a_secret_in_the_words_of_programs(line):
    hidden = Redaction(["p@ss w&rd+é"])(line)
    assert "***" in hidden
    assert "rd" not in hidden.lower()


def test_the_rest_of_the_line_stays():
    assert (
        Redaction(["pw", "p"])("https://user:pw@host, and pw") == "htt***s://user:***@host, and ***"
    )
    line = "Failed: http://host/a%20b/\\d+ & %zz 100% c\\"
    assert Redaction(["secret"])(line) == line
    assert Redaction(["b/"])(line) == "Failed: http://host/a%20***\\d+ & %zz 100% c\\"


def test_the_piece_that_a_url_shows_of_a_secret_is_replaced():
    redact = Redaction(["pre@tail-of-it/rest"])
    assert redact("cannot connect to tail-of-it:443/rest") == "cannot connect to ***:443/***"
    assert redact("press pre") == "press pre"  # too short to be looked for
    shortest = Redaction(["p@ss/w?rd#1 x"])
    assert shortest("fetch: http://h/p@ss/w/six/?rd") == "fetch: http://h/***/six/?rd"
    assert shortest("no branch `ss/w`") == "no branch `***`"
    assert shortest("'http://h/p%40ss/w?rd#1' is not there") == "'http://h/***' is not there"


def test_of_an_index_its_password_is_a_secret_and_its_host_is_not():
    redact = Redaction(["https://me:hush-hush@host.example/simple"])
    assert redact("from https://me:hush-hush@host.example/simple:") == "from ***:"
    line = "https://host.example/simple/six answers 404"
    assert redact(line) == line
    assert redact("the password hush-hush") == "the password ***"


def test_each_line_of_a_secret_with_several_lines_is_replaced():
    assert Redaction(["BEGIN\nabc\n"])("key: abc") == "key: ***"


def test_empty_secrets_hide_nothing():
    assert Redaction(["", " \n", "\\"])("six") == "six"
    assert Redaction([])("six") == "six"


def test_passwords_of_the_servers_own_indexes_are_found():
    environ = {
        "UV_DEFAULT_INDEX": "https://me:one@h/simple",
        "UV_EXTRA_INDEX_URL": "https://two@h/simple https://h/simple",
        "UV_INDEX_TEAM_PASSWORD": "three",
        "HTTPS_PROXY": "http://u:f%40ur@proxy:3128",
        "PATH": "/usr/bin",
    }
    assert passwords_in(environ) == {"one", "two", "three", "f%40ur"}
