"""``headrace dev``: what its user sees while code is written, broken and mended."""

from __future__ import annotations

import signal
import socket
from unittest import mock

import pytest
from tests.conftest import wait_until

pytestmark = pytest.mark.system

BROKEN = "def predict(:\n"


def test_a_function_answers_with_what_its_file_says_now(project, edit):
    dev = project.dev().up()
    assert dev.call(n=3)[1]["outputs"] == {"total": 3.0, "mark": "none"}
    dev.wait_for("          predicting 3", "Succeeded", "n=3, scale=1.0")

    edit("n * scale", "10 * n * scale")
    dev.wait_for("src/model.py changed: version 2 answers after")
    assert dev.call(n=3)[1]["outputs"]["total"] == 30.0

    status, body = dev.call(n=-1)
    assert status == 500
    assert "n is -1" in body["message"]
    dev.wait_for('  File "src/model.py", line 7, in predict', "Failed", "n=-1")

    edit("scale: float = 1.0", "scale: float = 1.0, more: int = 5")
    edit('"total": 10 * n * scale', '"sum": n * scale + more')
    wait_until(lambda: dev.call(n=1)[1]["outputs"].get("sum") == 6.0, what=dev.said)
    assert dev.call(n=1, mor=1)[0] == 400

    assert dev.interrupt() == 0
    wait_until(lambda: not dev.processes(), what="all processes end")


@pytest.mark.parametrize(
    ("options", "end"),
    [([], signal.SIGTERM), (["--low-latency"], signal.SIGKILL)],
    ids=["elastic", "low latency"],
)
def test_while_code_is_broken_the_last_version_answers(project, edit, options, end):
    dev = project.dev(*options).up()
    edit("import os\n", f"import os\n{BROKEN}")
    dev.wait_for("Error: src/model.py, line 2", "Version 1 goes on answering.")
    assert dev.call(n=1)[0] == 200

    edit(BROKEN, "import nonsense\n")
    dev.wait_for("ModuleNotFoundError: No module named 'nonsense'", "    import nonsense")
    assert dev.call(n=1)[0] == 200

    edit("import nonsense\n", "x = 1 / 0\n")
    dev.wait_for("ZeroDivisionError: division by zero", '  File "src/model.py", line 2')
    wait_until(lambda: dev.said.count("Version 1 goes on answering.") >= 3)
    assert dev.call(n=1)[1]["outputs"]["total"] == 1.0

    edit("x = 1 / 0\n", "x = 2 / 0\n")
    wait_until(lambda: dev.said.count("Version 1 goes on answering.") >= 4)
    assert dev.call(n=1)[0] == 200

    edit("x = 2 / 0\n", "")
    edit("n * scale", "2 * n * scale")
    dev.wait_for("answers after")
    wait_until(lambda: dev.call(n=1)[1]["outputs"]["total"] == 2.0)

    # However it ends, nothing is left.
    assert len(dev.processes()) > 1
    dev.process.send_signal(end)
    assert dev.process.wait(60) == (0 if end is signal.SIGTERM else -end)
    wait_until(lambda: not dev.processes(), what="all processes end")


def test_a_folder_has_one_which_waits_for_code_that_is_broken_at_the_start(project, edit):
    edit("import os\n", f"import os\n{BROKEN}")
    dev = project.dev()
    dev.wait_for("Mend it; it is deployed as soon as a file changes.")

    other = project.command("dev", "src/model.py:predict")
    assert other.returncode == 1
    assert f"runs for {project.folder} already (process {dev.process.pid}" in other.stderr

    edit(BROKEN, "")
    dev.up()
    done = project.command("run", "--local", "src/model.py:predict", "-i", "n=6")
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["total", "6.0"])
    dev.wait_for("          predicting 6")


def test_the_second_start_has_the_url_and_token_of_the_first_and_its_own_options(project):
    (project.folder / ".gitignore").write_text(".env\n")
    (project.folder / ".env").write_text("MARK=file\nOTHER=1\nPATH=/nowhere\n")
    first = project.dev("--port", "0").up()
    assert "PATH is left out: " in first.said
    assert first.call(n=1)[1]["outputs"]["mark"] == "file"
    (project.folder / ".env").write_text("MARK=changed\n")
    wait_until(lambda: first.call(n=1)[1]["outputs"]["mark"] == "changed", what=first.said)
    assert first.interrupt() == 0

    second = project.dev("-i", "scale=constant:4", "--env", "MARK=command", "--low-latency").up()
    assert (second.url, second.token) == (first.url, first.token)
    assert second.call(n=2)[1]["outputs"] == {"total": 8.0, "mark": "command"}


def test_a_port_that_is_taken_is_said(project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = project.command("dev", "src/model.py:predict", "--port", str(port))
    assert done.returncode == 3
    assert f"Port {port} of 127.0.0.1 is taken" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["src/none.py:predict"], "'src/none.py' is not in"),
        (["predict"], "names no function"),
        (["src/model.py:predict", "--env", "MARK"], "'MARK' sets no variable"),
        (["src/model.py:predict", "--env-file", "none"], "No such file"),
        (["src/model.py:predict", "--name", "a b"], "is not a valid name"),
        (["src/model.py:predict", "--folder", "none"], "is not a folder"),
    ],
)
def test_what_no_edit_can_mend_is_said_at_once(project, arguments, said):
    done = project.command("dev", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (project.home / "cache").exists()


def test_without_the_server_the_extra_to_install_is_named(project):
    with mock.patch("headrace.cli.own_servers.find_spec", return_value=None):
        done = project.command("run", "--local", "src/model.py:predict", "-i", "n=1")
    assert done.returncode == 3
    assert "pip install 'headrace[server]'" in done.stderr


def test_options_of_local_runs_need_them(project):
    for option in (["--env", "A=1"], ["--folder", "src"], ["--env-file", "x"]):
        done = project.command("run", "predict", *option)
        assert (done.returncode, "they need --local" in done.stderr) == (2, True)
    done = project.command("run", "--local", "--detach", "src/model.py:predict")
    assert (done.returncode, "--detach" in done.stderr) == (2, True)
