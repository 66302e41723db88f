"""Which of the named packages of the operating system are not installed."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence

from headrace.core.errors import InvalidEnvironment, Unavailable

_PACKAGE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]*)(:(?P<arch>[a-z0-9-]+))?(=(?P<version>[A-Za-z0-9.+:~*-]+))?"
)
_DPKG_FORMAT = (
    "${db:Status-Status}\t${Package}\t${Architecture}\t${Version}\t${Provides}\n"  # one a line
)
_TIMEOUT_S = 30.0


def missing(packages: Sequence[str]) -> list[str]:
    """Return the packages that are not installed, as they were named, each once.

    A package is ``name``, ``name:architecture``, ``name=version`` or both; a name that an
    installed package provides counts as installed. Debian's database is asked, else that of rpm or
    apk, by name only. A machine with none of them cannot tell, so nothing counts as missing there:
    what is really missing shows when the requirements are installed or imported.

    Raises:
        InvalidEnvironment: Something in the list cannot be the name of a package.
        Unavailable: The database did not answer in time.
    """
    wanted = {package: _parsed(package) for package in packages}
    if not wanted:
        return []
    is_installed = _database()
    return [package for package, parts in wanted.items() if not is_installed(parts)]


def _parsed(package: str) -> re.Match[str]:
    parts = _PACKAGE.fullmatch(package)
    if parts is None:
        raise InvalidEnvironment(
            f"system_dependencies names {package!r}, which cannot be a system package: use "
            "lower-case letters, digits, '+', '.' and '-', as in 'libgomp1' or 'ffmpeg=7:5.1*'."
        )
    return parts


def _database() -> Callable[[re.Match[str]], bool]:
    dpkg_query = shutil.which("dpkg-query")
    if dpkg_query:
        return _dpkg(dpkg_query)
    if shutil.which("rpm"):
        return lambda parts: not _asked("rpm", "-q", "--whatprovides", parts["name"]).returncode
    if shutil.which("apk"):
        return lambda parts: not _asked("apk", "info", "-e", parts["name"]).returncode
    return lambda _: True


def _asked(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(
            f"The machine's list of installed packages could not be read by {command[0]} within "
            f"{_TIMEOUT_S:g} s: try again."
        ) from error


def _dpkg(dpkg_query: str) -> Callable[[re.Match[str]], bool]:
    answer = _asked(dpkg_query, "-W", f"-f={_DPKG_FORMAT}")
    installed: dict[str, list[tuple[str, str]]] = {}
    for line in answer.stdout.splitlines():
        status, name, arch, version, provides = line.split("\t")
        if status == "installed":
            installed.setdefault(name, []).append((arch, version))
            for provided in filter(None, provides.split(",")):
                virtual, _, its_version = provided.strip().partition(" (= ")
                entry = (arch, its_version.rstrip(")"))
                installed.setdefault(virtual, []).append(entry)

    def is_installed(parts: re.Match[str]) -> bool:
        return any(
            (arch == "all" or parts["arch"] in {None, arch, "any"})
            and fnmatch.fnmatchcase(version, parts["version"] or "*")
            for arch, version in installed.get(parts["name"], [])
        )

    return is_installed
