"""Project information: what pipelines fall back on when their creation does not say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Project:
    """The project's settings (``headrace project set``).

    Attributes:
        language: Default ``container_config.language``.
        requirements_path: Default requirements file, or None.
        included_folders: Default files and folders taken from a local folder; ``/`` is all of it.
        system_dependencies: Default system packages.
        repository_url: Default git repository.
        repository_branch: Default branch.
    """

    language: str = "python:3.11-slim"
    requirements_path: str | None = None
    included_folders: tuple[str, ...] | None = ("/",)
    system_dependencies: tuple[str, ...] | None = None
    repository_url: str | None = None
    repository_branch: str | None = None
