"""``headrace store``, against a real server."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import uuid

import pytest

pytestmark = pytest.mark.system


@pytest.fixture
def remote(headrace):
    """A folder of the data store for one test."""
    name = f"command-{uuid.uuid4().hex[:8]}"
    yield name
    left = [item["path"] for item in headrace.json("store", "ls", name)]
    if left:
        headrace.said("store", "rm", *left)


def test_a_file_there_and_back(headrace, remote, tmp_path):
    source = tmp_path / "a b.csv"
    source.write_text("1,2\n")
    assert headrace.said("store", "put", source, f"{remote}/") == f"Stored {remote}/a b.csv.\n"
    assert headrace.said("store", "put", source, f"{remote}/x") == f"Stored {remote}/x.\n"
    listed = headrace.said("store", "ls", remote).splitlines()
    assert [line.split()[0] for line in listed] == ["PATH", f"{remote}/a", f"{remote}/x"]
    assert "4.00 B" in listed[1]
    shown = headrace.said("store", "info", f"{remote}/x")
    assert f"path      {remote}/x\nsize      4.00 B (4 bytes)\n" in shown
    target = tmp_path / "down.csv"
    said = headrace.said("store", "get", f"{remote}/x", target)
    assert said == f"Saved {target} (4.00 B).\n"
    assert target.read_text() == "1,2\n"
    assert headrace.said("store", "rm", f"{remote}/x") == f"Deleted {remote}/x.\n"
    done = headrace("store", "get", f"{remote}/x", target)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{remote}/x" in done.stderr


def test_a_folder_there_and_a_file_into_a_folder(headrace, remote, tmp_path):
    source = tmp_path / "tree"
    (source / "deep").mkdir(parents=True)
    (source / "one").write_text("1")
    (source / "deep" / "two").write_text("22")
    refused = headrace("store", "put", source, remote)
    assert (refused.returncode, "-r" in refused.stderr) == (2, True)
    stored = headrace.json("store", "put", "-r", source, remote)
    assert [item["path"] for item in stored] == [f"{remote}/deep/two", f"{remote}/one"]
    saved = headrace.json("store", "get", f"{remote}/deep/two", source)
    assert saved == {"path": str(source / "two"), "size": 2}
    assert (source / "two").read_text() == "22"


def test_json_has_exact_sizes(headrace, remote):
    assert headrace.json("store", "ls", remote) == []
    headrace.json("store", "put", "-", f"{remote}/f", text="x" * 2000)
    (listed,) = headrace.json("store", "ls", remote)
    assert listed == headrace.json("store", "info", f"{remote}/f")
    assert (listed["path"], listed["size"]) == (f"{remote}/f", 2000)
    assert headrace.json("store", "rm", f"/{remote}/f") == [{"path": f"{remote}/f"}]


def test_pipes(headrace, remote):
    headrace.process("store", "put", "-", f"{remote}/f", text="piped")
    done = headrace.process("store", "get", f"{remote}/f", "-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "piped", "")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("put", "no-such-file", "a"), 2, "no-such-file cannot be read: No such file"),
        (("put", "-"), 2, "REMOTE"),
        (("put", "-", "a/../b"), 2, "segment"),
        (("get", "no/such", "."), 1, "no/such"),
        (("get", "--json", "no/such", "-"), 2, "stdout"),
        (("rm", "no/such"), 1, "no/such"),
        (("info", ".."), 2, "segment"),
        (("rm",), 2, "REMOTE"),
    ],
)
def test_mistakes_are_named(headrace, arguments, status, words):
    done = headrace("store", *arguments)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_as_json_is_one_document(headrace):
    done = headrace("store", "info", "no/such", "--json")
    assert json.loads(done.stdout)["error"]["name"] == "NotFound"


def test_a_place_that_cannot_be_written_is_named(headrace, remote, tmp_path):
    headrace.process("store", "put", "-", f"{remote}/f", text="x")
    done = headrace("store", "get", f"{remote}/f", tmp_path / "no" / "f")
    assert done.returncode == 1
    assert f"{tmp_path}/no/f cannot be saved: No such file" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_shows_a_bar(headrace, remote, tmp_path):
    source = tmp_path / "large"
    source.write_bytes(bytes(40_000_000))
    controller, terminal = pty.openpty()
    with headrace.start("store", "put", source, f"{remote}/f", stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # A terminal ends in an error when nobody writes to it.
            while data := os.read(controller, 4096):
                shown += data
        assert process.stdout.read().decode() == f"Stored {remote}/f.\n"
    os.close(controller)
    assert process.returncode == 0
    assert f"Uploading {remote}/f".encode() in shown
