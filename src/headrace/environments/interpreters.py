"""Finds the CPython interpreters of this machine that environments can be made from."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from headrace.core.environments import SUPPORTED_PYTHONS
from headrace.core.errors import InvalidEnvironment

_EXECUTABLE = re.compile(r"python3\.\d{1,2}")
_PROBE_TIMEOUT_S = 10.0
_PROBES_AT_ONCE = 8
_PASSED_ON = {"PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYENV_ROOT"}
_PROBE = """\
import json, os, sys
base = getattr(sys, "_base_executable", None) or sys.executable
if sys.prefix != sys.base_prefix and base.startswith(sys.prefix):  # Python 3.9 and 3.10
    base = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
print(json.dumps({
    "version": list(sys.version_info),
    "implementation": sys.implementation.name,
    "free_threaded": "t" in getattr(sys, "abiflags", ""),
    "path": base if os.path.exists(base) else os.path.realpath(sys.executable),
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter that was run once and told what it is.

    Attributes:
        path: Its executable, never that of a virtual environment.
        version: ``sys.version_info``: major, minor, micro, release level, serial.
    """

    path: Path
    version: tuple[int, int, int, str, int]

    @property
    def minor_version(self) -> str:
        """The version as languages name it, such as ``3.11``."""
        return f"{self.version[0]}.{self.version[1]}"


class Interpreters:
    """The supported interpreters of this machine; looked for once, and again when one is missed.

    Looked for where the setting points, on ``PATH``, in the usual folders, among those of pyenv,
    uv, conda, asdf, mise and rye, and this process's own. What the setting names wins; among the
    others the newest patch release wins. Safe to use from several threads.
    """

    def __init__(self, named: Sequence[Path], environ: Mapping[str, str]) -> None:
        """Look in these folders, or at these executables, and where ``environ`` leads."""
        self._named = tuple(named)
        self._environ = dict(environ)
        self._lock = threading.Lock()
        self._found: dict[str, Interpreter] | None = None

    def found(self) -> Mapping[str, Interpreter]:
        """Return the interpreters by minor version, oldest first."""
        with self._lock:
            if self._found is None:
                self._found = self._search()
            return dict(self._found)

    def get(self, version: str) -> Interpreter:
        """Return the interpreter of this minor version, such as ``3.11``.

        Raises:
            InvalidEnvironment: This machine has none; the message names those it has.
        """
        interpreter = self.found().get(version)
        if interpreter is None or not os.path.exists(interpreter.path):  # noqa: PTH110 - never raises
            with self._lock:
                self._found = self._search()
            interpreter = self.found().get(version)
        if interpreter is None:
            has = ", ".join(f"{known} ({it.path})" for known, it in self.found().items())
            raise InvalidEnvironment(
                f"language python:{version}-slim needs Python {version}, which is not on this "
                f"machine; found: {has or 'none'}. Install it, or point HEADRACE_PYTHONS at it."
            )
        return interpreter

    def _search(self) -> dict[str, Interpreter]:
        named = list(_executables(self._named, any_name=True))
        usual = [Path(sys.executable), *_executables(_usual_folders(self._environ))]
        best: dict[str, Interpreter] = {}
        with ThreadPoolExecutor(_PROBES_AT_ONCE) as pool:
            for candidates in (named, usual):
                group = [it for it in pool.map(self._probe, _distinct(candidates)) if it]
                newest_first = sorted(group, key=lambda it: it.version, reverse=True)
                for interpreter in newest_first:
                    best.setdefault(interpreter.minor_version, interpreter)
        return {version: best[version] for version in SUPPORTED_PYTHONS if version in best}

    def _probe(self, executable: Path) -> Interpreter | None:
        """Ask an executable what it is; None if it is broken, too slow or not plain CPython."""
        try:
            answer = subprocess.run(
                [executable, "-I", "-c", _PROBE],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={name: self._environ[name] for name in _PASSED_ON & self._environ.keys()},
                cwd="/",
                timeout=_PROBE_TIMEOUT_S,
                check=True,
            )
            # Whatever starts it may say something of its own before.
            told = json.loads(answer.stdout.splitlines()[-1])
            if told["implementation"] != "cpython" or told["free_threaded"]:
                return None
            major, minor, micro, level, serial = told["version"]
            return Interpreter(Path(told["path"]), (major, minor, micro, level, serial))
        except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
            return None


def _usual_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    """Give the folders that may hold interpreters; many of them do not exist."""
    for entry in environ.get("PATH", "").split(os.pathsep):
        # A shim stands for whichever version its manager picks, which is looked up below.
        if entry and Path(entry).is_absolute() and Path(entry).name != "shims":
            yield Path(entry)
    yield from (Path("/usr/bin"), Path("/usr/local/bin"))
    yield from _matching(Path("/opt"), "*/bin")
    yield from _matching(Path("/opt/conda/envs"), "*/bin")
    home = home_folder(environ)
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    managers = (
        Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions",
        Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python"),
        Path(environ.get("ASDF_DATA_DIR") or home / ".asdf") / "installs" / "python",
        Path(environ.get("MISE_DATA_DIR") or data / "mise") / "installs" / "python",
        home / ".rye" / "py",
    )
    for versions in managers:
        yield from _matching(versions, "*/bin")
        yield from _matching(versions, "*/install/bin")
    for conda in ("miniconda3", "anaconda3", "miniforge3", "mambaforge"):
        yield home / conda / "bin"
        yield from _matching(home / conda / "envs", "*/bin")


def home_folder(environ: Mapping[str, str]) -> Path:
    """Return the home of the server's user; one that does not exist if he has none."""
    try:
        return Path(environ.get("HOME") or Path.home())
    except RuntimeError:  # a user id that no user has, as in a container
        return Path("/nonexistent")


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Return the paths below a folder that match, none if the folder may not be read."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _executables(places: Iterable[Path], *, any_name: bool = False) -> Iterator[Path]:
    """Give what looks like an interpreter in these folders, and those places that are files."""
    for place in places:
        if os.path.isfile(place):  # noqa: PTH113 - never raises, whoever owns the folder
            yield place
        for folder in (place, place / "bin") if any_name else (place,):
            for executable in _listed(folder):
                if _EXECUTABLE.fullmatch(executable.name):
                    yield executable


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _distinct(executables: Iterable[Path]) -> list[Path]:
    """Return each executable once, whatever links lead to it, that this process may run.

    Two links in different folders may be two environments of one interpreter: it is enough to ask
    one of them. A program that acts by the name it is called by, as some shims do, is asked by
    each name.
    """
    by_target: dict[tuple[str, str], Path] = {}
    for executable in executables:
        if os.access(executable, os.X_OK) and os.path.isfile(executable):  # noqa: PTH113 - as above
            target = os.path.realpath(executable)
            is_interpreter = os.path.basename(target).startswith("python")  # noqa: PTH119 - a text
            by_target.setdefault((target, "" if is_interpreter else executable.name), executable)
    return list(by_target.values())
