"""Rows of settings: the environment's id and the project information."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from headrace.core.projects import Project
from headrace.store.tables import settings
from headrace.wire.codec import decode, encode

ENVIRONMENT_ID = "environment_id"
LEDGER_KEPT_SINCE = "ledger_kept_since"
FILES_KEPT_SINCE = "files_kept_since"
CLOCK_BELIEVED_AT = "clock_believed_at"
HEALTH_ASKED_AT = "health_asked_at"
_PROJECT = "project"


def read_setting(connection: Connection, key: str) -> Any:
    """Return a setting's value, or None if it was never set."""
    text = connection.scalar(select(settings.c.value).where(settings.c.key == key))
    return None if text is None else decode(text, key)


def write_setting(connection: Connection, key: str, value: Any) -> None:
    """Insert or replace a setting."""
    text = encode(value).decode()
    statement = insert(settings).values(key=key, value=text)
    connection.execute(
        statement.on_conflict_do_update(index_elements=[settings.c.key], set_={"value": text})
    )


def read_project(connection: Connection) -> Project:
    """Return the project information; what was never set has its default."""
    stored: dict[str, Any] = read_setting(connection, _PROJECT) or {}
    for key in ("included_folders", "system_dependencies"):
        if stored.get(key) is not None:
            stored[key] = tuple(stored[key])
    return Project(**stored)


def write_project(connection: Connection, project: Project) -> None:
    """Replace the project information."""
    write_setting(connection, _PROJECT, asdict(project))
