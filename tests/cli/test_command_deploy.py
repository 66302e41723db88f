"""``headrace deploy``, edit after edit, against a real server."""

from __future__ import annotations

import json
import stat
import subprocess

import pytest
from tests.pythons import working

pytestmark = pytest.mark.system

CODE = """
from typing import TypedDict

FACTOR = 2


class Result(TypedDict):
    total: float


def scale(x: float, more: float = 1.0) -> Result:
    \"\"\"Scale a number.

    Args:
        x: The number.
    \"\"\"
    return {"total": x * FACTOR + more}
"""


@pytest.fixture
def project(headrace, tmp_path):
    """A user's folder, and the command in it; what it made is deleted at the end."""
    command = type(headrace)(headrace.environ, tmp_path)
    (tmp_path / "model.py").write_text(CODE)
    before = {item["pipeline_name"] for item in command.json("pipelines", "list")}
    yield command
    for item in command.json("pipelines", "list"):
        if item["pipeline_name"] not in before:
            command("pipelines", "delete", item["pipeline_name"], "--force")


def edit(project, old, new):
    path = project.folder / "model.py"
    path.write_text(path.read_text().replace(old, new))


def call(project, name, **inputs):
    given = [word for key, value in inputs.items() for word in ("-i", f"{key}={value}")]
    return project.json("trigger", name, *given)["outputs"]


def test_the_first_deploy_shows_what_it_understood_and_how_it_is_called(project):
    done = project("deploy", "model.py:scale", "--endpoint", "deploy-first")
    assert done.returncode == 0, done.stderr
    for words in (
        "Pipeline scale: model.py:scale, Python 3.11, no requirements",
        "input   x      number  (required)  The number.",
        "input   more   number  1.0",
        "output  total  number",
        "Sending 1 file, ",
    ):
        assert words in done.stderr
    shown = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert shown["version"] == "1"
    assert shown["call"].startswith("curl ")
    assert shown["token"] in shown["call"]
    assert call(project, "deploy-first", x=3) == {"total": 7.0}
    # A token is shown once: what a build server prints is read by many.
    edit(project, "FACTOR = 2", "FACTOR = 3")
    again = project("deploy", "model.py:scale")
    assert shown["token"] not in again.stdout + again.stderr
    assert "headrace deployments show deploy-first" in again.stdout
    assert "EndpointToken $HEADRACE_ENDPOINT_TOKEN" in again.stdout


def test_the_curl_line_that_is_shown_works(project):
    made = project.json("deploy", "model.py:scale", "--endpoint", "deploy-curl")
    token = made["deployments"][0]["endpoint_token"]
    done = subprocess.run(
        ["bash", "-c", f"{made['curl']} -sS"],
        env=project.environ | {"HEADRACE_ENDPOINT_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout)["outputs"] == {"total": 3.0}, done.stderr


def test_an_edit_becomes_a_version_behind_the_same_url_and_token(project):
    first = project.json("deploy", "model.py:scale", "--endpoint", "deploy-edit")
    edit(project, "FACTOR = 2", "FACTOR = 3")
    second = project.json("deploy", "model.py:scale", "-m", "thrice")
    assert (first["version"], second["version"], second["is_new"]) == (1, 2, True)
    for key in ("endpoint_url", "endpoint_token"):
        assert first["deployments"][0][key] == second["deployments"][0][key]
    assert second["changes"] == ["~ model.py"]
    assert call(project, "deploy-edit", x=3) == {"total": 10.0}
    listed = project.json("versions", "scale")
    assert [(v["version"], v["is_current"], v["message"]) for v in listed] == [
        (2, True, "thrice"),
        (1, False, None),
    ]
    shortened = project("versions", "scale", "--limit", 1)
    assert len(shortened.stdout.splitlines()) == 2
    assert "There are older ones" in shortened.stderr
    assert "scale has version 1 again" in project.said("rollback", "scale")
    assert call(project, "deploy-edit", x=3) == {"total": 7.0}


def test_nothing_changed_is_said_and_nothing_is_done(project):
    project.said("deploy", "model.py:scale")
    (project.folder / "__pycache__").mkdir()
    (project.folder / "__pycache__" / "model.pyc").write_bytes(b"x")
    done = project("deploy", "model.py:scale")
    assert done.stdout == "Nothing changed: pipeline scale has version 1.\n"
    assert done.stderr == ""
    assert len(project.json("versions", "scale")) == 1


def test_a_file_that_may_be_run_is_a_change(project):
    project.said("deploy", "model.py:scale")
    path = project.folder / "model.py"
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    assert project.json("deploy", "model.py:scale")["version"] == 2


def test_a_dry_run_shows_the_difference_and_sends_nothing(project):
    project.said("deploy", "model.py:scale", "--endpoint", "deploy-dry")
    edit(project, "FACTOR = 2", "FACTOR = 4")
    edit(project, "more: float = 1.0", "more: float = 1.5")
    (project.folder / "requirements.txt").write_text("# nothing\n")
    shown = project.said("deploy", "model.py:scale", "--dry-run").splitlines()
    for line in (
        "-FACTOR = 2",
        "+FACTOR = 4",
        "+ requirements requirements.txt",
        "- input more:number=1.0",
        "+ input more:number=1.5",
        "+ requirements.txt",
    ):
        assert line in shown
    assert len(project.json("versions", "scale")) == 1


def test_what_would_break_callers_is_refused_with_the_deployment_unless_forced(project):
    project.said("deploy", "model.py:scale", "--endpoint", "deploy-break")
    edit(project, "more", "extra")
    dry = project("deploy", "model.py:scale", "--dry-run")
    assert dry.returncode == 1
    assert "deployment deploy-break: input 'more' is gone" in dry.stdout
    done = project("deploy", "model.py:scale")
    assert done.returncode == 1
    assert "'deploy-break'" in done.stderr
    assert "--force" in done.stderr
    assert project.json("deploy", "model.py:scale", "--force")["version"] == 2
    assert call(project, "deploy-break", x=1, extra=0) == {"total": 2.0}


def test_a_build_that_fails_leaves_the_version_before(project):
    project.said("deploy", "model.py:scale", "--endpoint", "deploy-fails")
    edit(project, "FACTOR = 2", "import not_there")
    done = project("deploy", "model.py:scale")
    assert done.returncode == 1
    assert "No module named 'not_there'" in done.stderr
    assert "Pipeline scale goes on with version 1." in done.stderr
    assert call(project, "deploy-fails", x=3) == {"total": 7.0}
    versions = project.json("versions", "scale")
    assert [item["status"] for item in versions] == ["creation_failed", "ready"]


def test_options_of_a_deployment_change_where_an_update_can_do_it(project):
    job = ("deploy", "model.py:scale", "--every", "0 3 * * *", "-i")
    project.said(*job, "x=constant:1")
    changed = project.json(*job[:3], "0 4 * * *", "-i", "x=constant:2")["deployments"][0]
    assert changed["schedule"] == "0 4 * * *"
    constants = {one["pipeline_input_name"]: one for one in changed["inputs_mapping"]}
    assert constants["x"]["constant_value"] == 2
    assert constants["more"]["constant_value"] == 1.0
    refused = project("deploy", "model.py:scale", "--endpoint", "scale")
    assert refused.returncode == 1
    assert "is periodic, and stays so" in refused.stderr
    assert "headrace deployments delete scale" in refused.stderr


def test_pods_that_cannot_start_are_no_success_and_the_old_ones_go_on(project):
    fast = ("deploy", "model.py:scale", "--endpoint", "deploy-pods", "--low-latency")
    assert project(*fast).returncode == 0
    edit(project, "FACTOR = 2", "FACTOR = 3")
    assert project("deploy", "model.py:scale").returncode == 0
    assert call(project, "deploy-pods", x=1) == {"total": 4.0}
    # Only the first import of a build is no pod's.
    broken = "import sys\n\nif '/pods/' in sys.argv[0]:\n    raise OSError('no pod')\nFACTOR = 4"
    edit(project, "FACTOR = 3", broken)
    for _ in ("changed", "unchanged"):
        done = project("deploy", "model.py:scale")
        assert done.returncode == 1
        assert "with version 3, and those of the version before go on" in done.stderr
        assert "no pod" in done.stderr
    assert call(project, "deploy-pods", x=1) == {"total": 4.0}


def test_a_model_of_some_megabytes_travels(project):
    (project.folder / "model.bin").write_bytes(bytes(6_000_000))
    done = project("deploy", "model.py:scale")
    assert done.returncode == 0, done.stderr
    assert "Sending 2 files, 5.72 MB." in done.stderr


def test_a_pinned_deployment_stays_and_is_said_to(project):
    project.said("deploy", "model.py:scale", "--endpoint", "deploy-pinned")
    project.said("deployments", "update", "deploy-pinned", "--version", 1)
    edit(project, "FACTOR = 2", "FACTOR = 3")
    shown = project.said("deploy", "model.py:scale")
    assert "deploy-pinned, pinned to version 1" in shown
    assert call(project, "deploy-pinned", x=1) == {"total": 3.0}
    assert "1, pinned" in project.said("deployments", "show", "deploy-pinned")
    project.said("deployments", "update", "deploy-pinned", "--version", "current")
    assert call(project, "deploy-pinned", x=1) == {"total": 4.0}
    for option, value in (("--version", "newest"), ("--probe", "[1]"), ("--probe", "{")):
        refused = project("deployments", "update", "deploy-pinned", option, value)
        assert refused.returncode == 2
        assert option in refused.stderr


def test_an_attached_file_is_replaced_when_its_content_changes(project):
    table = project.folder / "table.txt"
    table.write_text("5")
    (project.folder / ".headraceignore").write_text("table.txt\n")
    edit(project, "FACTOR = 2", "FACTOR = float(open('data/table.txt').read())")
    deploy = ("deploy", "model.py:scale", "--endpoint", "deploy-attached")
    project.said(*deploy, "--attach", "data/table.txt=table.txt")
    assert call(project, "deploy-attached", x=1) == {"total": 6.0}
    table.write_text("7")
    again = project.json(*deploy, "--attach", "data/table.txt=table.txt")
    assert (again["version"], again["is_new"]) == (1, False)
    assert call(project, "deploy-attached", x=1) == {"total": 8.0}
    assert "Nothing changed" in project.said(*deploy, "--attach", "data/table.txt=table.txt")
    refused = project(*deploy, "--attach", "data/table.txt=tabel.txt")
    assert refused.returncode == 2
    assert "'tabel.txt' cannot be attached" in refused.stderr


def test_imports_that_nothing_installs_are_named(project):
    edit(project, "FACTOR = 2", "import not_there")
    done = project("deploy", "model.py:scale")
    assert done.returncode == 1
    assert "Nothing says what to install, but the code imports not_there (model.py, line 4)" in (
        done.stderr
    )


def test_the_folder_says_which_python(project):
    others = sorted(working().keys() - {"3.11"})
    if not others:
        pytest.skip("there is no other Python on this machine")
    file = project.folder / "pyproject.toml"
    table = "[project]\nname = 'p'\nversion = '1'\nrequires-python = "
    file.write_text(f"{table}'=={others[0]}.*'\n")
    found = project("deploy", "model.py:scale", "--dry-run").stdout
    assert f"Python {others[0]}, pyproject.toml" in found
    file.write_text(f"{table}'>=4'\n")
    refused = project("deploy", "model.py:scale", "--dry-run")
    assert refused.returncode == 2
    assert "requires-python is '>=4', and the server has Python 3." in refused.stderr


def test_a_pipeline_of_another_function_is_not_replaced_by_chance(project):
    project.said("deploy", "model.py:scale")
    (project.folder / "model.py").rename(project.folder / "other.py")
    done = project("deploy", "other.py:scale")
    assert done.returncode == 1
    assert "made from model.py:scale" in done.stderr
    assert project.json("deploy", "other.py:scale", "--name", "scale")["version"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name a function, such as `headrace deploy model.py:predict`"),
        (["model.py"], "'model.py' names a file: write model.py:scale."),
        (["model.py:scal"], "Did you mean model.py:scale?"),
        (["modle.py:scale"], "The Python files there: model.py."),
        (["scale"], "names no function"),
        (["model.py:scale", "--low-latency"], "--low-latency"),
        (["model.py:scale", "--timezone", "UTC"], "--timezone"),
        (["model.py:scale", "--endpoint", "e", "--every", "* * * * *"], "--every"),
        (["model.py:scale", "--endpoint", "e", "-i", "z=constant:1"], "no input 'z'"),
        (["model.py:scale", "--every", "daily"], "cron expression has five"),
        (["model.py:scale", "--every", "0 3 * * *"], "'x' has no source: map it to constant:VALUE"),
        (["model.py:scale", "--python", "2.7"], "Python 2.7 is not supported"),
        (["model.py:scale", "--name", "a/b"], "the name 'a/b'"),
        (["model.py:scale", "--endpoint", "a/b"], "endpoint 'a/b'"),
        (["--name", "a"], "headrace.toml"),
    ],
)
def test_mistakes_are_refused_before_anything_is_sent(project, arguments, words):
    done = project("deploy", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "scale" not in {item["pipeline_name"] for item in project.json("pipelines", "list")}


def test_completion_knows_versions(project):
    project.said("deploy", "model.py:scale")
    words = {"COMP_WORDS": "headrace rollback scale ", "COMP_CWORD": "3"}
    environ = project.environ | words | {"_HEADRACE_COMPLETE": "complete_bash"}
    done = type(project)(environ, project.folder).process()
    assert done.stdout.split() == ["1"], done.stderr
