"""A real ssh server on loopback that serves git repositories of this machine to one key."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncssh


def key_pair() -> tuple[str, str]:
    """Return a private key as people paste it, and its public key."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    return key.export_private_key().decode(), key.export_public_key().decode().strip()


class GitServer:
    """An ssh server in a process of its own, while it is entered.

    Attributes:
        key: The private key that it lets in.
        host_key: Its own public key.
        port: Where it listens.
    """

    def __init__(self, folder: Path) -> None:
        self.key, public = key_pair()
        private, self.host_key = key_pair()
        self.port = 0
        self._files = [folder / "host_key", folder / "authorized_keys"]
        self._files[0].write_text(private)
        self._files[1].write_text(f"{public}\n")

    def url(self, repository: Path) -> str:
        """Return the URL of a repository of this machine."""
        return f"ssh://git@127.0.0.1:{self.port}{repository}"

    def __enter__(self) -> Self:
        command: list[str | Path] = [sys.executable, __file__, *self._files]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if self._process.stdout is None:
            raise LookupError("its output is a pipe")
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._process:
            self._process.kill()


async def listen(host_key: str, authorized: str) -> None:
    """Serve until this process is killed; the port is printed."""
    listener = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        authorized_client_keys=authorized,
        process_factory=_serve,
        encoding=None,
    )
    sys.stdout.write(f"{listener.get_port()}\n")
    sys.stdout.flush()
    await listener.wait_closed()


async def _serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run the one program that git asks for, its streams joined to the connection."""
    program, path = shlex.split(process.command or "")
    if program != "git-upload-pack":
        process.exit(1)
        return
    served = await asyncio.create_subprocess_exec(
        *("git", "-c", "safe.directory=*", "upload-pack", path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await process.redirect(served.stdin, served.stdout, served.stderr)
    process.exit(await served.wait())


if __name__ == "__main__":
    asyncio.run(listen(*sys.argv[1:]))
