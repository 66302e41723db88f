"""What another process plants below the root is never followed, and never shown as an object."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from headrace.core.errors import PermissionDenied
from headrace.objects.filesystem import FilesystemStore


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder outside the store, which looks as a folder of a store does."""
    folder = tmp_path / "outside"
    (folder / "\\files").mkdir(parents=True)
    (folder / "\\files" / "b").write_text("secret")
    (folder / "b").write_text("secret")
    return folder


def link_files(objects: Path, outside: Path) -> None:
    (objects / "a").mkdir()
    (objects / "a" / "\\files").symlink_to(outside)


PLANTS: dict[str, Callable[[Path, Path], object]] = {
    "folder is a link": lambda objects, outside: (objects / "a").symlink_to(outside),
    "files folder is a link": link_files,
    "folder is a file": lambda objects, _: (objects / "a").write_text("x"),
}

LEAVES: dict[str, Callable[[Path, Path], object]] = {
    "link to a file": lambda leaf, outside: leaf.symlink_to(outside / "b"),
    "link to nothing": lambda leaf, outside: leaf.symlink_to(outside / "missing"),
    "pipe": lambda leaf, _: os.mkfifo(leaf),
    "folder": lambda leaf, _: leaf.mkdir(),
}


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
async def test_planted_folders(files: FilesystemStore, root, outside, tmp_path, plant) -> None:
    before = sorted(outside.rglob("*"))
    plant(root / "objects", outside)
    upload_id = await files.begin_upload("a/b")
    await files.put_part(upload_id, 1, chunks(b"x"))
    for call in (
        files.put("a/b", chunks(b"x")),
        files.open("a/b"),
        files.fetch("a/b", tmp_path / "to"),
        files.info("a/b"),
        files.local_path("a/b"),
        files.delete("a/b"),
        files.complete_upload(upload_id, [(1, None)]),
    ):
        with pytest.raises(PermissionDenied, match="refused"):
            await call
    assert (await files.list()).items == ()
    assert (await files.list("a")).items == ()
    assert sorted(outside.rglob("*")) == before
    assert (outside / "b").read_text() == (outside / "\\files" / "b").read_text() == "secret"
    assert not [path for path in (root / "staging").rglob("*") if path.is_file()]


async def test_a_planted_folder_is_not_deleted_through(files, root, outside) -> None:
    (root / "objects" / "a").symlink_to(outside)
    with pytest.raises(PermissionDenied):
        await files.delete_tree("a")
    await files.put("t/x", chunks(b"x"))
    (root / "objects" / "t" / "link").symlink_to(outside)
    await files.delete_tree("t")
    assert (outside / "b").exists()
    assert not (root / "objects" / "t").exists()


@pytest.mark.parametrize("plant", LEAVES.values(), ids=LEAVES)
async def test_planted_files_are_not_read(files, root, outside, tmp_path, plant) -> None:
    await files.put("a/c", chunks(b"c"))
    plant(root / "objects" / "a" / "\\files" / "b", outside)
    for call in (
        files.open("a/b"),
        files.fetch("a/b", tmp_path / "to"),
        files.info("a/b"),
        files.local_path("a/b"),
    ):
        with pytest.raises(PermissionDenied, match="refused"):
            await call
    assert [item.path for item in (await files.list()).items] == ["a/c"]


async def test_a_put_replaces_a_planted_link_and_not_its_target(files, root, outside) -> None:
    await files.put("a/c", chunks(b"c"))
    leaf = root / "objects" / "a" / "\\files" / "b"
    leaf.symlink_to(outside / "b")
    await files.put("a/b", chunks(b"new"))
    assert (leaf.is_symlink(), leaf.read_bytes()) == (False, b"new")
    leaf.unlink()
    leaf.symlink_to(outside / "b")
    assert await files.delete("a/b")
    assert (outside / "b").read_text() == "secret"


async def test_names_that_the_store_would_not_make_are_not_listed(files, root) -> None:
    await files.put("a", chunks(b"a"))
    for name in (b"\xff", b"line\nbreak", b"back\\slash"):
        Path(os.fsdecode(os.fsencode(root / "objects" / "\\files") + b"/" + name)).touch()
    assert [item.path for item in (await files.list()).items] == ["a"]


async def test_objects_are_for_the_server_alone(files, root, tmp_path) -> None:
    os.umask(os.umask(0))
    (tmp_path / "open").write_text("x")
    (tmp_path / "open").chmod(0o666)
    await files.put("a", chunks(b"a"))
    await files.put_file("b/c", tmp_path / "open")
    for path in (root / "objects").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
