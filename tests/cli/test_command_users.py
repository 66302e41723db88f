"""Users by the ``headrace`` command."""

from __future__ import annotations

import uuid

import pytest

pytestmark = pytest.mark.system

PASSWORD = "eleven blue horses"


@pytest.fixture
def name(headrace):
    """A name, whose user is removed in the end."""
    chosen = f"cli-{uuid.uuid4().hex[:8]}"
    yield chosen
    headrace("users", "remove", chosen)


def test_a_user_is_made_listed_given_another_password_and_removed(headrace, name):
    made = headrace.said("users", "create", name, "--email", f"{name}@x.example", text=PASSWORD)
    assert made == f"Created user {name}.\n"
    (line,) = [line for line in headrace.said("users", "list").splitlines() if name in line]
    assert f"{name}@x.example" in line
    assert "password" in line
    changed = headrace.json("users", "password", name, text=f"another {PASSWORD}\r\n")
    assert changed == {"name": name}
    assert headrace.said("users", "remove", name) == f"Removed user {name}.\n"
    assert name not in headrace.said("users", "list")
    again = headrace("users", "remove", name)
    assert (again.returncode, again.stdout) == (1, "")
    assert f"There is no user named {name!r}" in again.stderr


def test_a_token_is_made_for_a_user_by_the_server_or_beside_it(headrace, nobody, server, name):
    headrace.said("users", "create", name, text=PASSWORD)
    for way in (("--remote",), ("--data-dir", server.data_dir)):
        token = headrace.said("tokens", "create", "--name", name, "--user", name, *way).strip()
        assert nobody.json("--url", server.url, "--token", token, "whoami")["user"]["name"] == name
        headrace.said("tokens", "revoke", name)
    headrace.said("tokens", "create", "--name", name, "--user", name, "--remote")
    assert headrace.json("users", "remove", name)["revoked_tokens"] == [name]


def test_a_bad_password_is_refused_in_words_and_not_repeated(headrace, name):
    for text in ("", "\n", "too short\n"):
        done = headrace("users", "create", name, text=text)
        assert done.returncode == 1
        assert "at least 12 characters" in done.stderr
        assert "too short\n" not in done.stderr
    assert name not in headrace.said("users", "list")


def test_no_option_takes_a_password(headrace, name):
    """Others on a machine can see its command lines."""
    done = headrace("users", "create", name, "--password", PASSWORD)
    assert done.returncode == 2
    assert PASSWORD not in done.stderr
