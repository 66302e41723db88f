"""Credentials, variables, settings and help of the ``headrace`` command."""

from __future__ import annotations

import json
import socket

import pytest

from headrace import __version__

pytestmark = pytest.mark.system


def test_help_and_version_need_no_server(nobody):
    assert nobody.process("--version").stdout == f"{__version__}\n"
    helped = nobody.said("--help")
    assert "Exit codes: 0 success" in helped
    assert "\x1b" not in helped
    for command in ("run", "serve", "login"):
        assert "Usage: headrace" in nobody.said(command, "--help")


def test_who_has_set_nothing_up_is_told_what_to_set(nobody):
    done = nobody.process("whoami")
    assert (done.returncode, done.stdout) == (3, "")
    assert "HEADRACE_ENVIRONMENT_URL" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_server_that_is_not_there_exits_with_three(nobody):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    done = nobody("--url", url, "--token", "t", "pipelines", "list", "--json")
    assert done.returncode == 3
    assert f"No server answers at {url}" in done.stderr
    assert json.loads(done.stdout)["error"]["name"] == "Unavailable"


def test_a_wrong_token_exits_with_three(nobody, server):
    done = nobody("--url", server.url, "--token", "wrong", "whoami")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_a_login_is_kept_until_the_logout(nobody, server):
    assert nobody("login", server.url, text="wrong\n").returncode == 3
    assert nobody("whoami").returncode == 3
    assert server.token not in nobody.said("login", server.url, text=f"{server.token}\n")
    assert nobody.json("whoami")["environment_url"] == server.url
    assert f"server  {server.url}" in nobody.said("whoami")
    assert nobody.json("logout") == {"removed": True}
    assert nobody("whoami").returncode == 3
    assert nobody.json("login", server.url, "--token", server.token)["user"]["name"]


def test_a_token_is_made_where_no_server_runs(nobody, tmp_path):
    made = nobody.process(
        "tokens", "create", "--name", "ci", "--data-dir", tmp_path / "data", "--new"
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("hdr_")
    assert len(made.stdout.split()) == 1
    again = nobody("tokens", "create", "--name", "ci", "--data-dir", tmp_path / "data")
    assert again.returncode == 1
    assert "ci" in again.stderr


def test_a_token_made_beside_a_running_server_works(nobody, headrace, server):
    token = nobody.said("tokens", "create", "--name", "beside", "--data-dir", server.data_dir)
    assert nobody.said("--url", server.url, "--token", token.strip(), "whoami")
    assert "beside" in headrace.said("tokens", "list")
    headrace.said("tokens", "revoke", "beside")
    assert nobody("--url", server.url, "--token", token.strip(), "whoami").returncode == 3


def test_a_token_can_be_made_by_the_server(headrace):
    made = headrace.json("tokens", "create", "--name", "remote", "--remote")
    assert made["name"] == "remote"
    assert "remote" in [token["name"] for token in headrace.json("tokens", "list")]
    headrace.said("tokens", "revoke", "remote")
    done = headrace("tokens", "create", "--name", "x", "--remote", "--data-dir", "d")
    assert done.returncode == 2


def test_variables_are_masked_unless_asked_for(headrace):
    headrace.said("variables", "set", "CLI_TEST", "secret")
    headrace.said("variables", "set", "CLI_PIPED", text="two\nlines\n")
    try:
        for arguments in (("variables", "list"), ("variables", "list", "--json")):
            assert "secret" not in headrace.said(*arguments)
        shown = {
            item["name"]: item["value"] for item in headrace.json("variables", "list", "--show")
        }
        assert shown["CLI_TEST"] == "secret"
        assert shown["CLI_PIPED"] == "two\nlines"
    finally:
        deleted = headrace.said("variables", "delete", "CLI_TEST")
        headrace.said("variables", "delete", "CLI_PIPED")
    assert "secret" not in deleted


def test_settings_of_the_project_are_shown_and_set(headrace):
    before = headrace.json("project", "show")
    changed = headrace.json("project", "set", "--include", "src", "--include", "lib")
    assert changed == before | {"included_folders": ["src", "lib"]}
    assert "included_folders     src, lib" in headrace.said("project", "show")
    assert headrace.json("project", "set", "--unset", "included_folders") == (
        before | {"included_folders": None}
    )
    assert headrace.json("project", "set", "--include", "/") == before
    assert headrace("project", "set").returncode == 2
    assert headrace("project", "set", "--language", "cobol").returncode == 1


def test_the_settings_of_a_server_are_checked(nobody):
    nobody.environ["HEADRACE_VECTOR_DATABASE_TOKEN"] = "word of the database"
    said = nobody.said("check", "--port", "9000")
    assert "HEADRACE_PORT=9000" in said
    # A service runs this at each start, and many may read its journal.
    assert "word of the database" not in said
    nobody.environ["HEADRACE_MAX_EXECUTIONS"] = "none"
    done = nobody("check")
    assert done.returncode == 2
    assert "HEADRACE_MAX_EXECUTIONS" in done.stderr
