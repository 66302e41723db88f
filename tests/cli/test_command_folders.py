"""What a folder holds when its pipeline runs, and how large it may be."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.system

CODE = """
import os


def look():
    with open("out/here", "w"):
        pass
    found = [os.path.join(at, name) for at, _, names in os.walk(".") for name in names]
    return {"found": sorted(found), "linked": sorted(os.listdir("linked"))}
"""


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "code"
    (root / "out").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "data/rows.csv").write_text("1")
    (root / "linked").symlink_to("data")
    (root / "main.py").write_text(CODE)
    (root / ".gitignore").write_text("*.bin\n")
    (root / "a.bin").write_bytes(bytes(6_000_000))
    (root / "env/lib").mkdir(parents=True)
    (root / "env/pyvenv.cfg").write_text("")
    (root / "env/lib64").symlink_to("lib")
    return root


def test_empty_folders_travel_and_ignored_files_do_not(headrace, fresh, project):
    creation = ("--function", "main.py:look", "-o", "found:array", "-o", "linked:array")
    made = headrace("pipelines", "create", fresh, "--folder", project, *creation)
    assert made.returncode == 0, made.stderr
    assert "Sending 3 files, " in made.stderr
    assert "Left out: a.bin (.gitignore), env/ (a virtual environment)." in made.stderr
    assert "looks secret" not in made.stderr
    assert headrace.json("run", fresh)["outputs"] == {
        "found": ["./.gitignore", "./data/rows.csv", "./main.py", "./out/here"],
        "linked": ["rows.csv"],
    }


def test_files_with_names_of_secrets_do_not_travel_silently(headrace, fresh, project):
    (project / ".env").write_text("PASSWORD=1")
    made = headrace("pipelines", "create", fresh, "--folder", project, "--function", "main.py:look")
    assert made.returncode == 0, made.stderr
    assert "Taken, though it looks secret: .env." in made.stderr


def test_the_limit_of_a_folder_is_a_setting(headrace, project, own_server):
    server = own_server(HEADRACE_MAX_FOLDER_BYTES="7MB")
    at = ("--url", server.url, "--token", server.token)
    create = ("pipelines", "create", "big", "--folder", project, "--function", "main.py:look")
    made = headrace.process(*at, *create, "--include", "/", "--include", "a.bin")
    assert made.returncode == 0, made.stderr
    (project / "more").write_bytes(bytes(2_000_000))
    refused = headrace.process(*at, *create, "--include", "/", "--include", "a.bin")
    assert refused.returncode == 2
    assert "at most 7,000,000" in refused.stderr
    assert "a.bin (6,000,000 bytes)" in refused.stderr
    assert "with --include," in refused.stderr
