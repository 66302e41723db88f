"""The requirements and the Python of a version to come, as its folder says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.core.environments import SUPPORTED_PYTHONS
from headrace.core.errors import InvalidEnvironment
from headrace.core.python_versions import allowed_versions
from headrace.core.requirements import find_requirements
from headrace.core.signatures.source import Source

Pythons = Callable[[], Sequence[str]]
"""Asks the server which versions of Python it has."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What the code needs.

    Attributes:
        path: Requirements file in the folder; None for none.
        language: Its Python, as ``python:3.11-slim``.
        notes: What its author may want to know, each a sentence.
    """

    path: str | None
    language: str
    notes: tuple[str, ...] = ()


def needs_of(
    source: Source,
    *,
    requirements: str | None,
    python: str | None,
    here: str | None,
    project: Mapping[str, Any],
    pythons: Pythons,
) -> Needs:
    """Return the requirements and the Python of a function.

    Args:
        source: The function's file and its folder.
        requirements: The file that its author names; empty for none, None if the folder decides.
        python: The version that its author names; None if the folder decides.
        here: The version that the code was written in, if nothing else says one; None for the
            project's.
        project: The project's settings.
        pythons: Asked where the folder rules out what the project has.

    Raises:
        InvalidEnvironment: The version is not supported, the server has none that the folder
            allows, or a file cannot be used.
    """
    usual = str(project["language"]) if here is None else _language(here)
    version = _version(usual)
    found = find_requirements(source, python or version)
    if python is not None:
        if python not in SUPPORTED_PYTHONS:
            raise InvalidEnvironment(
                f"Python {python} is not supported; use one of {', '.join(SUPPORTED_PYTHONS)}."
            )
        language = _language(python)
    else:
        allowed = _allowed(found.requires_python, [version])
        language = usual if allowed else _language(_chosen(str(found.requires_python), pythons()))
    if requirements is not None:
        return Needs(requirements or None, language)
    path = found.path or project["requirements_path"]
    return Needs(path, language, () if path else found.warnings)


def _chosen(specifier: str, pythons: Sequence[str]) -> str:
    """Return the version that runs here if the server has it, or the newest that is allowed."""
    allowed = _allowed(specifier, pythons)
    if not allowed:
        raise InvalidEnvironment(
            f"requires-python is {specifier!r}, and the server has Python {', '.join(pythons)}."
        )
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    return here if here in allowed else allowed[-1]


def _allowed(specifier: str | None, versions: Sequence[str]) -> list[str]:
    try:
        return allowed_versions(specifier, versions)
    except ValueError as error:
        raise InvalidEnvironment(f"requires-python cannot be used: {error}.") from None


def _language(version: str) -> str:
    return f"python:{version}-slim"


def _version(language: str) -> str:
    return language.partition(":")[2].partition("-")[0]
