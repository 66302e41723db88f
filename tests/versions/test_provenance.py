"""An execution says which code made it: version, commit, requirements, Python, and who."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.versions.conftest import Loop

from headrace import HeadraceSdk
from headrace.client.git import commit_of


def git(folder: Path, *words: str) -> str:
    environ = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    done = subprocess.run(
        ["git", "-C", folder, *who, *words], env=environ, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def test_a_clean_checkout_is_its_commit_and_anything_else_is_none(tmp_path: Path) -> None:
    assert commit_of(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert commit_of(tmp_path) is None  # There is no commit yet.
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "main.py").write_text("x = 1\n")
    (tmp_path / ".gitignore").write_text("*.log\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "The first one\n\nwith a body")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit_of(inside) == (head, "The first one")
    (inside / "a.log").write_text("ignored")
    assert commit_of(inside) == (head, "The first one")
    (tmp_path / "beside.py").write_text("")
    assert commit_of(inside) == (head, "The first one")
    (inside / "new.py").write_text("")
    assert commit_of(inside) is None
    (inside / "new.py").unlink()
    (inside / "main.py").write_text("x = 2\n")
    assert commit_of(inside) is None


def test_what_a_repository_says_is_to_be_run_is_not_run(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    mark = tmp_path.parent / "ran"
    git(tmp_path, "config", "core.fsmonitor", f"touch {mark}; false")
    (tmp_path / "main.py").write_text("")
    assert commit_of(tmp_path) is None
    assert not mark.exists()


def test_an_execution_shows_what_made_it(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    git(loop.folder, "init", "-q")
    (loop.folder / "main.py").write_text("def main(x):\n    return {'y': x + 2}\n")
    git(loop.folder, "add", ".")
    git(loop.folder, "commit", "-qm", "Adds two")
    assert loop.deploy(2)["commit_id"] == git(loop.folder, "rev-parse", "HEAD")
    version = sdk.get_pipeline_version(loop.name)
    assert version["message"] == "Adds two"
    first, second = (
        sdk.get_pipeline_execution(sdk.run_pipeline(loop.name, {"x": 1})["execution_id"])
        for number in (1, 2)
        if sdk.rollback_pipeline(loop.name, number)
    )
    me = sdk.who_am_i()["id"]
    for execution, number, commit_id in ((first, 1, None), (second, 2, version["commit_id"])):
        of = sdk.get_pipeline_version(loop.name, number)
        assert execution["pipeline_version"] == {
            "version": number,
            "digest": of["digest"],
            "commit_id": commit_id,
            "requirements_digest": of["requirements_digest"],
            "language": of["language"],
            "created_by": me,
        }
    assert version["created_by"] == me
