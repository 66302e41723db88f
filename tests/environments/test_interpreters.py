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


def test_folders_that_may_not_be_read_hold_no_interpreters(environ, tmp_path):
    """Of another user, or with a name that no file system takes; neither is anybody's mistake."""
    closed = tmp_path / "closed"
    pretender(closed / "versions" / "3.12.99" / "bin" / "python3.12", (3, 12, 99))
    closed.chmod(0)
    try:
        for root in (closed, tmp_path / ("x" * 300)):
            places = dict.fromkeys(("PYENV_ROOT", "ASDF_DATA_DIR", "XDG_DATA_HOME"), str(root))
            interpreters = Interpreters([root, root / "bin" / "python3.9"], environ | places)
            assert OWN in interpreters.found()
            assert interpreters.get(OWN).path.exists()
    finally:
        closed.chmod(0o755)


def test_a_shim_that_does_not_run_is_no_interpreter(environ, tmp_path):
    """A version manager leaves these for versions that are installed but not chosen."""
    folder = tmp_path / "bin"
    script(folder / "python3.9", 'echo "python3.9: command not found" >&2; exit 127')
    script(folder / "python3.10", "exec sleep 0")
    script(folder / "python3.12", f'echo "using a shim"; exec {BASE} "$@"')
    found = Interpreters([folder], environ).found()
    assert not any(folder in it.path.parents for it in found.values())
    assert found[OWN].path.samefile(BASE)


def test_a_program_that_acts_by_its_name_is_asked_by_each_of_them(environ, tmp_path):
    shim = script(
        tmp_path / "shim",
        'case $0 in *3.12) minor=12;; *) minor=13;; esac; echo "{\\"version\\": '
        '[3, $minor, 98, \\"final\\", 0], \\"implementation\\": \\"cpython\\", '
        '\\"free_threaded\\": false, \\"path\\": \\"/opt/$minor\\"}"',
    )
    for version in ("3.12", "3.13"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / f"python{version}").symlink_to(shim)
    found = Interpreters([tmp_path / "bin"], environ).found()
    assert [str(found[version].path) for version in ("3.12", "3.13")] == ["/opt/12", "/opt/13"]


def test_a_user_without_a_home_finds_interpreters_too():
    assert OWN in Interpreters([], {"PATH": "/usr/bin"}).found()
