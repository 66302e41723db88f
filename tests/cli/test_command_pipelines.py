"""``headrace pipelines``, against a real server."""

from __future__ import annotations

import json
import tarfile

import pytest

pytestmark = pytest.mark.system


def test_a_creation_shows_its_log_and_ends_with_how_to_run_it(headrace, fresh):
    done = headrace(
        *("pipelines", "create", fresh, "--function", "main.py:add", "--description", "Adds"),
        *("-i", "number1:number!", "-i", "number2:number=6", "-o", "total:number"),
        *("--language", "python:3.11-slim", "--include", "main.py", "--no-requirements"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "Pipeline cli-fresh is ready. Run it: headrace run cli-fresh -i number1=… -i number2=…\n"
    )
    assert "cli-fresh" in done.stderr
    shown = headrace.said("pipelines", "show", fresh)
    for line in (
        "function        main.py:add",
        "description     Adds",
        "input           number1:number!",
        "input           number2:number=6",
        "output          total:number",
    ):
        assert line in shown.splitlines()
    parameters = headrace.json("pipelines", "show", fresh)["parameters"]
    assert parameters["container_config"]["included_folders"] == ["main.py"]
    listed = [line.split()[:2] for line in headrace.said("pipelines", "list").splitlines()]
    assert [fresh, "ready"] in listed
    assert done.stderr.startswith("Sending 1 file, ")
    assert done.stderr.endswith(headrace.said("pipelines", "logs", fresh))
    assert headrace.json("pipelines", "delete", fresh)["pipeline"] == {"name": fresh}
    assert headrace("pipelines", "show", fresh).returncode == 1


def test_a_creation_need_not_be_waited_for(headrace, fresh):
    made = headrace.json("pipelines", "create", fresh, "--function", "main.py:fail", "--no-wait")
    assert made["parameters"]["pipeline_name"] == fresh
    assert "ready" in headrace.said("pipelines", "logs", fresh, "--follow")


def test_a_failed_build_exits_with_one(headrace, fresh, folder, tmp_path):
    (tmp_path / "main.py").write_text((folder / "main.py").read_text())
    (tmp_path / "needs.txt").write_text("./missing-package\n")
    done = headrace(
        *("pipelines", "create", fresh, "--folder", tmp_path, "--function", "main.py:fail"),
        *("--requirements", "needs.txt", "--json"),
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["name"] == "PipelineCreationFailed"
    assert "failure" in headrace.said("pipelines", "show", fresh)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--function", "main.py"], 2, "PATH/TO/FILE.py:FUNCTION"),
        (["--function", "main.py:add", "-i", "a"], 2, "NAME:TYPE=DEFAULT"),
        (["--function", "main.py:add", "-o", "a:nmber"], 2, "must be one of string, number"),
        (["--function", "main.py:missing"], 1, "'missing'"),
        (["--function", "absent.py:f"], 2, "--function 'absent.py'"),
        (
            ["--function", "main.py:fail", "--folder", "absent"],
            2,
            "--folder 'absent' is not a folder",
        ),
    ],
)
def test_what_cannot_be_created_says_why(headrace, fresh, arguments, code, words):
    done = headrace("pipelines", "create", fresh, *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_folder_can_be_had_back(headrace, pipeline, tmp_path):
    name = pipeline("add")
    assert f"{name}.tgz" in headrace.said("pipelines", "download", name, "--out", tmp_path)
    with tarfile.open(tmp_path / f"{name}.tgz") as tar:
        assert "main.py" in tar.getnames()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--branch", "x"], "needs --git"),
        (["--deploy-key", "x"], "needs --git"),
        (["--git", "https://h/x", "--folder", "."], "excludes --folder"),
        (["--git", "https://h/x", "--deploy-key", "no-such-file"], "no-such-file"),
    ],
)
def test_a_repository_and_what_goes_with_it(headrace, options, said):
    done = headrace("pipelines", "create", "cli-git", "--function", "main.py:add", *options)
    assert done.returncode == 2
    assert said in done.stderr


def test_the_project_keeps_a_deploy_key_and_does_not_show_it(headrace, tmp_path):
    key = tmp_path / "key"
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END")
    url = "git@example.org:a/b.git"
    said = headrace.said("project", "set", "--git", url, "--branch", "b", "--deploy-key", key)
    assert url in said
    assert "c2VjcmV0" not in said + headrace.said("project", "show", "--json")
    names = ("repository_url", "repository_branch", "repository_deploy_key")
    headrace.said("project", "set", *(word for name in names for word in ("--unset", name)))
    assert url not in headrace.said("project", "show")
