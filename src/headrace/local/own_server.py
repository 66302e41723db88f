"""The server of a folder: started for it, or joined where it runs already."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from headrace.core.errors import Conflict, Unavailable
from headrace.local.place import Hold, Place, Running, forget_unused
from headrace.local.private_server import PrivateServer

HOST = "127.0.0.1"
USUAL_PORT = 8472
"""Tried at the first start in a folder; ``headrace serve`` has the one below it."""

SETTINGS = {
    "HEADRACE_HOST": HOST,
    "HEADRACE_LOG_LEVEL": "warning",
    "HEADRACE_STOP_GRACE_S": "1",
    "HEADRACE_EXECUTION_GRACE_S": "1",
    "HEADRACE_KEEP_EXECUTIONS": "200",
    "HEADRACE_KEEP_FILES_BYTES": "500MB",
    "HEADRACE_KEEP_VERSIONS": "5",
}
"""What a server of one's own is set to unless the user's variables say otherwise."""

NOT_PASSED_ON = frozenset(
    f"HEADRACE_{name}"
    for name in (
        *("DATA_DIR", "HOST", "PORT", "PUBLIC_URL"),
        *("ENVIRONMENT_URL", "CONTROL_URL", "SDK_TOKEN"),
    )
)
"""Variables of the user's that are about another server."""


@dataclass
class OwnServer:
    """A server for one folder, which ends with this process.

    Attributes:
        place: Where it keeps its data.
        environ: The user's variables; those that limit a server limit this one.
        port: The port that was asked for, None for the one of the last time or any free one.
        is_kept: Whether others may use it meanwhile.
    """

    place: Place
    environ: Mapping[str, str]
    port: int | None = None
    is_kept: bool = True
    _hold: Hold | None = None
    _server: PrivateServer = field(init=False)

    @property
    def url(self) -> str:
        """Its root URL."""
        return self._server.url

    @property
    def token(self) -> str:
        """An SDK token for it."""
        return self._server.token

    def spawn(self) -> bool:
        """Begin to start it; return False if a server runs for this folder already.

        Raises:
            Unavailable: The port is taken.
        """
        self._hold = self.place.hold()
        if self._hold is None:
            return False
        known = self.place.running()
        if known is None:
            # Without its token the data cannot be used any more.
            self.place.clear()
        else:
            self.place.remember(replace(known, is_kept=False, process=os.getpid()))
        passed = {
            name: value
            for name, value in self.environ.items()
            if name.startswith("HEADRACE_") and name not in NOT_PASSED_ON
        }
        self._server = PrivateServer(
            self.place.data,
            SETTINGS | passed,
            is_bound=True,
            url=f"http://{HOST}:{self._chosen_port(known)}",
            token=known.token if known else "",
        )
        self._server.log.unlink(missing_ok=True)
        self._server.spawn()
        return True

    def wait_until_up(self) -> None:
        """Wait until it accepts requests.

        Raises:
            Unavailable: It does not start.
        """
        try:
            self._wait_on_some_port()
        except Unavailable as error:
            error.add_note(f"Its data is in {self.place.root}; without that folder it begins anew.")
            raise
        self.place.remember(
            Running(str(self.place.folder), self.url, self.token, self.is_kept, os.getpid())
        )
        forget_unused(self.environ)

    def _wait_on_some_port(self) -> None:
        try:
            self._server.wait_until_up()
        except Unavailable:
            if self.port is not None or _is_free(_port_of(self.url)):
                raise
            # Somebody took it after it was looked at.
            self._server.url = f"http://{HOST}:0"
            self._server.start()

    def check(self) -> None:
        """Do nothing while it runs.

        Raises:
            Unavailable: It has ended.
        """
        if self._server.pid is None:
            said = self._server.log.read_text(errors="replace").strip()[-2000:]
            raise Unavailable(f"The local server has ended. It said: {said}")

    def stop(self) -> None:
        """End it, with all that it runs."""
        if self._hold is None:
            return
        try:
            self._server.stop()
        finally:
            self._hold.let_go()
            self._hold = None

    def _chosen_port(self, known: Running | None) -> int:
        if self.port is not None:
            if self.port and not _is_free(self.port):
                raise Unavailable(
                    f"Port {self.port} of {HOST} is taken: choose another one with --port, or 0 "
                    "for any free one."
                )
            return self.port
        last = _port_of(known.url) if known else USUAL_PORT
        return last if _is_free(last) else 0


def refusal(running: Running | None, folder: object) -> Conflict:
    """Return the error that a server runs for a folder already."""
    where = f" (process {running.process}, {running.url})" if running else ""
    return Conflict(
        f"A local server runs for {folder} already{where}: end it first, or work with that one."
    )


def _port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError:
            return False
    return True
