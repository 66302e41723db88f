"""Requirements that are no list of lines: projects, locks and scripts, which uv reads by itself."""

from __future__ import annotations

import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.core.environments import RequirementsFile
from headrace.core.errors import InvalidEnvironment
from headrace.core.inline_metadata import inline_metadata
from headrace.core.python_versions import allows
from headrace.environments.requirements import names_local_files

_PYLOCK = re.compile(r"pylock(\.[^./]+)?\.toml")
_PLACES = ("path", "directory", "editable", "virtual")


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """What such a file says.

    Attributes:
        file: For the installer.
        needs_folder: Whether it names files of the folder, so that they decide as well.
    """

    file: RequirementsFile
    needs_folder: bool


def kind_of(path: str) -> str | None:
    """Return the kind of such a file by its name: ``project``, ``uv``, ``pylock`` or ``script``.

    None is a list of lines, as pip reads it.
    """
    name = posixpath.basename(path)
    if name in _KINDS:
        return _KINDS[name]
    if _PYLOCK.fullmatch(name):
        return "pylock"
    return "script" if name.endswith(".py") else None


def read_project_file(folder: Path, path: str, python: str) -> ProjectFile:
    """Return what a file says that :func:`kind_of` knows.

    Args:
        folder: The pipeline's folder.
        path: The file in it.
        python: The version that is asked for, such as ``3.11``.

    Raises:
        InvalidEnvironment: The file is broken, or cannot be installed as it is; the message names
            it, and says what to do.
    """
    text = _text_of(folder, path)
    try:
        return _READERS[kind_of(path) or ""](folder, path, text, python)
    except (AttributeError, KeyError, TypeError) as error:
        raise InvalidEnvironment(
            f"{path} has something in a place where it cannot be ({error}): write it anew with the "
            "tool that made it."
        ) from None


def _read_project(folder: Path, path: str, text: str, python: str) -> ProjectFile:
    tree = _parsed(path, text)
    project = tree.get("project")
    if not isinstance(project, dict):
        raise InvalidEnvironment(
            f"{path} has no [project] table, so it does not say what to install. Write one with "
            "'dependencies', or name a requirements file."
        )
    if "dependencies" in (project.get("dynamic") or ()):
        raise InvalidEnvironment(
            f"The dependencies in {path} are dynamic: they are known only once the project is "
            "built. Lock them (uv lock, and name uv.lock), or write them out as 'dependencies'."
        )
    return _declared(folder, path, project, tree, python)


def _read_script(folder: Path, path: str, text: str, python: str) -> ProjectFile:
    try:
        block = inline_metadata(text)
    except ValueError as error:
        raise InvalidEnvironment(f"{path}: {error}.") from None
    if block is None:
        raise InvalidEnvironment(
            f"{path} has no inline metadata: a block of comments that begins with '# /// script' "
            "and ends with '# ///' (PEP 723)."
        )
    tree = _parsed(path, block)
    return _declared(folder, path, tree, tree, python)


def _declared(
    folder: Path, path: str, said: Mapping[str, Any], tree: Mapping[str, Any], python: str
) -> ProjectFile:
    """Return what a list of dependencies says, with uv's settings of where they come from."""
    dependencies = said.get("dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(one, str) for one in dependencies):
        raise InvalidEnvironment(f"'dependencies' in {path} must be a list of texts.")
    _check_python(path, said.get("requires-python"), python)
    tool = tree.get("tool", {}).get("uv", {})
    content = _content("declared", dependencies, tool, _settings_beside(folder, path))
    places = list(_places(tool.get("sources", {})))
    _check_places(folder, path, places)
    is_local = "find-links" in tool or names_local_files("\n".join(dependencies))
    is_local = is_local or bool(places)
    return ProjectFile(RequirementsFile(path, content), is_local)


def _read_uv_lock(folder: Path, path: str, text: str, python: str) -> ProjectFile:
    tree = _parsed(path, text)
    beside = posixpath.join(posixpath.dirname(path), "pyproject.toml")
    if not (folder / beside).is_file():
        raise InvalidEnvironment(
            f"{path} locks a project, but {beside} is not in the pipeline's folder. Include it."
        )
    project = _parsed(beside, _text_of(folder, beside))
    _check_python(path, tree.get("requires-python"), python)
    _check_locked(path, beside, tree, project)
    packages = [package for package in tree.get("package", []) if isinstance(package, dict)]
    places = [
        place
        for package in packages
        for place in _places(package.get("source", {}))
        if place != "."
    ]
    _check_places(folder, path, places)
    tool = project.get("tool", {}).get("uv", {})
    content = _content("uv.lock", text, tool, _settings_beside(folder, path))
    is_local = bool(places) or any(
        _is_relative(package.get("source", {}).get("registry", "")) for package in packages
    )
    return ProjectFile(RequirementsFile(path, content), is_local)


def _read_pylock(folder: Path, path: str, text: str, python: str) -> ProjectFile:
    tree = _parsed(path, text)
    if not isinstance(tree.get("packages", []), list) or "lock-version" not in tree:
        raise InvalidEnvironment(
            f"{path} is no lock file as PEP 751 has them: 'lock-version' or 'packages' is missing. "
            "Write it anew, such as by uv export --format pylock.toml -o pylock.toml."
        )
    _check_python(path, tree.get("requires-python"), python)
    places = list(_places(tree.get("packages", [])))
    _check_places(folder, path, places)
    return ProjectFile(RequirementsFile(path, _content("pylock", text)), bool(places))


def _content(*parts: object) -> str:
    return json.dumps(parts, sort_keys=True, default=str)


def _settings_beside(folder: Path, path: str) -> str:
    """Return the ``uv.toml`` beside a file, which uv prefers to the settings in it."""
    beside = posixpath.join(posixpath.dirname(path), "uv.toml")
    return _text_of(folder, beside) if (folder / beside).is_file() else ""


def _check_locked(
    path: str, beside: str, lock: Mapping[str, Any], project: Mapping[str, Any]
) -> None:
    """Refuse a lock that lacks what its project asks for; uv would install it without a word."""
    asked = project.get("project", {}).get("dependencies", [])
    name = _normalised(str(project.get("project", {}).get("name", "")))
    root: Mapping[str, Any] = next(
        (p for p in lock.get("package", []) if _normalised(p.get("name", "")) == name), {}
    )
    locked = {
        _normalised(item["name"]) for item in root.get("metadata", {}).get("requires-dist", [])
    }
    locked |= {_normalised(item["name"]) for item in root.get("dependencies", [])}
    lacking = [one for one in map(_name_in, asked) if one and one not in locked]
    if lacking:
        raise InvalidEnvironment(
            f"{path} is older than {beside}: it does not lock {', '.join(lacking)}. "
            "Lock again: uv lock."
        )


def _check_python(path: str, specifier: object, python: str) -> None:
    try:
        fits = allows(str(specifier or ""), python)
    except ValueError as error:
        raise InvalidEnvironment(f"'requires-python' in {path}: {error}.") from None
    if not fits:
        raise InvalidEnvironment(
            f"{path} requires Python {specifier}, but the pipeline's language is Python {python}: "
            "choose another language, such as python:3.12-slim."
        )


def _check_places(folder: Path, path: str, places: list[str]) -> None:
    root = folder.resolve()
    for place in places:
        where = (root / posixpath.dirname(path) / place).resolve()
        if not where.is_relative_to(root):
            raise InvalidEnvironment(
                f"{path} names {place!r}, which is outside the pipeline's folder. Put it in the "
                "folder, and name it relative to the folder."
            )


def _places(tree: object) -> Iterator[str]:
    """Yield the paths that tables name at any depth, as sources of packages."""
    if isinstance(tree, list):
        for item in tree:
            yield from _places(item)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if key in _PLACES and isinstance(value, str):
                yield value
            else:
                yield from _places(value)


def _is_relative(registry: str) -> bool:
    return bool(registry) and "://" not in registry and not registry.startswith("/")


def _name_in(requirement: str) -> str:
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", str(requirement))
    return _normalised(found[1]) if found else ""


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _parsed(path: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidEnvironment(f"{path} cannot be read as TOML: {error}.") from None


def _text_of(folder: Path, path: str) -> str:
    try:
        return (folder / path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidEnvironment(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidEnvironment(f"{path} is not UTF-8 text.") from None


_KINDS = {"pyproject.toml": "project", "uv.lock": "uv"}
_READERS: Mapping[str, Callable[[Path, str, str, str], ProjectFile]] = {
    "project": _read_project,
    "uv": _read_uv_lock,
    "pylock": _read_pylock,
    "script": _read_script,
}
