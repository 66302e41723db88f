"""The archive of a local folder: what is taken, what is left out, what is refused."""

from __future__ import annotations

import tarfile

import pytest

from headrace import InvalidCode, InvalidRequest, TooLarge
from headrace.client.bundles import check_function_file, list_files, pack


@pytest.fixture
def folder(tmp_path):
    """A folder with code, data, and what Python and git leave behind."""
    root = tmp_path / "project"
    for name in (
        "main.py",
        "requirements.txt",
        "src/a.py",
        "src/deep/b.py",
        "src/__pycache__/a.pyc",
        ".git/config",
        ".venv/bin/python",
        "data/rows.csv",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def names_in(archive):
    with archive, tarfile.open(fileobj=archive, mode="r:gz") as tar:
        return {member.name: tar.extractfile(member).read().decode() for member in tar}


def test_the_whole_folder_is_taken_without_what_tools_leave(folder):
    whole = ["data/rows.csv", "main.py", "requirements.txt", "src/a.py", "src/deep/b.py"]
    assert names_in(pack(folder, ["/"])) == {name: name for name in whole}


@pytest.mark.parametrize(
    ("included", "names"),
    [
        (["src"], ["src/a.py", "src/deep/b.py"]),
        (["./src", "src/a.py", "/src/deep"], ["src/a.py", "src/deep/b.py"]),
        (["main.py", "requirements.txt"], ["main.py", "requirements.txt"]),
        ([], []),
    ],
)
def test_what_is_included_is_taken_once(folder, included, names):
    assert list(names_in(pack(folder, included))) == names


@pytest.mark.parametrize("entry", ["missing", "../project", "src/../../x"])
def test_what_is_not_in_the_folder_is_named(folder, entry):
    with pytest.raises(InvalidRequest, match=r"missing|leaves"):
        pack(folder, [entry])


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidRequest, match="nowhere"):
        pack(tmp_path / "nowhere", ["/"])


def test_the_biggest_files_of_a_folder_too_large_are_named(folder):
    (folder / "data/big.bin").write_bytes(b"0" * 4_000_000)
    (folder / "data/model.bin").write_bytes(b"0" * 2_000_000)
    with pytest.raises(TooLarge, match=r"big\.bin \(4,000,000 bytes\), data/model\.bin") as caught:
        pack(folder, ["/"])
    assert caught.value.details["limit"] == 5_000_000
    assert "src/a.py" in names_in(pack(folder, ["src"]))


def test_a_link_to_a_file_inside_is_packed_as_that_file(folder):
    (folder / "alias.py").symlink_to("main.py")
    assert names_in(pack(folder, ["alias.py"])) == {"alias.py": "main.py"}


@pytest.mark.parametrize(
    ("target", "words"),
    [("/etc/hostname", "leaves the folder"), ("src", "link to a folder"), ("none", "no file")],
)
def test_other_links_are_refused(folder, target, words):
    (folder / "alias").symlink_to(target)
    with pytest.raises(InvalidRequest, match=words):
        list_files(folder, ["/"])


def test_a_hard_link_is_packed_as_a_file(folder):
    (folder / "twin.py").hardlink_to(folder / "main.py")
    with pack(folder, ["main.py", "twin.py"]) as archive, tarfile.open(fileobj=archive) as tar:
        assert [(member.name, member.isreg()) for member in tar] == [
            ("main.py", True),
            ("twin.py", True),
        ]


def test_owners_stay_here(folder):
    with pack(folder, ["main.py"]) as archive, tarfile.open(fileobj=archive) as tar:
        (member,) = tar.getmembers()
    assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")


def test_a_function_file_that_is_not_there_is_named_with_those_that_are(folder):
    check_function_file(folder, "src/a.py")
    with pytest.raises(InvalidCode, match=r"mian\.py.*there are main\.py"):
        check_function_file(folder, "mian.py")
