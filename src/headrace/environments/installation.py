"""Makes one virtual environment with uv and installs requirements into it."""

from __future__ import annotations

import os
import shutil
import ssl
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.core.errors import InvalidEnvironment
from headrace.environments.cache import interpreter_in
from headrace.environments.interpreters import home_folder
from headrace.environments.port import Say
from headrace.environments.processes import memory_file, run
from headrace.environments.requirements_text import first_word, logical_lines, option_in
from headrace.environments.uv_words import reason_in

# What installers need from the server's own environment, and nothing else of it: build scripts of
# packages are other people's code.
_PASSED_ON = {
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "NETRC",
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "LD_LIBRARY_PATH", "PKG_CONFIG_PATH",
}  # fmt: skip
# Would make uv work on another interpreter, or at another time, than it is told here.
_NOT_PASSED_ON = {"UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_COMPILE_BYTECODE", "UV_PROJECT"}
# pip's settings that name where packages come from, as uv calls them.
_PIP_SETTINGS = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
}
_FIXED = {
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_NO_PROGRESS": "1",
    "NO_COLOR": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
_ON_THE_COMMAND_LINE: Mapping[str, Sequence[str]] = {
    "--pre": ("--prerelease", "allow"),
    "--require-hashes": ("--require-hashes",),
    "--trusted-host": (),
    "--prefer-binary": (),
    "--use-feature": (),
}


@dataclass(frozen=True, slots=True)
class Uv:
    """The installer: an executable and what it is started with."""

    executable: Path
    environ: Mapping[str, str]

    async def create(
        self, folder: Path, interpreter: Path, *, settings: Path, say: Say, lock: int
    ) -> None:
        """Make an environment without packages in ``folder``; the arguments are as below."""
        command: list[str | Path] = [
            "venv",
            "--quiet",
            "--no-project",
            "--python",
            interpreter,
            folder,
        ]
        await self._run(command, cwd=settings, settings=settings, say=say, keep_open=[lock])

    async def install(
        self,
        folder: Path,
        requirements: str,
        *,
        constraints: str = "",
        cwd: Path,
        fresh: bool,
        settings: Path,
        say: Say,
        lock: int,
    ) -> None:
        """Install requirements into the environment in ``folder``.

        The texts stay in memory, never on a disk, because they may hold secrets. Packages
        in the pipeline's folder are copied even if they are asked for as editable, so that the
        environment stands without the folder.

        Args:
            folder: The environment.
            requirements: Text of the requirements file.
            constraints: Text of the constraints.
            cwd: What relative paths in the text are relative to.
            fresh: Whether to rebuild packages in ``cwd`` whatever uv remembers of that folder.
            settings: Folder whose ``uv.toml`` is in force, rather than that of ``cwd``.
            say: Receives uv's words.
            lock: Descriptor of the environment's lock, which uv inherits.

        Raises:
            InvalidEnvironment: uv failed; the message holds its reason.
        """
        options, text = command_line_options(requirements)
        command: list[str | Path] = ["pip", "install", "--no-editable", "--python"]
        command += [interpreter_in(folder), "--requirements", "-", *options]
        command += ["--refresh"] if fresh else []
        with memory_file(constraints) as limits:
            if constraints:
                command += ["--constraints", f"/proc/self/fd/{limits}"]
            await self._run(
                command, cwd=cwd, settings=settings, say=say, keep_open=[lock, limits], given=text
            )

    async def install_file(
        self,
        folder: Path,
        kind: str,
        path: Path,
        *,
        fresh: bool,
        settings: Path,
        say: Say,
        lock: int,
    ) -> None:
        """Install what a file says that uv reads by itself, and whose settings of uv are in force.

        Packages that it names by path are copied. The project itself is not installed: its code is
        in the pipeline's folder. ``kind`` is one of those of
        :func:`headrace.environments.project_files.kind_of`; all else is as for :meth:`install`.
        """
        python: list[str | Path] = ["--python", interpreter_in(folder)]
        command: list[str | Path]
        if kind == "uv":
            command = ["sync", "--frozen", "--no-dev", "--no-install-project", "--no-editable"]
            command += python
        elif kind == "pylock":
            command = ["pip", "sync", "--preview-features", "pylock", *python, path]
        else:
            command = ["pip", "install", "--no-editable", *python, "--requirements", path]
        await self._run(
            [*command, *(["--refresh"] if fresh else [])],
            cwd=path.parent,
            settings=path.parent if kind in {"uv", "project"} else settings,
            say=say,
            keep_open=[lock],
            more={"UV_PROJECT_ENVIRONMENT": str(folder)},
        )

    async def _run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        settings: Path,
        say: Say,
        keep_open: Sequence[int],
        given: str = "",
        more: Mapping[str, str] | None = None,
    ) -> None:
        words: list[str] = []

        def hear(line: str) -> None:
            words.append(line)
            say(line)

        status = await run(
            [self.executable, *command, "--project", settings],
            cwd=cwd,
            environ={**self.environ, **(more or {})},
            say=hear,
            given=given,
            keep_open=keep_open,
        )
        if status != 0:
            raise InvalidEnvironment(f"The environment cannot be built: {reason_in(words)}")


def command_line_options(requirements: str) -> tuple[list[str], str]:
    """Take out of a text what uv takes on its command line alone; return options and the rest.

    pip reads ``--pre``, ``--trusted-host`` and ``--require-hashes`` from the file; uv does without
    ``--prefer-binary`` and ``--use-feature``, which change nothing of what is installed.
    """
    options: list[str] = []
    lines = []
    for _, line in logical_lines(requirements):
        option = option_in(line)
        if option is None or option.name not in _ON_THE_COMMAND_LINE:
            lines.append(line)
        elif option.name == "--trusted-host":
            options += ["--allow-insecure-host", first_word(option.value)]
        else:
            options += _ON_THE_COMMAND_LINE[option.name]
    return options, "\n".join([*lines, ""])


def find_uv(given: Path | None = None) -> Path:
    """Return the ``uv`` executable: the given one, the one beside this Python, or on ``PATH``.

    Raises:
        InvalidEnvironment: There is none.
    """
    on_path = shutil.which("uv")
    places = [given] if given else [Path(sys.executable).with_name("uv"), Path(on_path or "uv")]
    for place in places:
        if place.is_file():
            return place.resolve()
    raise InvalidEnvironment(
        f"uv, which installs the environments, was not found at {places[0]}"
        f"{'' if given else ' or on PATH'}. Install it with: pip install 'headrace[server]'."
    )


def installer_environ(
    server: Mapping[str, str], cache: Path | None, own_cache: Path
) -> dict[str, str]:
    """Return the environment that uv gets, from that of the server.

    Servers are trusted by the certificates of the system, which companies with a proxy of their own
    add theirs to. uv's cache is where ``cache`` says, else where it always is; ``own_cache`` if the
    server's user has no home that can be written.

    ``UV_*`` settings and pip's settings of package indexes are in force. Where several indexes
    are given, each version is looked for in all of them in turn, as requirements written for pip
    expect; ``UV_INDEX_STRATEGY`` says otherwise.
    """
    environ = {
        name: value
        for name, value in server.items()
        if name in _PASSED_ON or (name.startswith("UV_") and name not in _NOT_PASSED_ON)
    }
    for pip_name, uv_name in _PIP_SETTINGS.items():
        if pip_name in server:
            separator = "," if uv_name == "UV_FIND_LINKS" else " "
            environ.setdefault(uv_name, separator.join(server[pip_name].split()))
    environ.setdefault("UV_INDEX_STRATEGY", "unsafe-first-match")
    if _has_system_certificates(server):
        environ.setdefault("UV_SYSTEM_CERTS", "1")
    if cache is not None:
        environ["UV_CACHE_DIR"] = str(cache)
    elif not environ.get("UV_CACHE_DIR") and not _has_usual_cache(environ):
        environ["UV_CACHE_DIR"] = str(own_cache)
    return environ | _FIXED


def _has_system_certificates(server: Mapping[str, str]) -> bool:
    """Return whether this machine has certificates; without any, those that uv brings will do."""
    paths = ssl.get_default_verify_paths()
    places = [server.get("SSL_CERT_FILE"), server.get("SSL_CERT_DIR"), paths.cafile, paths.capath]
    return any(_is_filled(Path(place)) for place in places if place)


def _is_filled(place: Path) -> bool:
    try:
        return any(place.iterdir()) if place.is_dir() else place.stat().st_size > 0
    except OSError:
        return False


def _has_usual_cache(environ: Mapping[str, str]) -> bool:
    """Return whether uv can write where it keeps its cache if nobody says otherwise."""
    given = environ.get("XDG_CACHE_HOME")
    place = (Path(given) if given else home_folder(environ) / ".cache") / "uv"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(place, os.W_OK | os.X_OK)
