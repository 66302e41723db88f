"""The archives that the public client makes are unpacked to what the user has."""

import os

import pytest
from craft_ai_sdk.core.pipelines import _compress_folder_to_memory

from headrace.bundles.archives import Unpacked, unpack

FILES = {
    "src/main.py": "print('é')\n",
    "src/data.json": "{}",
    "requirements.txt": "numpy\n",
    "notes/todo.md": "x" * 1000,
}


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    for name, text in FILES.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (folder / "src" / "__pycache__").mkdir()
    (folder / "src" / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"pyc")
    (folder / "src" / "link.py").symlink_to("main.py")
    os.link(folder / "src" / "main.py", folder / "src" / "same.py")
    return folder


@pytest.mark.parametrize(
    ("include", "there", "files"),
    [
        (["/"], {*FILES, "src/same.py", "src/link.py"}, 5),
        (["./src"], {"src/main.py", "src/data.json", "src/same.py", "src/link.py"}, 3),
        (["src", "src/main.py"], {"src/main.py", "src/data.json", "src/same.py", "src/link.py"}, 3),
        (
            ["/", "requirements.txt", "./src", "src", "src/main.py"],
            {*FILES, "src/same.py", "src/link.py"},
            5,
        ),
        (["src/main.py"], {"src/main.py"}, 1),
        (["/src/data.json"], {"src/data.json"}, 1),
        ([], set(), 0),
    ],
)
def test_what_was_included_is_there(project, tmp_path, include, there, files):
    archive = tmp_path / "step_file"
    archive.write_bytes(_compress_folder_to_memory(str(project), include).getvalue())
    into = tmp_path / "into"
    assert unpack(archive, into).files == files
    found = {
        place.relative_to(into).as_posix()
        for place in into.rglob("*")
        if place.is_symlink() or not place.is_dir()
    }
    assert found == there
    for path in there:
        assert (into / path).read_bytes() == (project / path).read_bytes()


def test_nothing_included_is_an_empty_folder(project, tmp_path):
    archive = tmp_path / "step_file"
    archive.write_bytes(_compress_folder_to_memory(str(project), []).getvalue())
    assert unpack(archive, tmp_path / "into") == Unpacked(0, 0)
