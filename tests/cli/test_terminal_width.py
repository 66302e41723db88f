"""The command on a terminal of 80 columns, and what a shell is told that completes its words."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest
from tests.cli.conftest import HEADRACE

pytestmark = pytest.mark.system

CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLUMNS = 80


def on_a_terminal(headrace, *arguments, **environ):
    """Return what a command writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [HEADRACE, *map(str, arguments)],
        env={"TERM": "xterm-256color", **headrace.environ, **environ},
        cwd=headrace.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    pieces = []
    try:
        while piece := os.read(ours, 65536):
            pieces.append(piece)
    except OSError:
        pass  # The terminal ends with its last process.
    finally:
        os.close(ours)
    process.wait(60)
    return b"".join(pieces).decode().replace("\r\n", "\n")


@pytest.fixture
def busy(headrace, pipeline):
    """A server with long names and long reasons."""
    failing = pipeline("fail")
    headrace.said("run", pipeline("add"), "-i", "number1=1")
    assert headrace("run", failing).returncode == 1
    name = "a-deployment-with-a-name-of-forty-letters"
    headrace.said(
        *("deployments", "create", name, "--pipeline", failing),
        *("--schedule", "0 3 * * *", "--timezone", "Europe/Paris"),
    )
    assert headrace("trigger", name).returncode == 1
    headrace.said("store", "put", "main.py", f"folder/{'long' * 20}.csv")
    yield name
    headrace("deployments", "delete", name)
    headrace("store", "rm", f"folder/{'long' * 20}.csv")


@pytest.mark.parametrize(
    "arguments",
    [
        ("executions", "list"),
        ("executions", "list", "--status", "Failed"),
        ("deployments", "list"),
        ("pipelines", "list"),
        ("schedules", "ledger", "{busy}"),
        ("schedules", "next", "{busy}"),
        ("schedules", "verify"),
        ("tokens", "list"),
        ("store", "ls"),
        ("variables", "list"),
        ("--help",),
        ("executions", "list", "--help"),
    ],
)
def test_no_line_is_wider_than_the_terminal(headrace, busy, arguments):
    shown = on_a_terminal(headrace, *(text.format(busy=busy) for text in arguments))
    lines = [CODE.sub("", line) for line in shown.splitlines()]
    assert not [line for line in lines if line.startswith("Error:")]
    assert lines
    assert max(map(len, lines)) <= COLUMNS, "\n".join(lines)


def test_a_list_has_an_id_that_can_be_used_and_colours_that_can_be_refused(headrace, busy):
    shown = on_a_terminal(headrace, "executions", "list", "--deployment", busy)
    assert "\x1b[31mFailed\x1b[0m" in shown
    line = CODE.sub("", shown.splitlines()[1])
    assert "ValueError: too" in line
    execution_id = line.split()[0]
    assert len(execution_id) < 36
    assert headrace.json("executions", "show", execution_id)["deployment_name"] == busy
    for refused in (
        on_a_terminal(headrace, "--no-color", "executions", "list"),
        on_a_terminal(headrace, "executions", "list", NO_COLOR="1"),
    ):
        assert "\x1b" not in refused


def test_a_spinner_says_how_long_it_has_been(headrace, pipeline):
    shown = on_a_terminal(headrace, "run", pipeline("wait"), "-i", "seconds=1.5", "-f")
    assert re.search(r"\r\S Running cli-wait 0:01", shown)
    plain = CODE.sub("", shown)
    assert "waiting\n" in plain
    # Nothing of it is left.
    assert "Running" not in plain.rpartition("\r")[2]


def completed(headrace, words):
    """Return what bash is told for the last of these words."""
    environ = headrace.environ | {
        "_HEADRACE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [HEADRACE], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_a_shell_completes_commands_and_names(headrace, pipeline, busy):
    name = pipeline("add")
    assert completed(headrace, ["headrace", "exec"]) == ["executions"]
    assert completed(headrace, ["headrace", "executions", "ca"]) == ["cancel"]
    assert name in completed(headrace, ["headrace", "run", "cli-"])
    assert completed(headrace, ["headrace", "trigger", "a-depl"]) == [busy]
    assert "latest" in completed(headrace, ["headrace", "executions", "show", "l"])
    down = headrace.__class__(
        headrace.environ | {"HEADRACE_ENVIRONMENT_URL": "http://127.0.0.1:9"}, headrace.folder
    )
    assert completed(down, ["headrace", "run", "cli-"]) == []


def test_completion_is_installed_for_a_shell(nobody):
    environ = nobody.environ | {"SHELL": "/bin/bash"}
    done = subprocess.run(
        # Two commands, so that the shell stays: who is above a command tells which shell it is.
        ["bash", "-c", f"{HEADRACE} --install-completion; exit $?"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "_HEADRACE_COMPLETE" in "".join(
        path.read_text() for path in nobody.folder.rglob("*.sh") if path.is_file()
    )
