"""What ignore files keep here, compared with git where git has an opinion."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from headrace.client.selection import select


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    return root


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def git(root: Path, *arguments: str) -> list[str]:
    command = ["git", "-c", "core.excludesFile=/dev/null", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:-1] if "-z" in arguments else []


TREES = {
    "suffixes": {".gitignore": "*.bin\n", "a.bin": "", "src/b.bin": "", "src/b.py": ""},
    "a folder": {".gitignore": "data/\n", "data/x": "", "src/data/y": "", "database": ""},
    "anchored": {".gitignore": "/data\nsrc/out\n", "data/x": "", "src/data/y": "", "src/out/z": ""},
    "negated": {".gitignore": "*.csv\n!keep.csv\n", "a.csv": "", "keep.csv": "", "d/keep.csv": ""},
    "negated in an ignored folder": {".gitignore": "d/\n!d/keep\n", "d/keep": "", "e": ""},
    "content but one": {".gitignore": "d/*\n!d/keep\n", "d/keep": "", "d/other": ""},
    "nested": {
        ".gitignore": "*.log\n",
        "a/.gitignore": "!b.log\nc\n",
        "a/b.log": "",
        "b.log": "",
        "a/c": "",
        "c": "",
    },
    "ignores itself": {"out/.gitignore": "*\n", "out/a": "", "a": ""},
    "comments and blanks": {".gitignore": "# a\n\n\\#b\nc \n", "# a": "", "#b": "", "c": ""},
    "double stars": {".gitignore": "**/tmp/**\na/**/z\n", "x/tmp/1": "", "a/z": "", "a/b/c/z": ""},
    "classes": {
        ".gitignore": "[ab].txt\n?.md\n",
        "a.txt": "",
        "c.txt": "",
        "x.md": "",
        "xx.md": "",
    },
    "carriage returns": {".gitignore": "a\r\n", "a": "", "b": ""},
}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("name", TREES)
def test_what_travels_is_what_git_would_add(folder, name):
    write(folder, TREES[name])
    git(folder, "init", "-q")
    wanted = git(folder, "ls-files", "-z", "--others", "--exclude-standard")
    assert list(select(folder, ["/"]).files) == sorted(wanted)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_files_of_git_above_the_folder_count(folder):
    git(folder, "init", "-q")
    write(folder, {".gitignore": "*.bin\n/sub/top\n", ".git/info/exclude": "secret\n"})
    write(folder, {"sub/a.bin": "", "sub/top": "", "sub/secret": "", "sub/a.py": ""})
    assert list(select(folder / "sub", ["/"]).files) == ["a.py"]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_worktree_knows_the_excludes_of_its_repository(folder, tmp_path):
    git(folder, "init", "-q")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a", "--allow-empty")
    write(folder, {".git/info/exclude": "secret\n"})
    git(folder, "worktree", "add", "-q", str(tmp_path / "other"))
    write(tmp_path / "other", {"secret": "", "a.py": ""})
    assert list(select(tmp_path / "other", ["/"]).files) == ["a.py"]


def test_no_repository_is_needed(folder, tmp_path):
    (tmp_path / ".gitignore").write_text("*.py\n")
    write(folder, {".gitignore": "*.bin\n", "a.bin": "", "a.py": ""})
    assert list(select(folder, ["/"]).files) == [".gitignore", "a.py"]


def test_what_headraceignore_says_counts_first(folder):
    write(folder, {".gitignore": "models/\n*.log\n", "models/.gitignore": "*\n", "models/a": ""})
    write(folder, {".headraceignore": "!models/\nnotes\n", "notes/b": "", "c.log": ""})
    selection = select(folder, ["/"])
    assert list(selection.files) == [
        ".gitignore",
        ".headraceignore",
        "models/.gitignore",
        "models/a",
    ]
    assert selection.left_out == {"c.log": ".gitignore", "notes/": ".headraceignore"}


def test_what_is_named_travels_whatever_ignore_files_say(folder):
    write(folder, {".gitignore": "data/\nmain.py\n*.bin\n", "data/a": "", "data/b/c.bin": ""})
    write(folder, {"main.py": "", "src/x.bin": "", "src/y": "", "data/__pycache__/z": ""})
    assert list(select(folder, ["data", "main.py"]).files) == ["data/a", "data/b/c.bin", "main.py"]
    assert list(select(folder, ["src"]).files) == ["src/y"]
    assert list(select(folder, ["/", "data/b"]).files) == [
        ".gitignore",
        "data/b/c.bin",
        "src/y",
    ]


def test_what_tools_make_stays_here(folder):
    write(
        folder, {"env/pyvenv.cfg": "", "env/lib/a.py": "", "conda/conda-meta/h": "", "main.py": ""}
    )
    (folder / "env/lib64").symlink_to("lib")
    (folder / "env/python").symlink_to("/usr/bin/python3")
    write(folder, {".mypy_cache/CACHEDIR.TAG": "", ".ipynb_checkpoints/n.ipynb": ""})
    write(folder, {"web/node_modules/left-pad/index.js": "", ".git": "gitdir: elsewhere\n"})
    selection = select(folder, ["/"])
    assert list(selection.files) == ["main.py"]
    assert selection.left_out["env/"] == "a virtual environment"
    assert selection.left_out["conda/"] == "a conda environment"
    assert selection.left_out[".mypy_cache/"] == "a cache"


def test_a_folder_whose_content_stays_here_is_there(folder):
    write(folder, {"out/.gitignore": "*\n", "out/a": ""})
    assert select(folder, ["/"]).folders == ["out"]
