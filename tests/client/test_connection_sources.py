"""Which server the SDK speaks to: arguments, variables, then the file of ``headrace login``."""

from __future__ import annotations

import pytest

from headrace import HeadraceSdk, InvalidRequest, Unauthenticated
from headrace.client.configuration import connection
from headrace.client.credentials import (
    Credentials,
    credentials_path,
    forget_credentials,
    read_credentials,
    write_credentials,
)

URL = "http://127.0.0.1:8471"


@pytest.fixture
def home(tmp_path):
    """An environment whose configuration folder is empty."""
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def logged_in(environ, token="stored", url=URL):  # noqa: S107 - a fake one
    write_credentials(credentials_path(environ), Credentials(url, token))


@pytest.mark.parametrize(
    "environ",
    [
        {"HEADRACE_SDK_TOKEN": "t", "HEADRACE_ENVIRONMENT_URL": f"{URL}/"},
        {"CRAFT_AI_SDK_TOKEN": "t", "CRAFT_AI_ENVIRONMENT_URL": URL},
        {
            "CRAFT_AI_SDK_TOKEN": "other",
            "CRAFT_AI_ENVIRONMENT_URL": "http://other",
            "HEADRACE_SDK_TOKEN": "t",
            "HEADRACE_ENVIRONMENT_URL": URL,
        },
    ],
)
def test_variables_name_the_server_and_the_token(home, environ):
    found = connection(home | environ)
    assert (found.environment_url, found.control_url, found.token) == (URL, URL, "t")


def test_arguments_win_over_variables(home):
    environ = home | {"HEADRACE_SDK_TOKEN": "x", "HEADRACE_ENVIRONMENT_URL": "http://x"}
    found = connection(environ, token="t", environment_url=URL, control_url="http://control/")
    assert (found.environment_url, found.control_url, found.token) == (URL, "http://control", "t")


def test_who_names_a_server_is_led_to_no_other(home):
    environ = home | {"HEADRACE_SDK_TOKEN": "x", "HEADRACE_CONTROL_URL": "http://x"}
    assert connection(environ, environment_url=URL).control_url == URL
    assert connection(environ | {"HEADRACE_ENVIRONMENT_URL": URL}).control_url == "http://x"


def test_a_login_is_used_when_nothing_else_is_given(home):
    logged_in(home)
    found = connection(home)
    assert (found.environment_url, found.token) == (URL, "stored")


def test_a_stored_token_is_never_sent_to_another_server(home):
    logged_in(home)
    with pytest.raises(Unauthenticated, match="No SDK token is given for http://elsewhere"):
        connection(home, environment_url="http://elsewhere")


def test_nothing_set_says_what_to_set(home):
    with pytest.raises(Unauthenticated, match=r"HEADRACE_ENVIRONMENT_URL.*headrace login"):
        connection(home)
    with pytest.raises(Unauthenticated, match=r"HEADRACE_SDK_TOKEN.*headrace login"):
        connection(home, environment_url=URL)


@pytest.mark.parametrize("url", ["localhost:8471", "ftp://a", "http://", "http://a:port", "a b"])
def test_what_is_no_url_is_refused(home, url):
    with pytest.raises(InvalidRequest, match="not the URL of a server"):
        connection(home, token="t", environment_url=url)


def test_the_token_is_not_shown(home):
    assert "secret" not in repr(connection(home, token="secret", environment_url=URL))


def test_only_its_owner_can_read_the_file(home):
    logged_in(home, token="first")
    logged_in(home)
    path = credentials_path(home)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [child.name for child in path.parent.iterdir()] == ["credentials.json"]
    assert read_credentials(path) == Credentials(URL, "stored")


def test_a_login_can_be_forgotten(home):
    logged_in(home)
    assert forget_credentials(credentials_path(home))
    assert not forget_credentials(credentials_path(home))
    assert read_credentials(credentials_path(home)) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"token": "t"}'])
def test_a_spoilt_file_says_to_log_in_again(home, text):
    path = credentials_path(home)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(Unauthenticated, match="headrace login"):
        connection(home)


def test_the_sdk_reads_the_variables_of_its_process(monkeypatch):
    monkeypatch.setenv("HEADRACE_ENVIRONMENT_URL", URL)
    monkeypatch.setenv("HEADRACE_SDK_TOKEN", "t")
    with HeadraceSdk() as sdk:
        assert sdk.base_environment_url == URL
        assert not sdk.verbose_log
