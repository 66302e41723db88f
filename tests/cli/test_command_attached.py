"""``--attach`` and ``--detach``, against a real server."""

from __future__ import annotations

import uuid

import pytest

pytestmark = pytest.mark.system


@pytest.fixture
def name(headrace):
    chosen = f"attached-{uuid.uuid4().hex[:8]}"
    yield chosen
    headrace("deployments", "delete", chosen)


def test_files_are_attached_shown_and_taken_away(headrace, pipeline, name, tmp_path):
    file = tmp_path / "model.bin"
    file.write_bytes(uuid.uuid4().bytes)
    headrace.said(
        *("deployments", "create", name, "--pipeline", pipeline("nothing")),
        *("--attach", f"models/a.bin={file}"),
    )
    shown = headrace.said("deployments", "show", name)
    assert "attached        models/a.bin (16.00 B, sha256 " in shown
    headrace.said("trigger", name)
    assert "models/a.bin" in headrace.said("executions", "show", "latest")
    headrace.said(
        *("deployments", "update", name, "--attach", f"b.bin={file}"),
        *("--detach", "models/a.bin"),
    )
    (left,) = headrace.json("deployments", "show", name)["attachments"]
    assert (left["path"], left["size"]) == ("b.bin", 16)
    headrace.said("deployments", "update", name, "--detach", "b.bin")
    assert headrace.json("deployments", "show", name)["attachments"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--attach", "models/a.bin"], "write PLACE=FILE"),
        (["--attach", "a="], "write PLACE=FILE"),
        (["--attach", "../a=main.py"], "cannot be attached at"),
        (["--attach", "/a=main.py"], "cannot be attached at"),
        (["--attach", "a=main.py", "--attach", "a=main.py"], "given twice"),
        (["--attach", "a=none.bin"], "No such file"),
    ],
)
def test_mistakes_are_usage(headrace, pipeline, name, arguments, words):
    done = headrace("deployments", "create", name, "--pipeline", pipeline("nothing"), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
