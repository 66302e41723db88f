"""Where a folder says what its code needs: the file, the Python, and what nothing says."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

from headrace.core.errors import InvalidEnvironment
from headrace.core.inline_metadata import inline_metadata
from headrace.core.signatures.imports import ForeignImport, foreign_imports
from headrace.core.signatures.source import Source

_LINES = "requirements.txt"
_PROJECT = "pyproject.toml"
_LOCKS = ("uv.lock", "pylock.toml")
_PACKAGES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class FoundRequirements:
    """What a folder says of the environment that its code needs.

    Attributes:
        path: The file that says what to install (``requirements_path``), or None.
        requires_python: The condition on the version of Python, as in ``>=3.10``, or None.
        warnings: What seems to be missing, each a sentence.
    """

    path: str | None
    requires_python: str | None = None
    warnings: tuple[str, ...] = ()


def find_requirements(source: Source, python: str) -> FoundRequirements:
    """Return the requirements of a function: of the first file that says something.

    In this order: ``requirements.txt``; the inline metadata of the function's own file;
    ``pyproject.toml`` with a ``[project]`` table, or the ``uv.lock`` or ``pylock.toml`` beside it.

    Args:
        source: The function's file and its folder.
        python: The version that runs it if nothing says otherwise, such as ``3.11``.

    Raises:
        InvalidEnvironment: A file cannot be read, or does not say what is needed.
    """
    project = _project(source)
    version = _text_or_none(project.get("requires-python"))
    if source.read(_LINES) is not None:
        return FoundRequirements(_LINES, version)
    script = _script(source)
    if script is not None:
        return FoundRequirements(source.path, _text_or_none(script.get("requires-python")))
    for lock in _LOCKS:
        is_usable = lock != "uv.lock" or source.read(_PROJECT) is not None
        if source.read(lock) is not None and is_usable:
            return FoundRequirements(lock, version)
    dynamic = project.get("dynamic")
    if isinstance(dynamic, list) and "dependencies" in dynamic:
        raise InvalidEnvironment(
            f"The dependencies in {_PROJECT} are dynamic: they are known only once the project is "
            "built. Lock them (uv lock), or write them out as 'dependencies'."
        )
    if project:
        return FoundRequirements(_PROJECT, version)
    return FoundRequirements(None, warnings=tuple(_warnings(foreign_imports(source, python))))


def _warnings(imports: list[ForeignImport]) -> list[str]:
    if not imports:
        return []
    said = [f"{one.name} ({one.path}, line {one.line})" for one in imports[:_SHOWN]]
    more = f" and {len(imports) - _SHOWN} more" if len(imports) > _SHOWN else ""
    packages = ", ".join(_PACKAGES.get(one.name, one.name) for one in imports[:_SHOWN])
    warning = (
        f"Nothing says what to install, but the code imports {', '.join(said)}{more}, which Python "
        f"does not bring. Write a {_LINES} with the packages that have them, such as {packages}."
    )
    return [warning]


def _project(source: Source) -> dict[str, Any]:
    """Return the ``[project]`` table of the folder; empty if there is none."""
    text = source.read(_PROJECT)
    table = {} if text is None else _parsed(_PROJECT, text).get("project", {})
    if not isinstance(table, dict):
        raise InvalidEnvironment(f"'project' in {_PROJECT} must be a table.")
    return table


def _script(source: Source) -> dict[str, Any] | None:
    try:
        block = inline_metadata(source.read(source.path) or "")
    except ValueError as error:
        raise InvalidEnvironment(f"{source.path}: {error}.") from None
    return None if block is None else _parsed(source.path, block)


def _parsed(path: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidEnvironment(f"{path} cannot be read as TOML: {error}.") from None


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
