"""The data directory: private, whole, one server's alone, and one sentence about what is wrong."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.conftest import HEADRACE, RunningServer, clean_environ

from headrace.control.sealing import load_keys
from headrace.core.errors import Unavailable
from headrace.server.data_directory import DataDirectory
from headrace.server.obstacles import in_plain_words, refusal

pytestmark = pytest.mark.system

LISTENS = "Headrace is at"


def command(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEADRACE, *arguments],
        env={**clean_environ(), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def serve(data_dir: Path) -> subprocess.CompletedProcess[str]:
    return command("serve", "--data-dir", data_dir, "--port", "0")


def said_plainly(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Refused with a sentence or two on stderr, and no traceback anywhere."""
    assert done.returncode in {1, 3}, (done.stdout, done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    assert LISTENS not in done.stdout
    errors = " ".join(done.stderr.split())
    for word in words:
        assert word in errors


def open_to_others(root: Path) -> dict[str, str]:
    """Paths at the top of a data directory, and itself, that others may use somehow."""
    found = {}
    for path in (root, *root.iterdir()):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            found[str(path)] = oct(mode)
    return found


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o027])
def test_a_directory_that_others_could_read_is_closed_and_that_is_said(
    own_server: Callable[..., RunningServer], umask: int
) -> None:
    before = os.umask(umask)
    try:
        server = own_server()
        assert open_to_others(server.data_dir) == {}
        assert server.stop() == 0
        for path in (server.data_dir, *server.data_dir.iterdir()):
            if path.name != "master.key":
                path.chmod(0o755 if path.is_dir() else 0o644)
        server.start()
    finally:
        os.umask(before)
    assert open_to_others(server.data_dir) == {}
    log = server.log.read_text()
    for name in ("headrace.db", "logs", "bundles"):
        assert f"closed {server.data_dir / name} to other users" in log


def test_a_deleted_lock_admits_no_second_server(own_server: Callable[..., RunningServer]) -> None:
    server = own_server()
    (server.data_dir / "server.lock").unlink()
    said_plainly(serve(server.data_dir), "A server runs on the data directory")
    # Another file of that name is not the lock either.
    (server.data_dir / "server.lock").write_bytes(b"")
    said_plainly(serve(server.data_dir), "A server runs on the data directory")
    server.kill()
    server.start()


def test_a_second_server_touches_nothing(own_server: Callable[..., RunningServer]) -> None:
    server = own_server()
    left = server.data_dir / "run" / "uploads" / "of-a-request"
    left.write_text("being read")
    said_plainly(serve(server.data_dir), "A server runs on the data directory")
    assert left.read_text() == "being read"


def truncate(database: Path) -> None:
    database.write_bytes(b"")


def overwrite(database: Path) -> None:
    database.write_bytes(b"What is this? " * 1000)


def overwrite_the_first_page(database: Path) -> None:
    with database.open("r+b") as file:
        file.write(b"\xff" * 2048)


def cut_in_half(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 2)


def make_a_folder(database: Path) -> None:
    database.unlink()
    database.mkdir()


def lead_nowhere(database: Path) -> None:
    database.unlink()
    database.symlink_to(database)


def replace_by_another(database: Path) -> None:
    database.unlink()
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE things (id)")


def replace_by_a_newer(database: Path) -> None:
    with closing(sqlite3.connect(database)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()


DAMAGES = [
    (truncate, "is empty"),
    (Path.unlink, "is missing"),
    (overwrite, "not a database"),
    (overwrite_the_first_page, "not a database"),
    (cut_in_half, "headrace.db"),
    (make_a_folder, "is a directory"),
    (lead_nowhere, "symbolic link"),
    (replace_by_another, "nothing that Headrace recorded"),
    (replace_by_a_newer, "newer Headrace"),
]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which a server has run, and ended."""
    server = RunningServer(tmp_path_factory.mktemp("used") / "data").start()
    assert server.stop() == 0
    return server.data_dir


@pytest.mark.parametrize(
    ("damage", "word"), DAMAGES, ids=[damage.__name__ for damage, _ in DAMAGES]
)
def test_a_database_that_cannot_be_used_is_one_sentence(
    used: Path, tmp_path: Path, damage: Callable[[Path], object], word: str
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(used, data_dir)
    data_dir.chmod(0o700)
    damage(data_dir / "headrace.db")
    said_plainly(serve(data_dir), word)
    if damage in {overwrite, lead_nowhere}:
        said_plainly(command("tokens", "create", "--name", "x", "--data-dir", data_dir), word)
        said_plainly(command("check", "--data-dir", data_dir), word)


def a_file(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("in the way")


def a_loop(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(path)


FOLDERS = ["", "run", "bundles", "environments", "artifacts", "data-store", "logs", "harness"]
FILES = ["server.lock", "headrace.db", "headrace.db-wal", "headrace.db.lock", "headrace.calls"]


def made(root: Path) -> str:
    """What is said of a data directory that cannot be made."""
    directory = DataDirectory(root)
    with (
        pytest.raises(Unavailable) as refused,
        in_plain_words(directory.root, directory.database),
    ):
        directory.make()
    with (
        pytest.raises(Unavailable) as looked,
        in_plain_words(directory.root, directory.database),
    ):
        directory.check()
    assert str(root) in str(looked.value)
    return str(refused.value)


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize(("put", "word"), [(a_file, "file"), (a_loop, "symbolic link")])
def test_something_in_the_place_of_a_folder_is_one_sentence(
    tmp_path: Path, name: str, put: Callable[[Path], None], word: str
) -> None:
    root = tmp_path / "data"
    place = root / name if name else root
    put(place)
    said = made(root)
    assert f"{place} cannot be used" in said
    assert word in said
    assert "--data-dir" in said


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_the_place_of_a_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    root = tmp_path / "data"
    (root / name).mkdir(parents=True)
    assert f"{root / name} cannot be used: is a directory" in made(root)


def test_the_command_says_it_in_one_sentence(tmp_path: Path) -> None:
    root = tmp_path / "data"
    a_file(root / "run")
    said_plainly(serve(root), f"{root / 'run'} cannot be used", "Move away the file")


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (errno.ENOSPC, "Make room"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "writable"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EIO, "disk"),
        (errno.EACCES, "chmod"),
        (errno.ENXIO, "Mend that"),
    ],
)
def test_each_refusal_of_the_system_has_its_advice(tmp_path: Path, number: int, word: str) -> None:
    said = refusal(tmp_path, OSError(number, os.strerror(number))).message
    assert said.startswith(f"{tmp_path} cannot be used: {os.strerror(number).lower()}. ")
    assert word in said


def test_what_user_code_locked_does_not_keep_a_server_from_starting(
    own_server: Callable[..., RunningServer],
) -> None:
    server = own_server()
    assert server.stop() == 0
    left = server.data_dir / "run" / "workspaces" / "one" / "below"
    left.mkdir(parents=True)
    (left / "file").write_text("x")
    (left.parent / "pipe").symlink_to("/nowhere")
    (server.data_dir / "run" / "odd").write_text("x")
    left.chmod(0)
    left.parent.chmod(0o500)
    server.start()
    assert not left.parent.exists()
    assert {path.name for path in (server.data_dir / "run").iterdir()} <= {
        "address",
        "workspaces",
        "uploads",
        "engine",
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(("mode", "is_taken"), [(0o440, True), (0o460, False), (0o444, False)])
def test_a_key_of_another_owner_may_be_read_by_the_group(
    tmp_path: Path, mode: int, is_taken: bool
) -> None:
    """A platform mounts secrets so."""
    key = tmp_path / "key"
    key.write_bytes(bytes(32))
    key.chmod(mode)
    os.chown(key, 12345, -1)
    if is_taken:
        load_keys(key)
        os.chown(key, os.geteuid(), -1)
    with pytest.raises(Unavailable, match="can be read by others"):
        load_keys(key)
