"""``headrace deploy`` and ``headrace diff`` with ``headrace.toml``, against a real server."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.system

FILE = """
[pipelines.toml-scale]
function = "model.py:scale"

[pipelines.toml-job]
function = "job.py:work"
folder = "jobs"

[deployments.toml-scale]
pipeline = "toml-scale"
inputs = {factor = "constant:2"}

[deployments.toml-job]
pipeline = "toml-job"
every = "0 3 * * *"
timezone = "Europe/Paris"
"""


@pytest.fixture
def project(headrace, tmp_path):
    """A user's folder with its file, and the command in it."""
    folder = tmp_path
    (folder / "jobs").mkdir()
    (folder / "model.py").write_text(
        "def scale(x: float, factor: float = 1.0):\n    return {'y': x * factor}\n"
    )
    (folder / "jobs" / "job.py").write_text("def work(n: float = 3):\n    return {'n': n}\n")
    (folder / "headrace.toml").write_text(FILE)
    command = type(headrace)(headrace.environ, folder)
    yield command
    for name in ("toml-scale", "toml-job"):
        command("pipelines", "delete", name, "--force")


def change(project, old, new):
    path = project.folder / "headrace.toml"
    path.write_text(path.read_text().replace(old, new))


def test_a_file_is_applied_compared_and_applied_again(project):
    assert "would be created" in project.said("diff")
    first = project.json("deploy")
    assert [one["version"] for one in first["pipelines"]] == [1, 1]
    assert project.said("deploy").count("Nothing changed") == 2
    assert all(one["is_nothing"] for one in project.json("diff")["pipelines"])

    # The file is about the code, and no part of it.
    assert "headrace.toml" not in str(project.json("versions", "show", "toml-scale")["files"])
    change(project, "constant:2", "constant:3")
    change(project, "0 3 * * *", "0 4 * * *")
    lines = project.said("diff").splitlines()
    assert "+ input factor=constant:3" in lines
    assert "+ schedule: 0 4 * * *" in lines
    project.said("deploy")
    assert project.said("deploy").count("Nothing changed") == 2
    assert project.json("trigger", "toml-scale", "-i", "x=2")["outputs"] == {"y": 6.0}

    change(project, "\n[deployments.toml-job]", "\n[deployments.toml-other]")
    only = project("deploy", "toml-job")
    assert only.returncode == 0
    assert "Deployment toml-job is on the server and not in headrace.toml. It stays" in only.stderr
    assert project.json("deployments", "show", "toml-job")["schedule"] == "0 4 * * *"
    assert project.json("diff")["other_deployments"] == ["toml-job"]


def test_what_the_file_no_longer_says_is_said_and_stays(project):
    change(project, "inputs = {factor", "retries = 2\ninputs = {factor")
    project.said("deploy", "toml-scale")
    change(project, "retries = 2\n", "")
    done = project("deploy", "toml-scale")
    assert "does not say: toml-scale: retries = 2. It stays." in done.stderr
    assert project.json("deployments", "show", "toml-scale")["retries"] == 2
    change(project, "inputs = {factor", "pods = 2\ninputs = {factor")
    refused = project("deploy", "toml-scale")
    assert refused.returncode == 2
    assert "pods is an option of pods, and deployment 'toml-scale' is elastic" in refused.stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("0 3 * * *", "daily", "[deployments.toml-job] every 'daily' has 1 field"),
        ("Europe/Paris", "Europe/Prais", "[deployments.toml-job] timezone must be the IANA name"),
        ("job.py:work", "jbo.py:work", "[pipelines.toml-job] There is no file 'jbo.py'"),
        ("constant:2", "constant:two", "[deployments.toml-scale] inputs"),
        ("constant:2", "store:a", "[deployments.toml-scale] The mapping cannot be used"),
    ],
)
def test_what_is_wrong_says_file_table_and_key(project, old, new, words):
    change(project, old, new)
    done = project("diff")
    assert done.returncode == 2
    assert f"headrace.toml: {words}" in done.stderr


def test_a_mistake_anywhere_deploys_nothing(project):
    project.said("deploy")
    before = len(project.json("versions", "toml-scale"))
    model = project.folder / "model.py"
    text, file = model.read_text(), (project.folder / "headrace.toml").read_text()
    model.write_text(text + "\n# edited\n")
    change(project, "job.py:work", "job.py:wrok")
    try:
        done = project("deploy")
        assert done.returncode != 0
        assert "'wrok'" in done.stderr
        assert len(project.json("versions", "toml-scale")) == before
    finally:
        model.write_text(text)
        (project.folder / "headrace.toml").write_text(file)


def test_a_pipeline_that_the_file_does_not_have_is_named(project):
    done = project("deploy", "nope")
    assert done.returncode == 2
    assert "has no pipeline 'nope'; it has toml-scale, toml-job" in done.stderr
