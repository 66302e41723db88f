"""The digest of a bundle says what is in it, and nothing of how it came."""

import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.bundles.archives import unpack
from headrace.bundles.contents import content_digest, write_archive

segments = st.text("abé", min_size=1, max_size=2)
paths = st.lists(segments, min_size=1, max_size=3).map("/".join)
contents = st.dictionaries(paths, st.tuples(st.binary(max_size=20), st.booleans()), max_size=6)


def without_collisions(files):
    """Leave out files whose path is another file's folder."""
    return {
        path: entry
        for path, entry in files.items()
        if not any(other.startswith(f"{path}/") for other in files)
    }


folders = contents.map(without_collisions)


def fill(folder, files):
    folder.mkdir()
    for path, (content, is_program) in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o755 if is_program else 0o644)
    return folder


@settings(deadline=None)  # a disk takes as long as it takes
@given(files=folders, other=folders)
def test_equal_digests_mean_equal_content(tmp_path_factory, files, other):
    base = tmp_path_factory.mktemp("digest")
    first, second = fill(base / "1", files), fill(base / "2", other)
    assert (content_digest(first) == content_digest(second)) == (files == other)


@settings(deadline=None)  # a disk takes as long as it takes
@given(files=folders, order=st.randoms(use_true_random=False))
def test_order_times_owners_and_compression_do_not_matter(
    make_archive, make_member, tmp_path_factory, files, order
):
    base = tmp_path_factory.mktemp("digest")
    members = [
        make_member(
            path,
            content,
            mode=0o4777 if is_program else 0o600,
            mtime=order.randrange(10**9),
            uid=order.randrange(1000),
        )
        for path, (content, is_program) in files.items()
    ]
    order.shuffle(members)
    unpack(make_archive(*members), base / "unpacked")
    assert content_digest(base / "unpacked") == content_digest(fill(base / "made", files))


@settings(deadline=None)  # a disk takes as long as it takes
@given(files=folders)
def test_an_archive_of_a_folder_is_the_folder_again(tmp_path_factory, files):
    base = tmp_path_factory.mktemp("digest")
    folder = fill(base / "folder", files)
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("empty/../nothing")
    write_archive(folder, base / "1.tgz")
    unpack(base / "1.tgz", base / "again")
    write_archive(base / "again", base / "2.tgz")
    assert content_digest(base / "again") == content_digest(folder)
    assert (base / "1.tgz").read_bytes() == (base / "2.tgz").read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a.py").write_text("y"),
        lambda folder: (folder / "a.py").chmod(0o755),
        lambda folder: (folder / "a.py").rename(folder / "b.py"),
        lambda folder: (folder / "empty").mkdir(),
        lambda folder: (folder / "link").symlink_to("a.py"),
        lambda folder: shutil.move(folder / "a.py", folder / "d" / "a.py"),
    ],
)
def test_a_change_of_content_changes_the_digest(tmp_path, change):
    folder = fill(tmp_path / "folder", {"a.py": (b"x", False), "d/c": (b"", False)})
    before = content_digest(folder)
    change(folder)
    assert content_digest(folder) != before


def test_bytecode_and_times_do_not_change_the_digest(tmp_path):
    folder = fill(tmp_path / "folder", {"a.py": (b"x", False)})
    before = content_digest(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.pyc").write_bytes(b"x")
    os.utime(folder / "a.py", (1, 1))
    (folder / "a.py").chmod(0o600)
    assert content_digest(folder) == before


def test_the_digest_of_a_known_folder_never_changes(tmp_path):
    """Digests are stored with pipelines, so another layout would orphan every bundle."""
    folder = fill(tmp_path / "folder", {"src/a.py": (b"x = 1\n", False), "run": (b"", True)})
    (folder / "link").symlink_to("run")
    assert (
        content_digest(folder) == "bda2471174b8e6822b6725a45e5c470936d0f7baa745364fb5895cd299091bfe"
    )
