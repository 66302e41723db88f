"""Project information: read and change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from headrace.control.sealing import Keys
from headrace.core.environments import python_version
from headrace.core.errors import InvalidRequest
from headrace.core.pipelines import check_folder_path, check_system_package
from headrace.core.projects import Project
from headrace.core.repositories import Repository, check_repository, password_in
from headrace.core.scopes import Scope
from headrace.store import settings as rows
from headrace.store.database import Database

_DEPLOY_KEY = "repository_deploy_key"
_KEYS = (*(field.name for field in fields(Project)), _DEPLOY_KEY)


class Projects:
    """The one project of this environment."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys

    async def current(self, scope: Scope) -> Project:
        """Return the project information."""
        return await self._database.read(rows.read_project)

    async def deploy_key(self, scope: Scope) -> str | None:
        """Return the key of the project's repository, or None; never to be shown to anybody."""
        sealed = await self._database.read(rows.read_setting, _DEPLOY_KEY)
        return None if sealed is None else self._keys.unseal(str(sealed).encode())

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
        if _DEPLOY_KEY in checked:
            key = checked.pop(_DEPLOY_KEY)
            sealed = None if key is None else self._keys.seal(key).decode()
            await self._database.write(rows.write_setting, _DEPLOY_KEY, sealed)
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
    if key.startswith("repository_"):
        _check_repository(key, value)
    return value


def _check_repository(key: str, value: str) -> None:
    part = key.removeprefix("repository_")
    whole = Repository(**{"url": "https://host/name.git", part: value})
    check_repository(whole, "")
    if part == "url" and password_in(value):
        raise InvalidRequest(
            "repository_url has a password, which everybody would see in the project's settings: "
            "leave it out, and give an ssh URL with a repository_deploy_key."
        )
