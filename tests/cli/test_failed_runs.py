"""What is said of a run that failed: its files by the names that their author gave them."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.system

MAIN = """
from src.deeper import helper


def f():
    return helper.divide(1, 0)


def g():
    import src.broken
"""
HELPER = """def divide(a, b):
    try:
        return a / b
    except ZeroDivisionError as error:
        raise ValueError("no quotient") from error
"""


@pytest.fixture
def project(tmp_path):
    files = {"src/main.py": MAIN, "src/deeper/helper.py": HELPER, "src/broken.py": "x = = 1\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("mode", ["elastic", "low_latency"])
def test_a_traceback_names_the_files_of_the_folder(headrace, fresh, project, mode):
    made = headrace(
        "pipelines", "create", fresh, "--folder", project, "--function", "src/main.py:f"
    )
    assert made.returncode == 0, made.stderr
    if mode == "elastic":
        failed = headrace("run", fresh)
    else:
        headrace.said("deployments", "create", f"{fresh}-d", "--pipeline", fresh, "--mode", mode)
        failed = headrace("trigger", f"{fresh}-d")
    assert failed.returncode == 1
    assert failed.stderr.startswith("Error: ValueError: no quotient\n")
    told = re.search(r"headrace executions logs (\S+)", failed.stderr)
    assert told is not None
    log = headrace.said("executions", "logs", told[1])
    assert re.findall(r'File "(.*?)", line (\d+)', log) == [
        ("src/deeper/helper.py", "3"),
        ("src/main.py", "6"),
        ("src/deeper/helper.py", "5"),
    ]
    assert "return a / b" in log
    assert "return helper.divide(1, 0)" in log
    headrace("pipelines", "delete", fresh, "--force")


def test_so_does_that_of_a_file_that_cannot_be_parsed(headrace, fresh, project):
    arguments = ("--folder", project, "--function", "src/main.py:g")
    assert headrace("pipelines", "create", fresh, *arguments).returncode == 0
    failed = headrace("run", fresh)
    log = headrace.said("executions", "logs", "latest")
    assert failed.returncode == 1
    assert 'File "src/broken.py", line 1' in log
    assert "x = = 1" in log


def test_a_failed_execution_has_no_outputs_to_show(headrace, fresh, project):
    (project / "fail.py").write_text("def f():\n    raise ValueError('too bad')\n")
    arguments = ("--folder", project, "--function", "fail.py:f", "-o", "a:file", "-o", "b:number")
    assert headrace("pipelines", "create", fresh, *arguments).returncode == 0
    assert headrace("run", fresh).returncode == 1
    shown = headrace.said("executions", "show", "latest").splitlines()
    assert [line.split() for line in shown if line.startswith("output")] == [
        ["output", "a", "-"],
        ["output", "b", "-"],
    ]
    assert "failure   ValueError: too bad" in shown


def test_executions_are_chosen_and_named_in_short(headrace, fresh, project):
    (project / "maybe.py").write_text(
        "def f(fails):\n    if fails:\n        raise ValueError('x')\n"
    )
    arguments = ("--folder", project, "--function", "maybe.py:f", "-i", "fails:boolean=false")
    assert headrace("pipelines", "create", fresh, *arguments).returncode == 0
    good = headrace.json("run", fresh)["execution_id"]
    assert headrace("run", fresh, "-i", "fails=true").returncode == 1
    headrace.said("deployments", "create", f"{fresh}-d", "--pipeline", fresh)
    by_call = headrace.json("trigger", f"{fresh}-d")["execution_id"]

    def listed(*more):
        page = headrace.json("executions", "list", "--pipeline", fresh, *more)
        return [item["execution_id"] for item in page["items"]]

    newest, bad, oldest = listed()
    assert (newest, oldest) == (by_call, good)
    assert listed("--status", "failed") == [bad]
    assert listed("--status", "Failed", "--status", "succeeded", "--limit", "2") == [newest, bad]
    assert listed("--deployment", f"{fresh}-d") == [by_call]
    assert listed("--since", "1h") == [newest, bad, oldest]
    assert listed("--since", "2999-01-01") == []
    plain = headrace.said("executions", "list", "--pipeline", fresh, "--status", "Failed")
    assert re.search(r"Failed .*\d\.\d\ds +- +ValueError: x$", plain.splitlines()[1])

    assert headrace.json("executions", "show", "latest")["execution_id"] == newest
    for execution_id in (newest, bad, oldest):
        assert headrace.json("executions", "show", execution_id[:18])["execution_id"] == (
            execution_id
        )
        assert headrace.json("executions", "show", execution_id.upper())
    shared = newest[:4]
    many = headrace("executions", "show", shared)
    assert many.returncode == 2
    assert f"begins with '{shared}'" in many.stderr
    assert many.stderr.count(fresh) == 3
    assert headrace("executions", "cancel", "fff").returncode == 1
    assert headrace("executions", "delete", oldest[:18]).returncode == 0
    assert listed() == [newest, bad]
    headrace("pipelines", "delete", fresh, "--force")
