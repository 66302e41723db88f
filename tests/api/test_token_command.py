"""``headrace tokens create``: in a data directory, whether or not a server runs on it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.api.conftest import client_of
from tests.conftest import HEADRACE, RunningServer, clean_environ

from headrace.core.tokens import token_digest

pytestmark = [pytest.mark.system, pytest.mark.once]


def create(data_dir: Path, name: str, *more: str) -> subprocess.CompletedProcess[str]:
    options = ["--name", name, "--data-dir", str(data_dir), *more]
    return subprocess.run(
        [HEADRACE, "tokens", "create", *options],
        env=clean_environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_tokens_are_created_with_and_without_a_server(
    own_server: Callable[..., RunningServer],
) -> None:
    server = own_server()
    made = create(server.data_dir, "beside")
    assert made.returncode == 0, made.stderr
    beside = next(word for word in made.stdout.split() if word.startswith("hdr_"))
    with client_of(server, beside) as http:
        assert [token["name"] for token in http.get("/tokens").json()] == ["first", "beside"]
    doubled = create(server.data_dir, "beside")
    assert doubled.returncode != 0
    assert "'beside'" in doubled.stderr
    assert "Traceback" not in doubled.stderr

    assert server.stop() == 0
    made = create(server.data_dir, "later")
    later = next(word for word in made.stdout.split() if word.startswith("hdr_"))
    database = (server.data_dir / "headrace.db").read_bytes()
    for token in (server.token, beside, later):
        assert token.encode() not in database
        assert token_digest(token).encode() in database

    server.start()
    for token in (server.token, beside, later):
        with client_of(server, token) as http:
            assert http.get("/users/me").json()["name"] == "admin"


def test_a_token_may_come_before_the_first_start(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    """Then the server mints none of its own."""
    made = create(tmp_path / "data0", "mine", "--new")
    assert made.returncode == 0, made.stderr
    token = next(word for word in made.stdout.split() if word.startswith("hdr_"))
    server = own_server()
    assert not server.token
    with client_of(server, token) as http:
        assert [item["name"] for item in http.get("/tokens").json()] == ["mine"]


def test_no_database_is_made_where_none_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    for folder in (tmp_path / "project", tmp_path / "absent"):
        refused = create(folder, "mine")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert f"No server ever ran on {folder}" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "project"]
    assert not list((tmp_path / "project").iterdir())


def test_beside_a_server_the_server_makes_it_and_nobody_else_writes(
    own_server: Callable[..., RunningServer],
) -> None:
    """One connection writes to a database: here that of the server, which is stopped meanwhile."""
    server = own_server()
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        before = (server.data_dir / "headrace.db-wal").read_bytes()
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(
                [HEADRACE, "tokens", "create", "--name", "x", "--data-dir", server.data_dir],
                env=clean_environ(),
                capture_output=True,
                check=False,
                timeout=8,
            )
        assert (server.data_dir / "headrace.db-wal").read_bytes() == before
    finally:
        server.process.send_signal(signal.SIGCONT)
    made = create(server.data_dir, "bad name")
    assert made.returncode == 1
    assert "'bad name' is not a valid name" in made.stderr
