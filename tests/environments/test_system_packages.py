"""Packages of the operating system that are not installed are named."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from headrace.core.errors import InvalidEnvironment, Unavailable
from headrace.environments import system_packages
from headrace.environments.system_packages import missing

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-query"), reason="not a Debian system")


@needs_dpkg
def test_what_is_not_installed_is_named_as_it_was_written():
    wanted = ["bash", "no-such-package", "dpkg", "no-such-package=1.0", "no-such-package"]
    assert missing(wanted) == ["no-such-package", "no-such-package=1.0"]


@needs_dpkg
def test_what_an_installed_package_provides_counts_as_installed():
    """``awk`` is virtual: mawk, gawk or another provides it on every Debian system."""
    assert missing(["awk"]) == []


@needs_dpkg
def test_versions_and_architectures_are_respected():
    wanted = ["dpkg=1.*", "dpkg=0.0.1", "dpkg:no-such-arch", "base-files:no-such-arch"]
    assert missing(wanted) == wanted[1:]


@pytest.mark.parametrize("name", ["", "-o", "Bash", "a b", "a;b", "../x", "a\n", "é"])
def test_what_cannot_be_a_package_is_refused(name):
    with pytest.raises(InvalidEnvironment, match="cannot be a system package"):
        missing(["bash", name])


@pytest.mark.parametrize(("program", "asked"), [("rpm", "-q --whatprovides"), ("apk", "info -e")])
def test_rpm_and_apk_are_asked_by_name(tmp_path, monkeypatch, program, asked):
    fake = tmp_path / program
    fake.write_text(f'#!/bin/sh\n[ "$*" = "{asked} bash" ]\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing(["bash=5.2", "other"]) == ["other"]


@pytest.mark.parametrize("program", ["dpkg-query", "rpm"])
def test_a_database_that_does_not_answer_is_said(tmp_path, monkeypatch, program):
    fake = tmp_path / program
    fake.write_text("#!/bin/sh\nexec /bin/sleep 600\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(system_packages, "_TIMEOUT_S", 0.2)
    with pytest.raises(Unavailable, match=f"{program} within 0.2 s"):
        missing(["bash"])


def test_a_machine_without_a_known_database_misses_nothing(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep)
    assert missing(["no-such-package"]) == []
