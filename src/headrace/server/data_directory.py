"""The data directory: where everything of a server is, and who may use it."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from headrace.core.errors import Conflict, Unavailable

CLAIM_PATIENCE_S = 1.0
"""How long to wait for the last of a server that was just killed."""


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The folders and files of one server.

    Attributes:
        root: The directory itself.
    """

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "headrace.db"

    @property
    def journal(self) -> Path:
        """Calls that are on their way to the database; part of it."""
        return self.root / "headrace.calls"

    @property
    def keys(self) -> Path:
        """The master key, readable by its owner alone."""
        return self.root / "master.key"

    @property
    def bundles(self) -> Path:
        """Folders of pipelines."""
        return self.root / "bundles"

    @property
    def environments(self) -> Path:
        """Environments of pipelines."""
        return self.root / "environments"

    @property
    def artifacts(self) -> Path:
        """Files of executions."""
        return self.root / "artifacts"

    @property
    def data_store(self) -> Path:
        """Files of the data store."""
        return self.root / "data-store"

    @property
    def logs(self) -> Path:
        """Logs of executions and builds."""
        return self.root / "logs"

    @property
    def workspaces(self) -> Path:
        """Private folders of the executions that run; emptied at each start."""
        return self.root / "run" / "workspaces"

    @property
    def uploads(self) -> Path:
        """Files of requests that are being read; emptied at each start."""
        return self.root / "run" / "uploads"

    @property
    def engine(self) -> Path:
        """Files of the engine's templates; emptied at each start."""
        return self.root / "run" / "engine"

    @property
    def harness(self) -> Path:
        """Copies of the harness, by version."""
        return self.root / "harness"

    def make(self) -> None:
        """Make the directory, for its owner alone.

        Raises:
            Unavailable: It cannot be made or written to.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Unavailable(
                f"The data directory {self.root} cannot be made: {error.strerror}. "
                "Choose another one with --data-dir."
            ) from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise Unavailable(f"The data directory {self.root} is not writable for this user.")

    def claim(self) -> BinaryIO:
        """Return the lock that makes this process the directory's only server.

        It is held until the file is closed, however the process ends, and as long as a process
        that writes for it is left.

        Raises:
            Conflict: Another server runs on this directory.
        """
        lock = (self.root / "server.lock").open("ab")
        deadline = time.monotonic() + CLAIM_PATIENCE_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.close()
                    raise Conflict(
                        f"A server runs on the data directory {self.root} already: stop it first, "
                        "or choose another one with --data-dir."
                    ) from None
                time.sleep(0.02)
            else:
                return lock

    def empty_scratch(self) -> None:
        """Remove what an earlier server left of requests and executions under way."""
        shutil.rmtree(self.root / "run", ignore_errors=True)
        self.workspaces.mkdir(parents=True)
        self.uploads.mkdir(parents=True)
