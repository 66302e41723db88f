"""``headrace run`` and ``headrace executions``, against a real server."""

from __future__ import annotations

import json
import os
import signal

import pytest

pytestmark = pytest.mark.system


def test_a_run_prints_its_outputs(headrace, pipeline):
    done = headrace.process("run", pipeline("add"), "-i", "number1=9", "-i", "number2=6")
    assert (done.returncode, done.stdout, done.stderr) == (0, "total  15\n", "")


def test_json_is_one_document(headrace, pipeline):
    for arguments in (
        ("run", pipeline("add"), "-i", "number1=9", "--json", "-f"),
        ("--json", "run", pipeline("add"), "-i", "number1=9"),
    ):
        document = json.loads(headrace.said(*arguments))
        assert document["outputs"] == {"total": 15}
        assert document.keys() == {"execution_id", "outputs"}


def test_values_come_from_files_and_stdin(headrace, pipeline, tmp_path):
    path = tmp_path / "text"
    path.write_text("from a file é")
    name = pipeline("echo")
    assert headrace.json("run", name, "-i", f"text=@{path}")["outputs"]["text"] == "from a file é"
    assert headrace.json("run", name, "-i", "text=@-", text="piped")["outputs"]["text"] == "piped"


def test_a_file_goes_in_and_comes_out(headrace, pipeline, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("1,2\n")
    done = headrace.said("run", pipeline("double"), "-i", f"source=@{source}")
    assert done == "result  a file; --out FOLDER saves it\n"
    saved = headrace.json("run", pipeline("double"), "-i", f"source={source}", "--out", tmp_path)
    assert saved["outputs"]["result"] == {"path": str(tmp_path / "result.csv"), "size": 8}
    assert (tmp_path / "result.csv").read_text() == "1,2\n1,2\n"
    arguments = ("run", pipeline("double"), "-i", "source=@-", "--out", tmp_path)
    assert headrace.process(*arguments, text="ab").returncode == 0
    assert (tmp_path / "result.csv").read_text() == "abab"


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_place_that_cannot_be_written_is_named(headrace, pipeline, tmp_path, out):
    (tmp_path / "file").write_text("")
    done = headrace("run", pipeline("double"), "-i", "source=@-", "--out", tmp_path / out)
    assert done.returncode == 1
    assert "cannot be saved" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failed_run_exits_with_one(headrace, pipeline):
    done = headrace("run", pipeline("fail"))
    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert first == "Error: ValueError: too bad"
    execution_id = second.split()[1]
    assert second.endswith(f"failed. Its log: headrace executions logs {execution_id}")
    assert "too bad" in headrace.said("executions", "logs", execution_id)
    failed = headrace.process("run", pipeline("fail"), "--json")
    error = json.loads(failed.stdout)["error"]
    assert failed.returncode == 1
    assert error["name"] == "PipelineExecutionFailed"
    assert headrace.json("executions", "show", error["additional_data"]["execution_id"])[
        "status"
    ] == ("Failed")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-i", "number1=nine"], "must be of type number"),
        (["-i", "number3=1"], "its inputs are: number1, number2"),
        (["-i", "number1"], "NAME=VALUE"),
        (["--colour"], "No such option"),
    ],
)
def test_wrong_usage_exits_with_two(headrace, pipeline, arguments, words):
    done = headrace.process("run", pipeline("add"), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_server_refuses_exits_with_one(headrace, pipeline):
    done = headrace("run", pipeline("add"))
    assert done.returncode == 1
    assert "'number1' is required" in done.stderr
    assert headrace("run", "no-such-pipeline").returncode == 1


def test_a_detached_run_is_followed_by_its_id(headrace, pipeline):
    execution_id = headrace.said("run", pipeline("wait"), "-i", "seconds=2", "--detach").strip()
    assert headrace.said("executions", "logs", execution_id, "-f") == "waiting\nwaited\n"
    stamped = headrace.said("executions", "logs", execution_id, "--timestamps").splitlines()
    assert [line.partition("Z ")[2] for line in stamped] == ["waiting", "waited"]
    assert [line["message"] for line in headrace.json("executions", "logs", execution_id)] == [
        "waiting",
        "waited",
    ]
    shown = headrace.said("executions", "show", execution_id)
    assert "status         Succeeded" in shown
    assert "input seconds  2" in shown
    assert "has no outputs" in headrace.said("executions", "outputs", execution_id)


def test_a_live_log_comes_while_it_is_written(headrace, pipeline):
    process = headrace.start("run", pipeline("wait"), "-i", "seconds=60", "--logs")
    with process:
        assert process.stderr.readline() == b"waiting\n"
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    cancel = err.decode().splitlines()[-1].removeprefix("Cancel it: headrace ")
    headrace.said(*cancel.split())
    execution_id = cancel.split()[-1]
    found = headrace.json("executions", "show", execution_id)
    assert (found["status"], found["failure"]["kind"]) == ("Failed", "cancelled")
    assert "ended already" in headrace(*cancel.split()).stderr


def test_executions_are_listed_and_deleted(headrace, pipeline):
    name = pipeline("echo")
    ids = [headrace.json("run", name)["execution_id"] for _ in range(2)]
    page = headrace.json("executions", "list", "--pipeline", name, "--limit", 1)
    assert [item["execution_id"] for item in page["items"]] == ids[1:]
    assert page["next_cursor"]
    plain = headrace.said("executions", "list", "--pipeline", name, "--status", "succeeded")
    assert plain.splitlines()[0].split() == [
        "ID",
        "PIPELINE",
        "DEPLOYMENT",
        "VERSION",
        "STATUS",
        "CREATED",
        "TOOK",
        "RERUN",
        "OF",
        "REASON",
    ]
    assert plain.splitlines()[2].split()[:5] == [ids[0], name, "-", "1", "Succeeded"]
    assert "\x1b" not in plain
    assert headrace.json("executions", "delete", ids[0]) == {"execution_id": ids[0]}
    assert headrace("executions", "show", ids[0]).returncode == 1


def test_a_reader_that_goes_away_is_no_error(headrace, pipeline):
    execution_id = headrace.json("run", pipeline("echo"))["execution_id"]
    reader, writer = os.pipe()
    os.close(reader)
    process = headrace.start("executions", "show", execution_id, stdout=writer)
    os.close(writer)
    with process:
        _, err = process.communicate(timeout=30)
    assert b"Traceback" not in err
