"""``headrace deployments`` for low-latency ones, against a real server."""

from __future__ import annotations

import uuid

import pytest
from tests.conftest import wait_until

pytestmark = pytest.mark.system

BROKEN = 'print("about to break")\nraise LookupError("not today")\n\n\ndef work():\n    pass\n'


@pytest.fixture
def name(headrace):
    """A name for a deployment, which is deleted afterwards."""
    chosen = f"cli-{uuid.uuid4().hex[:8]}"
    yield chosen
    headrace("deployments", "delete", chosen)


@pytest.fixture
def create(headrace, pipeline, name):
    """Creates the deployment ``name`` of an echo, low-latency."""

    def make(*options):
        return headrace(
            "deployments", "create", name, "--pipeline", pipeline("echo"), "--mode", "low_latency",
            *options,
        )  # fmt: skip

    return make


def test_it_is_created_called_shown_and_changed(headrace, create, name):
    done = create(
        "--pods", "2", "--parallel", "--max-parallel", "3", "--ram", "512MiB", "--idle-timeout",
        "1h30m", "--max-queue", "2000", "--timeout", "1m",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"/endpoints/{name}" in done.stdout
    assert headrace.json("trigger", name, "-i", "text=hi")["outputs"] == {"text": "hi"}

    found = headrace.json("deployments", "show", name)
    ids = [pod["pod_id"] for pod in found["pods"]]
    lines = headrace.said("deployments", "show", name).splitlines()
    shown = [tuple(line.split(None, 1)) for line in lines]
    for pair in [
        ("mode", "low_latency"),
        ("status", "up"),
        ("pods", "2 of 2"),
        *(("pod", f"{pod_id} up") for pod_id in ids),
        ("memory", "512MiB"),
        ("idle", "ends after 1h 30m"),
        ("calls", "0 running, 0 waiting"),
        ("queue", "at most 2,000"),
        ("timeout", "1m"),
    ]:
        assert pair in shown
    assert any(line.startswith("at once") and "3 calls in each" in line for line in lines)

    said = headrace.said("deployments", "update", name, "--pods", "1", "--idle-timeout", "0")
    assert said == f"Deployment {name} is up.\n"
    headrace.said("deployments", "update", name, "--replace-pods", "--sequential")
    found = headrace.json("deployments", "show", name)
    assert (len(found["pods"]), found["enable_parallel_executions"]) == (1, False)
    assert found["pods"][0]["pod_id"] not in ids
    said = headrace.said("deployments", "show", name)
    assert "stays" in said
    assert "one call in each" in said
    listed = headrace.said("deployments", "list").splitlines()
    assert any(line.startswith(name) and " low_latency " in line for line in listed)
    assert "MODE" in listed[0]


def test_the_log_is_printed_and_followed(headrace, create, name):
    assert create().returncode == 0
    pod = headrace.json("deployments", "show", name)["pods"][0]["pod_id"]
    said = headrace.said("deployments", "logs", name)
    assert f"{pod} the pod is up" in said
    lines = headrace.json("deployments", "logs", name)
    assert {line["pod_id"] for line in lines} == {pod}
    stamped = headrace.said("deployments", "logs", name, "--timestamps").splitlines()
    assert stamped[0].startswith(lines[0]["timestamp"])
    with headrace.start("deployments", "logs", name, "--follow") as following:
        assert pod in following.stdout.readline().decode()
        headrace.said("deployments", "update", name, "--replace-pods")
        other = headrace.json("deployments", "show", name)["pods"][0]["pod_id"]
        rest = b""
        while other.encode() not in rest:
            rest = following.stdout.readline()
            assert rest
        following.terminate()


def test_a_creation_that_fails_exits_with_1_and_the_reason(headrace, name, tmp_path):
    (tmp_path / "work.py").write_text(BROKEN)
    headrace.said(
        "pipelines", "create", f"{name}-broken", "--folder", tmp_path, "--function", "work.py:work"
    )
    arguments = ("deployments", "create", name, "--pipeline", f"{name}-broken")
    done = headrace(*arguments, "--mode", "low_latency", "--json")
    assert done.returncode == 1
    assert "LookupError: not today" in done.stderr
    assert '"DeploymentCreationFailed"' in done.stdout
    assert "LookupError: not today" in headrace.said("deployments", "show", name)
    wait_until(lambda: "about to break" in headrace.said("deployments", "logs", name))
    done = headrace("deployments", "update", name, "--replace-pods")
    assert (done.returncode, "not today" in done.stderr) == (1, True)
    headrace.said("deployments", "delete", name)
    headrace.said("pipelines", "delete", f"{name}-broken")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--pods", "0"], 1, "pods must be a whole number"),
        (["--pods", "two"], 2, "--pods"),
        (["--ram", "1GB"], 1, "--ram must be"),
        (["--max-parallel", "2"], 1, "set --parallel to true"),
        (["--idle-timeout", "soon"], 2, "'soon' is no duration"),
        (["--max-queue", "0"], 1, "--max-queue must be"),
        (["--mode", "elastic", "--pods", "2"], 1, "pods is for mode 'low_latency'"),
        (["--mode", "quick"], 2, "--mode"),
    ],
)
def test_options_that_cannot_be(headrace, create, name, options, code, words):
    done = create(*options)
    assert done.returncode == code
    assert words in done.stderr
    assert headrace("deployments", "show", name).returncode == 1


def test_an_elastic_one_has_no_pods(headrace, pipeline, name):
    headrace.said("deployments", "create", name, "--pipeline", pipeline("nothing"))
    assert "pods" not in headrace.said("deployments", "show", name)
    done = headrace("deployments", "update", name, "--replace-pods")
    assert (done.returncode, "is elastic" in done.stderr) == (1, True)
    assert headrace.said("deployments", "logs", name) == ""
