"""A bundle is kept whole, once, for as long as it is used; or not at all."""

import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from headrace.bundles.contents import content_digest
from headrace.bundles.store import BundleStore
from headrace.core.errors import InvalidRequest, TooLarge


@pytest.fixture
def root(tmp_path):
    return tmp_path / "bundles"


@pytest.fixture
def store(root):
    return BundleStore(root)


def visible(root):
    return {place.name for place in root.iterdir()} - {".lock"}


def keep_again_and_again(root, archive, times, barrier):
    barrier.wait(30)
    for _ in range(times):
        bundle = BundleStore(root).keep(archive)
        assert content_digest(bundle.folder) == bundle.digest


def test_what_is_kept_is_found(store, make_archive, make_member):
    bundle = store.keep(make_archive(make_member("src/a.py", b"x = 1\n")))
    assert store.find(bundle.digest) == bundle
    assert (bundle.folder / "src" / "a.py").read_bytes() == b"x = 1\n"
    assert bundle.digest == content_digest(bundle.folder)
    assert bundle.size == bundle.archive.stat().st_size


def test_the_archive_for_download_holds_the_same(store, make_archive, make_member, tmp_path):
    bundle = store.keep(
        make_archive(make_member("a.py", b"x", mode=0o755), make_member(".git/config", b"token"))
    )
    elsewhere = BundleStore(tmp_path / "elsewhere").keep(bundle.archive)
    assert elsewhere.digest == bundle.digest
    assert elsewhere.archive.read_bytes() == bundle.archive.read_bytes()


def test_equal_content_is_kept_once(store, root, make_archive, make_member):
    first = store.keep(make_archive(make_member("a"), make_member("b")))
    second = store.keep(make_archive(make_member("b", mtime=7), make_member("./a")))
    assert first == second
    assert visible(root) == {first.digest}


@pytest.mark.parametrize("digest", ["0" * 64, "", "..", "../../etc", "folder", "A" * 64])
def test_what_is_not_kept_is_not_found(store, digest):
    assert store.find(digest) is None


def test_nothing_is_left_of_a_refused_archive(store, root, make_archive, make_member):
    with pytest.raises(InvalidRequest):
        store.keep(make_archive(make_member("a", b"x"), make_member("../b", b"x")))
    with pytest.raises(TooLarge):
        store.keep(make_archive(make_member("a", b"x" * 6_000_000)))
    assert visible(root) == set()


def test_unused_bundles_go_and_used_ones_stay(store, root, make_archive, make_member):
    used, unused = (store.keep(make_archive(make_member(name))) for name in ("used", "unused"))
    assert store.discard_unused({used.digest}, grace_s=-1) == [unused.digest]
    assert store.find(unused.digest) is None
    assert store.find(used.digest) == used
    assert visible(root) == {used.digest}


def test_a_young_bundle_stays_though_nobody_uses_it_yet(store, make_archive, make_member):
    bundle = store.keep(make_archive(make_member("a")))
    assert store.discard_unused((), grace_s=3600) == []
    assert store.find(bundle.digest) == bundle


def test_keeping_again_makes_a_bundle_young(store, root, make_archive, make_member):
    archive = make_archive(make_member("a"))
    bundle = store.keep(archive)
    os.utime(root / bundle.digest, (0, 0))
    store.keep(archive)
    assert store.discard_unused((), grace_s=3600) == []
    os.utime(root / bundle.digest, (0, 0))
    assert store.discard_unused((), grace_s=3600) == [bundle.digest]


def test_processes_and_threads_may_keep_and_discard_the_same(
    store, root, make_archive, make_member
):
    """Whoever has kept a bundle finds it whole, while others keep and discard it too."""
    archive = make_archive(*(make_member(f"d/{i}", b"x" * i) for i in range(20)))
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    workers = [
        context.Process(target=keep_again_and_again, args=(root, archive, 15, barrier))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    barrier.wait(30)
    with ThreadPoolExecutor(3) as pool:
        kept = [pool.submit(store.keep, archive) for _ in range(15)]
        for _ in range(15):
            store.discard_unused((), grace_s=60)
        bundles = {future.result() for future in kept}
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    (bundle,) = bundles
    assert visible(root) == {bundle.digest}
    assert content_digest(bundle.folder) == bundle.digest


def test_sweeping_removes_what_a_killed_process_left(store, root, make_archive, make_member):
    """The archive is a pipe that never ends, so the process is killed in the middle of keeping."""
    bundle = store.keep(make_archive(make_member("a")))
    pipe = root.parent / "pipe"
    os.mkfifo(pipe)
    program = (
        "import sys; from pathlib import Path; from headrace.bundles.store import BundleStore;"
        "BundleStore(Path(sys.argv[1])).keep(Path(sys.argv[2]))"
    )
    worker = subprocess.Popen([sys.executable, "-c", program, str(root), str(pipe)])
    try:
        with pipe.open("wb"):
            # Opening returned, so the other end is reading: its folder is there, and held.
            assert len(visible(root)) == 2
            store.sweep()
            assert len(visible(root)) == 2
            worker.send_signal(signal.SIGKILL)
            worker.wait(30)
    finally:
        worker.kill()
        worker.wait(30)
    store.sweep()
    assert visible(root) == {bundle.digest}
    assert store.find(bundle.digest) == bundle


def test_sweeping_removes_what_was_not_deleted_to_the_end(store, root, make_archive, make_member):
    bundle = store.keep(make_archive(make_member("a")))
    (root / bundle.digest).rename(root / ".trash-1")
    store.sweep()
    assert visible(root) == set()


def test_discarding_waits_for_whoever_publishes(store, root, make_archive, make_member):
    bundle = store.keep(make_archive(make_member("a")))
    lock = os.open(root / ".lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    done = threading.Event()

    def discard():
        store.discard_unused((), grace_s=60)
        done.set()

    os.utime(root / bundle.digest, (0, 0))
    thread = threading.Thread(target=discard)
    thread.start()
    assert not done.wait(0.1)
    os.utime(root / bundle.digest)
    os.close(lock)
    thread.join(30)
    assert store.find(bundle.digest) == bundle
