"""Projects, locks and scripts as requirements: what is installed, and what is wrong with them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from headrace.core.environments import EnvironmentSpec
from headrace.core.errors import InvalidEnvironment
from headrace.environments.installation import find_uv
from headrace.environments.project_files import kind_of, read_project_file

PROJECT = """
[project]
name = "demo"
version = "1"
requires-python = ">=3.9"
dependencies = ["beta", "alpha<2"]
[dependency-groups]
dev = ["gamma"]
[tool.uv]
no-index = true
find-links = ["./wheels"]
"""
SCRIPT = """
# /// script
# requires-python = ">=3.9"
# dependencies = [
#   "alpha<2",
# ]
# [tool.uv]
# no-index = true
# find-links = ["./wheels"]
# ///
def fn(): ...
"""


@pytest.fixture
def folder(workshop) -> Path:
    for name, version in (("alpha", "1.0"), ("alpha", "2.0"), ("beta", "1.0"), ("gamma", "1.0")):
        workshop.wheel(name, version)
    return workshop.folder


def uv(folder: Path, *command: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    subprocess.run([find_uv(), *command], cwd=folder, check=True, env=environ, capture_output=True)


def lock(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(PROJECT)
    uv(folder, "lock", "--offline")


async def installed(builder, folder: Path, path: str) -> list[str]:
    """Return the modules of an environment that a file of the folder asks for."""
    found = read_project_file(folder, path, "3.11")
    digest = "bundle" if found.needs_folder else None
    spec = EnvironmentSpec("3.11", "", digest, file=found.file)
    made = await builder.ready(spec, folder=folder, say=lambda _: None)
    packages = next(made.python.parents[1].glob("lib/python*/site-packages"))
    names = ("alpha", "beta", "gamma", "local")
    return [
        subprocess.run(
            [made.python, "-Ic", f"import {name}; print('{name}', {name}.VERSION)"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for name in names
        if (packages / f"{name}.py").exists()
    ]  # fmt: skip


async def test_the_dependencies_of_a_project_are_installed(builder, folder):
    (folder / "pyproject.toml").write_text(PROJECT)
    assert await installed(builder, folder, "pyproject.toml") == ["alpha 1.0", "beta 1.0"]


async def test_the_inline_metadata_of_a_script_is_installed(builder, folder):
    (folder / "m.py").write_text(SCRIPT)
    assert await installed(builder, folder, "m.py") == ["alpha 1.0"]


async def test_a_lock_of_uv_is_honoured_without_groups(builder, folder):
    lock(folder)
    text = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text.replace("alpha<2", "alpha"))
    assert await installed(builder, folder, "uv.lock") == ["alpha 1.0", "beta 1.0"]


async def test_a_lock_of_pep_751_is_honoured(builder, folder):
    lock(folder)
    uv(folder, "export", "--frozen", "--no-dev", "--format", "pylock.toml", "-o", "pylock.toml")
    for name in ("pyproject.toml", "uv.lock"):
        (folder / name).unlink()
    (folder / "pylock.toml").rename(folder / "pylock.prod.toml")
    assert await installed(builder, folder, "pylock.prod.toml") == ["alpha 1.0", "beta 1.0"]


async def test_packages_of_the_folder_are_copied(builder, workshop):
    workshop.source_package("local", module="VERSION = '3'\n")
    text = '[project]\nname = "demo"\nversion = "1"\ndependencies = ["local"]\n'
    source = '[tool.uv.sources]\nlocal = { path = "local", editable = true }\n'
    (workshop.folder / "pyproject.toml").write_text(text + source)
    assert await installed(builder, workshop.folder, "pyproject.toml") == ["local 3"]
    uv(workshop.folder, "lock", "--offline")
    assert await installed(builder, workshop.folder, "uv.lock") == ["local 3"]
    assert read_project_file(workshop.folder, "uv.lock", "3.11").needs_folder


async def test_what_uv_says_reaches_the_message(builder, folder):
    (folder / "pyproject.toml").write_text(PROJECT.replace('"beta"', '"nowhere"'))
    with pytest.raises(InvalidEnvironment, match="nowhere was not found"):
        await installed(builder, folder, "pyproject.toml")


def spec_of(folder: Path, text: str, path: str = "pyproject.toml") -> str:
    (folder / path).write_text(text)
    found = read_project_file(folder, path, "3.11")
    return EnvironmentSpec("3.11", "", file=found.file).digest


def test_equal_needs_have_one_digest(tmp_path: Path) -> None:
    first = spec_of(tmp_path, '[project]\nname = "a"\ndependencies = ["x"]\n')
    assert (
        spec_of(tmp_path, '[project]\ndependencies = [ "x" ] # more\n[tool.ruff]\nx = 1\n') == first
    )
    assert spec_of(tmp_path, "# /// script\n# dependencies = ['x']\n# ///\n", "m.py") == first
    others = [
        spec_of(tmp_path, '[project]\ndependencies = ["y"]\n'),
        spec_of(tmp_path, '[project]\ndependencies = ["x"]\n[tool.uv]\nno-index = true\n'),
    ]
    (tmp_path / "uv.toml").write_text("no-index = true\n")
    others.append(spec_of(tmp_path, '[project]\ndependencies = ["x"]\n'))
    assert len({first, *others}) == 4


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("requirements.txt", None),
        ("a/requirements-dev.txt", None),
        ("a/pyproject.toml", "project"),
        ("uv.lock", "uv"),
        ("pylock.toml", "pylock"),
        ("pylock.dev.toml", "pylock"),
        ("pylock.a.b.toml", None),
        ("src/m.py", "script"),
        ("project.toml", None),
    ],
)
def test_the_name_of_a_file_says_its_kind(path: str, kind: str | None) -> None:
    assert kind_of(path) == kind


LOCK = '[[package]]\nname = "demo"\nsource = { virtual = "." }\n'

BROKEN = [
    ("pyproject.toml", "[project", "pyproject.toml cannot be read as TOML"),
    ("pyproject.toml", "a = " + "[" * 5000, "pyproject.toml cannot be read as TOML"),
    ("pyproject.toml", "[tool.ruff]\n", "has no [project] table"),
    ("pyproject.toml", '[project]\ndynamic = ["dependencies"]\n', "are dynamic"),
    ("pyproject.toml", '[project]\ndependencies = "a"\n', "must be a list of texts"),
    ("pyproject.toml", "[project]\ndependencies = [1]\n", "must be a list of texts"),
    ("pyproject.toml", '[project]\nrequires-python = ">=3.12"\n', "requires Python >=3.12, but"),
    ("pyproject.toml", '[project]\nrequires-python = "3"\n', "'3' is no condition on a version"),
    ("pyproject.toml", "[project]\n[tool]\nuv = 3\n", "something in a place where it cannot be"),
    (
        "pyproject.toml",
        '[project]\n[tool.uv.sources]\na = { path = "../a" }\n',
        "names '../a', which is outside the pipeline's folder",
    ),
    ("m.py", "import x\n", "m.py has no inline metadata"),
    ("m.py", "# /// script\n# a = 1\n", "has no end"),
    ("m.py", "# /// script\n# a = 1\n# ///\n" * 2, "more than one block"),
    ("m.py", "# /// script\n# a = \n# ///\n", "m.py cannot be read as TOML"),
    ("m.py", "# /// script\n# requires-python = '>=3.12'\n# ///\n", "requires Python >=3.12"),
    ("sub/uv.lock", "version = 1\n", "sub/pyproject.toml is not in the pipeline's folder"),
    ("uv.lock", "version = [", "uv.lock cannot be read as TOML"),
    ("uv.lock", LOCK, "uv.lock is older than pyproject.toml: it does not lock x-y. Lock again"),
    ("uv.lock", 'requires-python = ">=3.12"\n', "uv.lock requires Python >=3.12"),
    ("uv.lock", "package = 3\n", "something in a place where it cannot be"),
    ("pylock.toml", "packages = []\n", "is no lock file as PEP 751 has them"),
    ("pylock.toml", "lock-version = '1.0'\nrequires-python = '>=3.12'\n", "requires Python >=3.12"),
    (
        "pylock.toml",
        "lock-version = '1.0'\n[[packages]]\nname = 'a'\ndirectory = { path = '/etc' }\n",
        "names '/etc', which is outside",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text", "said"), BROKEN)
def test_what_is_wrong_is_said_with_the_file(
    tmp_path: Path, path: str, text: str, said: str
) -> None:
    (tmp_path / path).parent.mkdir(exist_ok=True)
    if path == "uv.lock":
        (tmp_path / "pyproject.toml").write_text(
            '[project]\nname = "Demo"\ndependencies = ["X_Y>=1"]\n'
        )
    (tmp_path / path).write_text(text)
    with pytest.raises(InvalidEnvironment) as caught:
        read_project_file(tmp_path, path, "3.11")
    assert said in caught.value.message
    assert path in caught.value.message


def test_what_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidEnvironment, match=r"pyproject\.toml is not UTF-8 text"):
        read_project_file(tmp_path, "pyproject.toml", "3.11")
    with pytest.raises(InvalidEnvironment, match=r"m\.py cannot be read: No such file"):
        read_project_file(tmp_path, "m.py", "3.11")
