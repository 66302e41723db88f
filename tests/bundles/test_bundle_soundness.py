"""A bundle that was changed is made whole again before anybody uses it."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from headrace.bundles.contents import content_digest
from headrace.bundles.store import BundleStore


@pytest.fixture
def store(tmp_path):
    return BundleStore(tmp_path / "bundles")


@pytest.fixture
def archive(make_archive, make_member):
    return make_archive(
        make_member("main.py", b"x = 1\n"),
        make_member("parts/a.txt", b"a"),
        make_member("run.sh", b"#!/bin/sh\n", mode=0o755),
    )


def rewritten_with_its_times(folder):
    """Write other content of the same length, and set the times back."""
    file = folder / "main.py"
    before = file.stat()
    file.write_text("x = 2\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {
    "written": lambda folder: (folder / "main.py").write_text("x = 2"),
    "written, times set back": rewritten_with_its_times,
    "added": lambda folder: (folder / "parts" / "b.txt").write_text("b"),
    "bytecode planted": lambda folder: (folder / "__pycache__").mkdir(),
    "git planted": lambda folder: (folder / "parts" / ".git").mkdir(),
    "deleted": lambda folder: (folder / "parts" / "a.txt").unlink(),
    "folder deleted": lambda folder: shutil.rmtree(folder / "parts"),
    "all deleted": shutil.rmtree,
    "renamed": lambda folder: (folder / "main.py").rename(folder / "other.py"),
    "not executable": lambda folder: (folder / "run.sh").chmod(0o644),
    "replaced by a link": lambda folder: (
        (folder / "main.py").unlink(),
        (folder / "main.py").symlink_to("run.sh"),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_folder_is_made_again_from_its_archive(store, archive, change):
    kept = store.keep(archive)
    before = sorted(path.relative_to(kept.folder) for path in kept.folder.rglob("*"))
    change(kept.folder)
    assert store.sound(kept.digest) == kept
    assert content_digest(kept.folder) == kept.digest
    assert sorted(path.relative_to(kept.folder) for path in kept.folder.rglob("*")) == before


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_keeping_equal_content_again_brings_a_clean_folder(store, archive, change):
    kept = store.keep(archive)
    change(kept.folder)
    assert store.keep(archive) == kept
    assert content_digest(kept.folder) == kept.digest
    assert not (kept.folder / "__pycache__").exists()


def test_a_sound_bundle_is_left_as_it_is(store, archive, tmp_path):
    kept = store.keep(archive)
    number = kept.folder.stat().st_ino
    assert store.sound(kept.digest) == kept
    assert store.keep(archive) == kept
    assert kept.folder.stat().st_ino == number
    assert sorted(path.name for path in kept.folder.parent.iterdir()) == [
        "bundle.tgz",
        "folder",
        "stamp",
    ]


@pytest.mark.parametrize(
    "damage",
    [lambda archive: archive.write_bytes(b"no archive"), lambda archive: archive.unlink()],
)
def test_a_damaged_archive_is_made_again_from_the_folder(store, archive, damage):
    kept = store.keep(archive)
    whole = kept.archive.read_bytes()
    damage(kept.archive)
    assert store.sound(kept.digest) == kept
    assert kept.archive.read_bytes() == whole


def test_a_bundle_of_which_nothing_is_whole_is_missing_until_it_is_sent_again(store, archive):
    kept = store.keep(archive)
    (kept.folder / "main.py").write_text("other")
    kept.archive.write_bytes(b"no archive")
    assert store.sound(kept.digest) is None
    assert store.keep(archive) == kept
    assert store.sound(kept.digest) == kept


def test_a_copy_of_the_data_directory_is_sound(store, archive, tmp_path):
    kept = store.keep(archive)
    shutil.copytree(tmp_path / "bundles", tmp_path / "restored")
    restored = BundleStore(tmp_path / "restored").sound(kept.digest)
    assert restored is not None
    assert content_digest(restored.folder) == kept.digest


def test_a_bundle_of_an_earlier_version_has_no_stamp_and_is_sound(store, archive):
    kept = store.keep(archive)
    (kept.folder.parent / "stamp").unlink()
    assert store.sound(kept.digest) == kept
    assert (kept.folder.parent / "stamp").exists()


def test_what_was_never_kept_is_not_sound(store):
    assert store.sound("0" * 64) is None
    assert store.sound("../x") is None


@pytest.mark.parametrize("change", [os.utime, shutil.rmtree], ids=["touched", "deleted"])
def test_many_who_need_a_changed_bundle_at_once_all_get_it(store, archive, change):
    kept = store.keep(archive)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            change(kept.folder)
            assert set(pool.map(store.sound, [kept.digest] * 8)) == {kept}
    place = kept.folder.parent
    assert sorted(path.name for path in place.iterdir()) == sorted(
        path.name for path in store.keep(archive).folder.parent.iterdir()
    )
    assert len(list(place.iterdir())) == 3
