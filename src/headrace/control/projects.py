"""Project information: read and change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from headrace.core.environments import python_version
from headrace.core.errors import InvalidRequest
from headrace.core.pipelines import check_folder_path, check_system_package
from headrace.core.projects import Project
from headrace.core.scopes import Scope
from headrace.store import settings as rows
from headrace.store.database import Database

_KEYS = tuple(field.name for field in fields(Project))


class Projects:
    """The one project of this environment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self, scope: Scope) -> Project:
        """Return the project information."""
        return await self._database.read(rows.read_project)

    async def update(self, scope: Scope, changes: Mapping[str, Any]) -> Project:
        """Change some settings; null sets one back to none. Return them all.

        Raises:
            InvalidRequest: A key is unknown or its value cannot be used.
        """
        unknown = sorted(set(changes) - set(_KEYS))
        if unknown:
            raise InvalidRequest(
                f"The project has no setting {', '.join(unknown)}; it has {', '.join(_KEYS)}."
            )
        checked = {key: _check(key, value) for key, value in changes.items()}

        return await self._database.write(rows.change_project, checked)


def _check(key: str, value: Any) -> Any:
    if key == "language":
        python_version(value if isinstance(value, str) else "")
        return value
    if value is None:
        return None
    if key in {"included_folders", "system_dependencies"}:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InvalidRequest(f"{key} must be a list of texts, or null.")
        for item in value:
            (check_folder_path if key == "included_folders" else check_system_package)(item, key)
        return tuple(value)
    if not isinstance(value, str):
        raise InvalidRequest(f"{key} must be a text, or null.")
    if key == "requirements_path":
        check_folder_path(value, key)
    return value
