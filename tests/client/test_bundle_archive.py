"""The archive of a local folder: what is taken, what is left out, what is refused."""

from __future__ import annotations

import os
import socket
import tarfile

import pytest

from headrace import InvalidCode, InvalidRequest, TooLarge
from headrace.client.bundles import check_function_file, check_size, pack
from headrace.client.selection import select


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


def packed(folder, included):
    """The files of the archive that would be sent, by their names."""
    with pack(select(folder, included)) as archive, tarfile.open(fileobj=archive) as tar:
        read = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
        return {name: file.read().decode() for name, file in read.items() if file is not None}


def limit():
    return 5_000_000


def test_the_whole_folder_is_taken_without_what_tools_leave(folder):
    whole = ["data/rows.csv", "main.py", "requirements.txt", "src/a.py", "src/deep/b.py"]
    assert packed(folder, ["/"]) == {name: name for name in whole}


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
    assert list(packed(folder, included)) == names


@pytest.mark.parametrize("entry", ["missing", "../project", "src/../../x"])
def test_what_is_not_in_the_folder_is_named(folder, entry):
    with pytest.raises(InvalidRequest, match=r"missing|leaves"):
        select(folder, [entry])


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidRequest, match="nowhere"):
        select(tmp_path / "nowhere", ["/"])


def test_the_biggest_files_of_a_folder_too_large_are_named(folder):
    (folder / "data/big.bin").write_bytes(b"0" * 4_000_000)
    (folder / "data/model.bin").write_bytes(b"0" * 2_000_000)
    with pytest.raises(TooLarge, match=r"big\.bin \(4,000,000 bytes\), data/model\.bin") as caught:
        check_size(select(folder, ["/"]), limit)
    assert caught.value.details["limit"] == 5_000_000
    check_size(select(folder, ["src"]), limit)
    check_size(select(folder, ["/"]), lambda: 7_000_000)


def test_a_link_to_a_file_inside_is_packed_as_that_file(folder):
    (folder / "alias.py").symlink_to("main.py")
    assert packed(folder, ["alias.py"]) == {"alias.py": "main.py"}


def test_a_link_to_a_folder_inside_stays_a_link(folder):
    (folder / "data/code").symlink_to("../src")
    (folder / "top").symlink_to(folder)
    with pack(select(folder, ["/"])) as archive, tarfile.open(fileobj=archive) as tar:
        links = {member.name: member.linkname for member in tar if member.issym()}
    assert links == {"data/code": "../src", "top": "."}
    with pytest.raises(InvalidRequest, match=r"'data/code' is a link to 'src', which does not"):
        select(folder, ["data"])


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/etc/hostname", "leaves the folder, to '/etc/hostname'"),
        ("/usr", "leaves the folder, to '/usr'"),
        ("none", "'none', which is not there"),
        ("alias", "nowhere but to itself"),
        ("alias/deeper", "nowhere but to itself"),
        ("/dev/null", "leaves the folder"),
    ],
)
def test_other_links_are_refused_by_name_with_a_remedy(folder, target, words):
    (folder / "alias").symlink_to(target)
    with pytest.raises(InvalidRequest, match=rf"^'alias' is a link .*{words}.*\.headraceignore"):
        select(folder, ["/"])
    (folder / ".headraceignore").write_text("alias\n")
    assert "alias" not in select(folder, ["/"]).files


def test_nothing_is_reached_through_a_link_that_leaves_the_folder(folder, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("key")
    (folder / "alias").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidRequest, match="leaves the folder"):
        select(folder, ["alias/key"])


def test_folders_without_files_are_packed(folder):
    (folder / "out/deep").mkdir(parents=True)
    with pack(select(folder, ["out", "main.py"])) as archive, tarfile.open(fileobj=archive) as tar:
        assert [(m.name, m.isdir()) for m in tar] == [
            ("out", True),
            ("out/deep", True),
            ("main.py", False),
        ]


def test_what_is_no_file_stays_here(folder):
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        left_out = select(folder, ["/"]).left_out
    assert left_out["pipe"] == left_out["socket"] == "neither a file nor a folder"


@pytest.mark.parametrize(("name", "words"), [(b"caf\xe9.csv", "not UTF-8"), (b"a\\b", "backslash")])
def test_a_name_that_cannot_be_sent_is_refused(folder, name, words):
    (folder / os.fsdecode(name)).write_text("")
    with pytest.raises(InvalidRequest, match=words):
        select(folder, ["/"])


def test_a_folder_that_may_not_be_read_is_named(folder):
    (folder / "data").chmod(0)
    if os.access(folder / "data", os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(InvalidRequest, match=r"data' cannot be packed: Permission denied"):
        select(folder, ["/"])


def test_a_data_directory_is_never_sent(folder):
    (folder / ".demo/data").mkdir(parents=True)
    (folder / ".demo/data/headrace.db").write_text("")
    selection = select(folder, ["/"])
    assert selection.left_out[".demo/data/"] == "a Headrace server's data directory"
    with pytest.raises(InvalidRequest, match="data directory"):
        select(folder / ".demo/data", ["/"])


def test_a_hard_link_is_packed_as_a_file(folder):
    (folder / "twin.py").hardlink_to(folder / "main.py")
    with (
        pack(select(folder, ["main.py", "twin.py"])) as archive,
        tarfile.open(fileobj=archive) as tar,
    ):
        assert [(member.name, member.isreg()) for member in tar] == [
            ("main.py", True),
            ("twin.py", True),
        ]


def test_owners_stay_here(folder):
    with pack(select(folder, ["main.py"])) as archive, tarfile.open(fileobj=archive) as tar:
        (member,) = tar.getmembers()
    assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")


def test_a_function_file_that_is_not_there_is_named_with_those_that_are(folder):
    check_function_file(folder, "src/a.py")
    with pytest.raises(InvalidCode, match=r"mian\.py.*there are main\.py"):
        check_function_file(folder, "mian.py")
