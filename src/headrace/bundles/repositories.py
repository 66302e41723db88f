"""The folder of a pipeline from a git repository: one commit of it, without its history.

Git is started as somebody without a home: neither the settings of this machine nor its ssh keys and
agents are used, nothing is asked for, and no program that a repository names is run.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from headrace.core.errors import InvalidRequest, Unavailable
from headrace.core.repositories import HostKeys, Repository, password_in, shown_url

_PASSED_ON = (
    "PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip
_NO_PROGRAMS = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "credential.helper="),
    *("-c", "fetch.recurseSubmodules=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false"),
    *("-c", "core.protectNTFS=false", "-c", "advice.detachedHead=false"),
)
_LIMITED = 'ulimit -f 4194304; exec "$@"'
"""Runs a program whose files may have 2 GiB each (in blocks of 512 bytes): it fails at more."""
_LONGEST_REASON = 500
_CONNECT_S = 20


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a repository.

    Attributes:
        archive: A gzip-compressed tar of its folder; it goes when the context ends.
        commit_id: The commit that it is of.
    """

    archive: Path
    commit_id: str


@dataclass(frozen=True, slots=True)
class GitRepositories:
    """Gets folders from git repositories.

    Attributes:
        folder: Where they are while they are read.
        known_hosts: The file with the keys of ssh servers.
        host_keys: What is done with a key that is not in it.
        timeout_s: Longest time of one of git's programs, in seconds.
    """

    folder: Path
    known_hosts: Path
    host_keys: HostKeys
    timeout_s: float

    @contextlib.contextmanager
    def fetch(
        self, repository: Repository, included: Sequence[str] | None, function_path: str
    ) -> Iterator[Fetched]:
        """Give a folder of a repository, as it is now.

        Args:
            repository: The repository; it has been checked.
            included: Files and folders to take; None for the function's file alone.
            function_path: The file of the function.

        Raises:
            InvalidRequest: Git says that it cannot be had, and why; or a path is not in it.
            Unavailable: There is no git on this machine.
        """
        with tempfile.TemporaryDirectory(prefix="git-", dir=self.folder) as place:
            checkout = Path(place, "folder")
            checkout.mkdir()
            git = _Git(self, repository, Path(place))
            git("init", "--quiet", str(checkout))
            where = ("-C", str(checkout), *_NO_PROGRAMS)
            branch = repository.branch or "HEAD"
            options = ("--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head")
            remote = (repository.url, f"{branch}:refs/headrace/code")
            git(*where, "fetch", *options, "--", *remote)
            commit_id = git(*where, "rev-parse", "refs/headrace/code^{commit}").strip()
            git(*where, "checkout", "--quiet", "--detach", commit_id)
            shutil.rmtree(checkout / ".git")
            archive = Path(place, "folder.tar.gz")
            _pack(checkout, (function_path,) if included is None else included, archive)
            yield Fetched(archive, commit_id)


class _Git:
    """Starts git for one repository."""

    def __init__(self, settings: GitRepositories, repository: Repository, place: Path) -> None:
        found = shutil.which("git")
        if found is None:
            raise Unavailable(
                "This server's machine has no git, which pipelines from repositories need: install "
                "it there (apt-get install git openssh-client), or give a local_folder."
            )
        self._program = found
        self._timeout_s = settings.timeout_s
        self._url = repository.url
        self._secret = password_in(repository.url)
        home = place / "home"
        home.mkdir()
        kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self._environ = kept | {
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "false",
            "SSH_ASKPASS": "false",
            "GIT_ALLOW_PROTOCOL": "https:ssh:file",
            # Repositories of other users of this machine are read, and nothing of them is run.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_SSH_COMMAND": _ssh(settings, repository.deploy_key, place),
        }

    def __call__(self, *arguments: str) -> str:
        """Run git and return what it prints.

        Raises:
            InvalidRequest: It failed or took too long.
        """
        with subprocess.Popen(
            ["/bin/sh", "-c", _LIMITED, "git", self._program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environ,
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=self._timeout_s)
            except subprocess.TimeoutExpired:
                raise InvalidRequest(
                    f"The repository {shown_url(self._url)!r} did not come within "
                    f"{self._timeout_s:g} seconds (HEADRACE_GIT_TIMEOUT_S)."
                ) from None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            raise InvalidRequest(
                f"The repository {shown_url(self._url)!r} could not be read: "
                f"{self._reason(err.decode(errors='replace'))}"
            )
        return out.decode(errors="replace")

    def _reason(self, said: str) -> str:
        if self._secret:
            said = said.replace(self._secret, "***").replace(unquote(self._secret), "***")
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        return " ".join(lines)[-_LONGEST_REASON:] or "git says nothing about the reason."


def _ssh(settings: GitRepositories, key: str | None, place: Path) -> str:
    """Return the command by which git reaches ssh servers: with one key, and no settings."""
    strict = "accept-new" if settings.host_keys is HostKeys.REMEMBER else "yes"
    options = [
        "BatchMode=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "GlobalKnownHostsFile=/dev/null",
        f'UserKnownHostsFile="{settings.known_hosts}"',
        f"StrictHostKeyChecking={strict}",
        f"ConnectTimeout={_CONNECT_S}",
    ]
    command = ["ssh", "-F", os.devnull, *(word for option in options for word in ("-o", option))]
    if key is None:
        return shlex.join([*command, "-o", "IdentityFile=none"])
    file = place / "deploy_key"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        # Copied from a page, it may have other line ends, and lack the last one.
        target.write("\n".join(key.strip().splitlines()) + "\n")
    return shlex.join([*command, "-i", str(file)])


def _pack(folder: Path, included: Sequence[str], archive: Path) -> None:
    """Write an archive of parts of a folder.

    Raises:
        InvalidRequest: One of them is not there.
    """
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path in included:
            name = path.strip("/") or "."
            if not os.path.lexists(folder / name):
                raise InvalidRequest(f"{path!r} is not in the repository.")
            tar.add(folder / name, "" if name == "." else name)
