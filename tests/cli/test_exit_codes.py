"""How commands end where something is odd: one sentence, the documented code, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.interrupting import interrupted
from tests.conftest import wait_until

pytestmark = pytest.mark.system

NOT_UTF8 = os.fsdecode(b"\xe9")


def one_sentence(done, code, words):
    assert done.returncode == code, done
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run",), "Missing argument 'NAME'. See: headrace run --help"),
        (("run", "a", "b"), "See: headrace run --help"),
        (("run", "--colour"), "No such option"),
        (("nothing",), "No such command 'nothing'. See: headrace --help"),
        (("executions", "nothing"), "See: headrace executions --help"),
        (("executions", "list", "--status", "odd"), "--status"),
        (("executions", "list", "--since", "soon"), "--since"),
        (("executions", "list", "--since", "999999999d"), "too long ago"),
        (("executions", "list", "--limit", "0"), "--limit"),
        (("--url", "nowhere", "--token", "t", "whoami"), "'nowhere' is not the URL"),
        (("--url", f"http://{NOT_UTF8}", "--token", "t", "whoami"), ""),
        (("store", "put", "-"), "REMOTE"),
        (("deployments", "update", "a"), "nothing is to be changed"),
    ],
)
def test_wrong_usage_is_one_line_and_exits_with_two(nobody, arguments, words):
    one_sentence(nobody(*arguments), 2, words)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "{pipeline}", "-i", f"text={NOT_UTF8}"),
        ("run", "{pipeline}", "-i", f"{NOT_UTF8}=1"),
        ("run", "{pipeline}", "-i", "text=@no-such-file"),
        ("run", "{pipeline}", "-i", "text=@/"),
        ("run", "{pipeline}", "-i", "text=@main.pyc"),
        ("store", "put", "main.py", f"a{NOT_UTF8}"),
        ("store", "put", "no-such-file"),
        ("pipelines", "create", "x", "--function", f"main{NOT_UTF8}.py:f"),
        ("pipelines", "create", f"x{NOT_UTF8}", "--function", "main.py:fail"),
        ("pipelines", "create", "x", "--function", "main.py:fail", "--include", "no-such"),
        ("pipelines", "create", "x", "--function", "main.py:fail", "--description", NOT_UTF8),
        ("variables", "set", "A", NOT_UTF8),
    ],
)
def test_what_cannot_be_sent_is_one_line_and_exits_with_two(headrace, pipeline, folder, arguments):
    (folder / "main.pyc").write_bytes(b"\xff\xfe")
    name = pipeline("echo")
    one_sentence(headrace(*(text.format(pipeline=name) for text in arguments)), 2, "Error: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("pipelines", "show", NOT_UTF8),
        ("pipelines", "delete", "no-such"),
        ("executions", "show", "no such"),
        ("executions", "logs", NOT_UTF8),
        ("deployments", "logs", "no-such"),
        ("trigger", "no-such"),
        ("store", "info", "no-such"),
        ("run", "no-such"),
        ("variables", "set", "A B", "1"),
        ("executions", "list", "--deployment", "no-such"),
        ("executions", "list", "--pipeline", "no-such"),
    ],
)
def test_what_is_not_there_is_one_line_and_exits_with_one(headrace, arguments):
    one_sentence(headrace(*arguments), 1, "Error: ")


def shell(headrace, line, **options):
    """Carry out a line of a shell in which $H is the command."""
    binary = Path(headrace.start.__globals__["HEADRACE"])
    done = subprocess.run(
        ["bash", "-c", line],
        env={**headrace.environ, "H": str(binary)},
        cwd=headrace.folder,
        capture_output=True,
        check=False,
        timeout=60,
        **options,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_output_that_nobody_reads_is_no_traceback(headrace, pipeline):
    headrace.said("run", pipeline("nothing"))
    code, _, err = shell(headrace, "$H executions list | true; echo ${PIPESTATUS[0]} >&2")
    assert (code, err.strip() in {"141", "0"}) == (0, True), err
    code, _, err = shell(headrace, "$H --help >/dev/full")
    assert code == 1
    assert "Traceback" not in err
    code, _, err = shell(headrace, "$H executions list >/dev/full")
    assert (code, err) == (1, "Error: No space left on device.\n")


def test_closed_streams_are_no_traceback(headrace, pipeline):
    name = pipeline("echo")
    for line in (f"$H run {name} <&-", f"$H run {name} >&-", f"$H run {name} 2>&-"):
        code, _, err = shell(headrace, line)
        assert (code, err) == (0, "")
    code, out, err = shell(headrace, f"$H run {name} -i text=@- <&-")
    assert (code, err) == (0, "")
    assert "text" in out


def test_a_user_without_a_home_is_told_what_to_set(nobody):
    for name in ("HOME", "XDG_CONFIG_HOME"):
        nobody.environ.pop(name)
    command = "import os,pwd,sys; pwd.getpwuid = lambda _: (_ for _ in ()).throw(KeyError('x'))\n"
    for arguments, code in ((["whoami"], 3), (["check"], 2), (["logout"], 3)):
        program = f"{command}from headrace.cli.start import run; sys.exit(run({arguments!r}))"
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=nobody.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "no home directory" in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"token": 1}', "\xff"])
def test_credentials_that_cannot_be_read_are_one_line(nobody, content):
    place = Path(nobody.environ["XDG_CONFIG_HOME"], "headrace", "credentials.json")
    place.parent.mkdir(parents=True)
    place.write_text(content, "latin-1")
    one_sentence(nobody("whoami"), 3, "credentials.json cannot be used")


def test_an_interrupted_command_exits_with_130(headrace, pipeline):
    process = headrace.start("run", pipeline("wait"), "-i", "seconds=60", "-f")
    with process:
        assert process.stderr.readline() == b"waiting\n"
        err = interrupted(process)
    assert process.returncode == 130
    assert b"goes on" in err
    assert b"Traceback" not in err
    execution_id = err.split()[1].decode()
    with headrace.start("executions", "outputs", execution_id) as process:
        wait_until(lambda: in_a_read(process.pid), timeout_s=50)
        err = interrupted(process)
    assert (process.returncode, b"Traceback" in err) == (130, False)
    headrace.said("executions", "cancel", execution_id)


def in_a_read(pid):
    """Tell whether a process waits for an answer: Python has handlers, and a connection is open."""
    try:
        links = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    time.sleep(0.05)
    return state == "S" and any("socket" in link for link in links)


def test_a_defect_is_one_line_and_can_be_looked_into(nobody):
    program = (
        "import sys\nfrom headrace.cli import start, session\n"
        "session.Session.runs = property(lambda self: 1 / 0)\n"
        "sys.exit(start.run(['run', 'x']))"
    )
    for more, is_shown in (({}, False), ({"HEADRACE_TRACEBACK": "1"}, True)):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=nobody.environ | more,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) is is_shown
        assert "ZeroDivisionError" in done.stderr
