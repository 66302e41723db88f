"""Interpreters are found where people have them, and believed only after they were run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.core.environments import SUPPORTED_PYTHONS
from headrace.core.errors import InvalidEnvironment
from headrace.environments.interpreters import Interpreters

OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
BASE = Path(os.path.realpath(sys.executable))


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def pretender(path: Path, version: tuple[int, int, int], *, name: str = "cpython") -> Path:
    """Make an executable that says it is an interpreter of this version."""
    told = (
        f'{{"version": [{version[0]}, {version[1]}, {version[2]}, "final", 0], '
        f'"implementation": "{name}", "free_threaded": false, "path": "{path}"}}'
    )
    return script(path, f"echo '{told}'")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": "/no/such/folder"}


def test_the_servers_own_interpreter_is_found(environ):
    assert OWN in Interpreters([], environ).found()


@pytest.mark.parametrize(
    "place",
    [
        ".pyenv/versions/3.12.99/bin",
        ".local/share/uv/python/cpython-3.12.99-linux/bin",
        "miniconda3/bin",
        "miniconda3/envs/mine/bin",
        ".asdf/installs/python/3.12.99/bin",
        ".local/share/mise/installs/python/3.12.99/bin",
        ".rye/py/cpython@3.12.99/bin",
    ],
)
def test_those_of_version_managers_are_found(environ, home, place):
    executable = pretender(home / place / "python3.12", (3, 12, 99))
    assert Interpreters([], environ).get("3.12").path == executable


def test_the_newest_patch_release_wins(environ, home):
    versions = home / ".pyenv" / "versions"
    pretender(versions / "3.12.98" / "bin" / "python3.12", (3, 12, 98))
    newest = pretender(versions / "3.12.99" / "bin" / "python3.12", (3, 12, 99))
    pretender(versions / "3.12.100rc" / "bin" / "python3.12", (3, 12, 97))
    assert Interpreters([], environ).get("3.12").path == newest


def test_what_the_setting_names_wins_even_if_it_is_older(environ, home, tmp_path):
    pretender(home / ".pyenv/versions/3.12.99/bin/python3.12", (3, 12, 99))
    as_file = pretender(tmp_path / "mine" / "snake", (3, 12, 1))
    as_folder = pretender(tmp_path / "prefix" / "bin" / "python3.13", (3, 13, 0))
    found = Interpreters([as_file, tmp_path / "prefix"], environ).found()
    assert found["3.12"].path == as_file
    assert found["3.13"].path == as_folder


def test_broken_ones_and_other_implementations_are_passed_over(environ, home):
    versions = home / ".pyenv" / "versions"
    script(versions / "a" / "bin" / "python3.12", "exit 1")
    script(versions / "b" / "bin" / "python3.12", "echo Python 3.12")
    (versions / "c" / "bin").mkdir(parents=True)
    (versions / "c" / "bin" / "python3.12").write_text("not executable")
    pretender(versions / "d" / "bin" / "python3.12", (3, 12, 99), name="pypy")
    found = Interpreters([], environ).found()
    assert "3.12" not in found or versions not in found["3.12"].path.parents


def test_a_name_that_lies_about_the_version_is_not_believed(environ, tmp_path):
    script(tmp_path / "bin" / "python3.9", f'exec {BASE} "$@"')
    found = Interpreters([tmp_path / "bin"], environ).found()
    assert "3.9" not in found or found["3.9"].path.parent != tmp_path / "bin"
    assert found[OWN].path.samefile(BASE)


@pytest.mark.parametrize("version", SUPPORTED_PYTHONS)
def test_a_virtual_environment_stands_for_its_base_interpreter(environ, tmp_path, version):
    base = Interpreters([], os.environ).found().get(version)
    if base is None:
        pytest.skip(f"Python {version} is not on this machine")
    subprocess.run([base.path, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    found = Interpreters([tmp_path / "venv"], environ).found()[version]
    assert found.path.samefile(base.path)
    assert tmp_path not in found.path.parents


def test_one_that_is_installed_later_is_found_when_it_is_missed(environ, home):
    interpreters = Interpreters([], environ)
    if "3.9" in interpreters.found():
        pytest.skip("this machine has a Python 3.9 in the usual folders")
    with pytest.raises(InvalidEnvironment, match=r"needs Python 3\.9"):
        interpreters.get("3.9")
    executable = pretender(home / ".pyenv/versions/3.9.99/bin/python3.9", (3, 9, 99))
    assert interpreters.get("3.9").path == executable
    executable.unlink()
    with pytest.raises(InvalidEnvironment):
        interpreters.get("3.9")
