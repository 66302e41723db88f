"""The Python that a pipeline runs in: what goes in, and the digest of it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from headrace.core.errors import InvalidEnvironment

SUPPORTED_PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")

_LANGUAGE = re.compile(r"python:(?P<version>3\.\d{1,2})-slim")
_CUDA_LANGUAGE = re.compile(r"python-cuda:(?P<version>3\.\d{1,2})-\d{1,2}\.\d{1,2}")
PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A ``${VARIABLE}`` of a requirements file."""


@dataclass(frozen=True, slots=True)
class RequirementsFile:
    """A file of the pipeline's folder that the installer reads by itself.

    Attributes:
        path: Where it is in the folder: a ``pyproject.toml``, ``uv.lock``, ``pylock.toml`` or a
            Python file with inline metadata.
        content: All of it that decides what is installed.
    """

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """All that decides what is installed.

    Attributes:
        python: Version of the interpreter, such as ``3.11``.
        requirements: Text of the requirements file and those it includes, with each
            ``${VARIABLE}`` replaced.
        folder_digest: Digest of the pipeline's folder if the requirements name files in it
            (``./package``), else None.
        constraints: Text of the constraints, in the same form.
        file: What the installer reads instead of these texts, or None.
    """

    python: str
    requirements: str
    folder_digest: str | None = None
    constraints: str = ""
    file: RequirementsFile | None = None

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of everything that goes in; equal needs share one environment."""
        parts = {
            "layout": 1,
            "python": self.python,
            "requirements": normalised_requirements(self.requirements),
            "folder": self.folder_digest,
        }
        if self.constraints:
            parts["constraints"] = normalised_requirements(self.constraints)
        if self.file is not None:
            parts["file"] = self.file.content
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that is ready on this machine.

    Attributes:
        digest: Digest of its spec.
        python: The interpreter to start, inside the environment.
    """

    digest: str
    python: Path


def python_version(language: str) -> str:
    """Return the interpreter's version that a ``language`` setting asks for.

    ``python:3.X-slim`` and ``python-cuda:3.X-Y.Z`` both mean CPython 3.X; CUDA itself comes from
    the requirements and the machine's driver.

    Raises:
        InvalidEnvironment: Not of that form, or a version that is not supported.
    """
    match = _LANGUAGE.fullmatch(language) or _CUDA_LANGUAGE.fullmatch(language)
    supported = ", ".join(f"python:{version}-slim" for version in SUPPORTED_PYTHONS)
    if match is None:
        raise InvalidEnvironment(f"language {language!r} is not known; use one of {supported}.")
    version = match["version"]
    if version not in SUPPORTED_PYTHONS:
        raise InvalidEnvironment(
            f"language {language!r} asks for Python {version}, which is not supported; "
            f"use one of {supported}."
        )
    return version


def placeholders(text: str) -> list[str]:
    """Return the names of the ``${VARIABLE}`` in a requirements text, each once, in order."""
    return list(dict.fromkeys(PLACEHOLDER.findall(text)))


def normalised_requirements(text: str) -> str:
    """Return the requirements without comments, blank lines and indentation, order kept."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)
