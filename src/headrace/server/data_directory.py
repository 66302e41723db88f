"""The data directory: where everything of a server is, and that it is its owner's alone."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from headrace.core.errors import InvalidRequest, Unavailable
from headrace.server.obstacles import ELSEWHERE, refusal

logger = logging.getLogger(__name__)

_FOLDER_MODE = 0o700
_OTHERS = 0o077
"""What a mode lets the group and everybody else do."""


def default_data_dir() -> Path:
    """Return the data directory that a server has if none is named.

    Raises:
        InvalidRequest: This user has no home for it.
    """
    try:
        return Path("~/.headrace").expanduser().absolute()
    except RuntimeError:
        raise InvalidRequest(
            "This user has no home directory, so name the data directory: --data-dir or "
            "HEADRACE_DATA_DIR."
        ) from None


class _Place:
    """A path below the root of a data directory."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __get__(self, directory: DataDirectory, _: object) -> Path:
        return directory.root / self._path


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The folders and files of one server.

    Attributes:
        root: The folder of all of them.
        key_file: Where the master key is, if it is elsewhere.
        holds_records: Whether the records of the server are in it, and in no database elsewhere.
    """

    root: Path
    key_file: Path | None = None
    holds_records: bool = True

    database = _Place("headrace.db")
    """The SQLite file."""
    journal = _Place("headrace.calls")
    """Calls that are on their way to the database; part of it."""
    own_key = _Place("master.key")
    """The master key, readable by its owner alone, unless another file has it."""
    known_hosts = _Place("known_hosts")
    """Keys of the ssh servers of git repositories."""
    bundles = _Place("bundles")
    """Folders of pipelines."""
    environments = _Place("environments")
    """Environments of pipelines."""
    attachments = _Place("attachments")
    """Files that are attached to deployments."""
    images = _Place("images")
    """Which container engine has the images of pipelines, if there are any."""
    artifacts = _Place("artifacts")
    """Files of executions."""
    data_store = _Place("data-store")
    """Files of the data store."""
    logs = _Place("logs")
    """Logs of executions and builds."""
    log_copies = _Place("log-copies")
    """Copies of the logs that are in a bucket."""
    workspaces = _Place("run/workspaces")
    """Private folders of the executions that run; emptied at each start."""
    uploads = _Place("run/uploads")
    """Files of requests that are being read; emptied at each start."""
    progress = _Place("run/progress")
    """How far work has come that goes on after its request; emptied at each start."""
    engine = _Place("run/engine")
    """Files of the engine's templates; emptied at each start."""
    address = _Place("run/address")
    """Where the server that runs here can be reached from this machine."""
    harness = _Place("harness")
    """Copies of the harness, by version."""
    _scratch = _Place("run")

    def front_journal(self, number: int) -> Path:
        """Return the file of the calls that a front has answered; part of the database."""
        return self.journal.with_name(f"{self.journal.name}.{number}")

    def front_engine(self, number: int) -> Path:
        """Return the folder of the engine of a front."""
        return self.engine.with_name(f"{self.engine.name}-{number}")

    @property
    def fronts(self) -> list[int]:
        """The numbers of the fronts that ever had a journal here."""
        ends = (path.name.rpartition(".")[2] for path in self.root.glob(f"{self.journal.name}.*"))
        return sorted(int(end) for end in ends if end.isdigit())

    @property
    def keys(self) -> Path:
        """The file of the master key."""
        return self.key_file or self.own_key

    @property
    def is_new(self) -> bool:
        """Whether no server has run on it. The key is made after the database."""
        return not (self.has_records if self.key_file else self.own_key.exists())

    @property
    def has_records(self) -> bool:
        """Whether a server kept its records here, be it in an earlier time."""
        return _has_content(self.database)

    def make_root(self) -> None:
        """Make the directory itself, for its owner alone.

        Raises:
            OSError: It cannot be made.
        """
        _make_folder(self.root)

    def make(self) -> None:
        """Make the directory with its folders, for its owner alone; close it to others if need be.

        Raises:
            OSError: It cannot be made, or something is where its files or folders belong.
            Unavailable: It cannot be closed to others, or its database is lost.
        """
        self.make_root()
        _close_to_others(self.root)
        for folder in self._folders:
            _make_folder(folder)
            _close_to_others(folder)
        self._check_files()
        for file in self._files:
            # Of a key that others may have read somebody has to know.
            if file.exists() and file != self.own_key:
                _close_to_others(file)
        with tempfile.TemporaryFile(dir=self.root) as draft:
            # A server does not start if it can keep nothing.
            draft.write(b"\0")
        if self.holds_records:
            _touch(self.database)

    def check(self) -> None:
        """Look at the directory as :meth:`make` does, and change nothing.

        Raises:
            OSError: Something is where its files or folders belong, or may not be used.
            Unavailable: Its database is lost.
        """
        if not _is_there(self.root):
            _check_folder(next(filter(_is_there, self.root.parents)), os.W_OK | os.X_OK)
            return
        for folder in (self.root, *filter(_is_there, self._folders)):
            _check_folder(folder, os.R_OK | os.W_OK | os.X_OK)
        self._check_files()

    def _check_files(self) -> None:
        for file in filter(_is_there, self._files):
            if stat.S_ISDIR(file.stat().st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
            if not os.access(file, os.R_OK | os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        if self.holds_records and not self.is_new and not self.has_records:
            how = "empty" if self.database.exists() else "missing"
            raise Unavailable(
                f"The database {self.database} is {how}, although this data directory was in use: "
                f"restore it from a backup, {ELSEWHERE}."
            )

    def empty_scratch(self) -> None:
        """Remove what an earlier server left of requests and executions under way.

        Raises:
            OSError: Something is in the way of its folders.
        """
        for left in self._scratch.iterdir():
            try:
                remove_whatever(left)
            except OSError as error:
                logger.warning("%s is left from an earlier server: %s", left, error)
        for folder in (self.workspaces, self.uploads):
            _make_folder(folder)

    @property
    def _folders(self) -> tuple[Path, ...]:
        return (
            self.bundles,
            self.environments,
            self.attachments,
            self.artifacts,
            self.data_store,
            self.logs,
            self.harness,
            self._scratch,
        )

    @property
    def _files(self) -> tuple[Path, ...]:
        beside = [self.root / f"{self.database.name}{end}" for end in ("-wal", "-shm", ".lock")]
        fronts = map(self.front_journal, self.fronts)
        return (
            self.database,
            *beside,
            self.journal,
            *fronts,
            self.own_key,
            self.root / "server.lock",
        )


def _check_folder(path: Path, rights: int) -> None:
    """Check that a path is a folder and may be used so.

    Raises:
        OSError: It is none, or may not.
    """
    if not stat.S_ISDIR(path.stat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
    if not os.access(path, rights):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, mode=_FOLDER_MODE)
    except FileExistsError:
        # What is asked may fail by itself, and says better why, as of a link that is a loop.
        if not stat.S_ISDIR(path.stat().st_mode):
            raise


def remove_whatever(path: Path) -> None:
    """Remove a file or a folder with all below it, even if user code forbade its owner to."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    path.chmod(_FOLDER_MODE)
    for folder, names, _ in os.walk(path):
        for name in names:
            below = Path(folder, name)
            if not below.is_symlink():
                below.chmod(_FOLDER_MODE)
    shutil.rmtree(path)


def _close_to_others(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & _OTHERS:
        return
    try:
        path.chmod(mode & ~_OTHERS)
    except PermissionError as error:
        raise refusal(path, error) from error
    logger.warning("closed %s to other users: its mode was %04o", path, mode)


def _is_there(path: Path) -> bool:
    """Check whether anything is at a path, a link that leads nowhere included."""
    return os.path.lexists(path)


def _has_content(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _touch(file: Path) -> None:
    """Make a file that is its owner's alone; what SQLite makes beside it is so, too."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
