"""``headrace rerun``, against a real server."""

from __future__ import annotations

import pytest
from tests.cli.interrupting import interrupted

pytestmark = pytest.mark.system


def latest(headrace, pipeline):
    """The id of the newest execution of a pipeline."""
    page = headrace.json("executions", "list", "--pipeline", pipeline, "--limit", 1)
    return page["items"][0]["execution_id"]


def test_a_rerun_says_which_code_runs_and_prints_the_outputs(headrace, pipeline):
    name = pipeline("add")
    headrace.said("run", name, "-i", "number1=9")
    first = latest(headrace, name)
    done = headrace("rerun", first[:20], "-i", "number1=1")
    assert (done.returncode, done.stdout) == (0, "total  7\n")
    second = latest(headrace, name)
    assert done.stderr == (
        f"Execution {first} of {name} runs again as {second}, with version 1, the current one, "
        "as before.\n"
    )
    shown = headrace.said("executions", "show", second)
    assert f"rerun of       {first}\n" in shown
    assert "version        1, python:3." in shown
    assert f"run again as   {second}\n" in headrace.said("executions", "show", first)
    assert first in headrace.said("executions", "list", "--pipeline", name, "--limit", 1)


def test_json_is_one_document_with_both_ids(headrace, pipeline):
    name = pipeline("add")
    headrace.said("run", name, "-i", "number1=9")
    first = latest(headrace, name)
    found = headrace.json("rerun", first, "--original", "-f")
    assert found["outputs"] == {"total": 15}
    assert (found["rerun_of"], found["code"], found["version"]) == (first, "original", 1)
    detached = headrace.json("rerun", first, "-d", "--version", 1)
    assert (detached["rerun_of"], detached["code"]) == (first, 1)


def test_a_recorded_file_goes_in_again(headrace, pipeline, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("1,2\n")
    name = pipeline("double")
    headrace.said("run", name, "-i", f"source={source}")
    source.unlink()
    headrace.said("rerun", latest(headrace, name), "--out", tmp_path)
    assert (tmp_path / "result.csv").read_text() == "1,2\n1,2\n"
    headrace.said("rerun", latest(headrace, name), "-i", "source=@-", "--out", tmp_path, text="a")
    assert (tmp_path / "result.csv").read_text() == "aa"


def test_a_rerun_that_fails_exits_with_one(headrace, pipeline):
    name = pipeline("fail")
    headrace("run", name)
    done = headrace("rerun", latest(headrace, name))
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: ValueError: too bad" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--original", "--version", "1"], 2, "exclude each other"),
        (["--version", "9"], 1, "has no version 9"),
        (["--version", "0"], 2, "--version"),
        (["-i", "number1=one"], 2, "must be of type number"),
        (["-i", "number3=1"], 2, "its inputs are: number1, number2"),
    ],
)
def test_mistakes_are_named(headrace, pipeline, arguments, code, words):
    name = pipeline("add")
    headrace.said("run", name, "-i", "number1=9")
    done = headrace("rerun", latest(headrace, name), *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


def test_an_interrupted_rerun_goes_on(headrace, pipeline):
    name = pipeline("wait")
    headrace.said("run", name, "-i", "seconds=0")
    process = headrace.start("rerun", latest(headrace, name), "-f", "-i", "seconds=60")
    assert b"runs again as" in process.stderr.readline()
    assert process.stderr.readline() == b"waiting\n"
    err = interrupted(process)
    assert process.returncode == 130
    assert b"goes on" in err
    headrace.said("executions", "cancel", latest(headrace, name))


def test_lists_are_chosen_by_version_and_time(headrace, pipeline):
    name = pipeline("nothing")
    headrace.said("run", name)
    assert headrace.json("executions", "list", "--pipeline", name, "--version", 1)["items"]
    for more in (["--version", 2], ["--until", "1h"]):
        assert not headrace.json("executions", "list", "--pipeline", name, *more)["items"]
    done = headrace("executions", "list", "--version", 1)
    assert (done.returncode, done.stdout) == (1, "")
    assert "name the pipeline or the deployment" in done.stderr
