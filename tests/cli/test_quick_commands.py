"""What is recognised without Typer is what Typer would have read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.cli import quick, running
from headrace.cli.main import carry_out
from headrace.cli.session import Session

WORDS = st.sampled_from(
    [
        *("run", "tiny", "a=1", "b=-1", "=", "x", "", "-", "--", "a=b=c", "--url", "http://a"),
        *("-i", "--input", "--input=a=1", "--input=", "-ia=1", "-i=a=1", "--out", "--out=o"),
        *("-d", "--detach", "-f", "--follow", "--logs", "--json", "-df", "--js", "--help", "-h"),
        *("--no-color", "--detach=1", "-x", "--out=-", "é"),
    ]
)


def read_by_typer(arguments: list[str]) -> Any:
    """What Typer makes of a command line, or None if it carries out no run."""
    session = Session()
    with (
        mock.patch("headrace.cli.runs.carry_out") as carried_out,
        mock.patch.object(session.screen, "note"),
        mock.patch("builtins.print"),
        mock.patch("sys.stderr.write"),
    ):
        code = carry_out(arguments, session)
    if not carried_out.called:
        return None
    assert code == 0
    return carried_out.call_args.args[1], session.screen.as_json


@settings(deadline=None)
@given(st.lists(WORDS, max_size=6), st.booleans())
def test_what_is_recognised_is_read_in_the_same_way(more: list[str], is_json: bool) -> None:
    arguments = ["--json"] * is_json + ["run", *more]
    seen: list[Any] = []
    found = quick.recognised(arguments)
    if found is None or quick.help_of(arguments) is not None:
        return
    session = Session()
    with mock.patch.object(quick, "carry_out", lambda _, run: seen.append(run)):
        assert found(session) == 0
    assert (seen[0], session.screen.as_json) == read_by_typer(arguments)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["run", "tiny"], running.Run("tiny")),
        (["run", "-i", "a=1", "tiny", "--input=b=2"], running.Run("tiny", ("a=1", "b=2"))),
        (["run", "tiny", "-d", "-f"], running.Run("tiny", (), True, True)),
        (["--json", "run", "tiny", "--out", "o"], running.Run("tiny", out=Path("o"))),
    ],
)
def test_plain_runs_are_recognised(arguments: list[str], wanted: running.Run) -> None:
    read = quick.run_of(arguments)
    assert read is not None
    assert read[0] == wanted


@pytest.mark.parametrize(
    "arguments", [[], ["run"], ["run", "a", "b"], ["run", "a", "--colour"], ["executions", "list"]]
)
def test_all_else_is_left_to_typer(arguments: list[str]) -> None:
    assert quick.recognised(arguments) is None


@pytest.mark.parametrize(
    "path", [(), ("run",), ("executions",), ("executions", "list"), ("schedules", "rehearse")]
)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_what_typer_prints(path, option, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    arguments = [*path, option]
    assert carry_out(arguments, Session()) == 0
    wanted = capsys.readouterr().out
    quickly = quick.recognised(arguments)
    assert quickly is not None
    assert quickly(Session()) == 0
    assert capsys.readouterr().out == wanted
    monkeypatch.setenv("COLUMNS", "60")
    assert quick.recognised(arguments) is None


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        (
            "from headrace.cli.start import run; run(['--version'])",
            {"typer", "http", "dataclasses"},
        ),
        (
            "from headrace.cli.start import run; run(['run', 'tiny'])",
            {"typer", "rich", "httpx", "msgspec", "asyncio", "pathspec", "cronsim", "logging"},
        ),
        (
            "from headrace.cli.start import run; run(['executions', 'list'])",
            {"rich", "httpx", "msgspec", "asyncio", "headrace.cli.schedules", "headrace.cli.runs"},
        ),
    ],
)
def test_a_command_loads_what_it_needs(code: str, absent: set[str]) -> None:
    environ = {
        "HEADRACE_ENVIRONMENT_URL": "http://127.0.0.1:9",
        "HEADRACE_SDK_TOKEN": "t",
        "HOME": "/nowhere",
    }
    program = f"{code}\nimport sys\nprint('loaded', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not absent & loaded
