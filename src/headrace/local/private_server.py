"""A server in a process of its own, that may be killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.errors import Unavailable

START_S = 60.0
STOP_S = 60.0
PAUSE_S = 0.02

COMMAND = (sys.executable, "-c", "from headrace.cli import main; main()")
"""The command of this very installation, wherever its programs were put."""

BOUND_COMMAND = (sys.executable, "-m", "headrace.cli.bound_process")


@dataclass
class PrivateServer:
    """A server on a data directory that nobody else uses.

    Attributes:
        data_dir: Its data directory.
        settings: ``HEADRACE_*`` variables; those of this process do not count.
        is_bound: Whether it ends with the process that starts it, whichever way that ends, and
            hears no key that is pressed in its terminal.
        url: Its root URL once it has started; the same at each start.
        token: An SDK token, from its first start.
    """

    data_dir: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    is_bound: bool = False
    url: str = ""
    token: str = ""
    _process: subprocess.Popen[bytes] | None = None
    _log_begin: int = 0

    @property
    def log(self) -> Path:
        """What it printed, all its starts one after the other."""
        return self.data_dir.with_name(f"{self.data_dir.name}.log")

    @property
    def database(self) -> Path:
        """Its SQLite file."""
        return self.data_dir / "headrace.db"

    @property
    def pid(self) -> int | None:
        """Its process, or None if it does not run."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def start(self) -> None:
        """Start it, and wait until it accepts requests.

        Raises:
            Unavailable: It ended, or did not come up in time; the message is what it said.
        """
        self.spawn()
        self.wait_until_up()

    def wait_until_up(self) -> None:
        """Wait until the server that was spawned accepts requests.

        Raises:
            Unavailable: As :meth:`start`.
        """
        deadline = time.monotonic() + START_S
        while not self.is_up():
            if self.pid is None or time.monotonic() > deadline:
                raise Unavailable(f"The server did not start. It said: {self._said()}")
            time.sleep(PAUSE_S)

    def spawn(self) -> None:
        """Start it without waiting."""
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._log_begin = self.log.stat().st_size if self.log.exists() else 0
        port = self.url.rpartition(":")[2] or "0"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, "serve", "--data-dir", str(self.data_dir), "--port", port],
                env={**clean_environ(), **self.settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=self.is_bound,
            )

    def is_up(self) -> bool:
        """Check whether it has said since :meth:`spawn` that it accepts requests."""
        said = self._said()
        found = re.search(r"^Headrace is at (\S+)$", said, re.MULTILINE)
        if found is None:
            return False
        self.url = found[1]
        token = re.search(r"HEADRACE_SDK_TOKEN=(\S+)", said)
        if token is not None:
            self.token = token[1]
        return True

    def kill(self) -> None:
        """Kill its process alone, as a memory killer would, and wait for it to be gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """Ask it to end, and return its exit code.

        Raises:
            Unavailable: It does not end.
        """
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Unavailable(f"The server did not end within {STOP_S:g} s.") from None

    @property
    def _command(self) -> tuple[str, ...]:
        return (*BOUND_COMMAND, str(os.getpid())) if self.is_bound else COMMAND

    def _said(self) -> str:
        try:
            return self.log.read_bytes()[self._log_begin :].decode(errors="replace")
        except FileNotFoundError:
            return ""


def clean_environ() -> dict[str, str]:
    """Return this process's environment without what points at some server or sets one up."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HEADRACE_", "CRAFT_AI_"))
    }
