"""Rows of settings: the environment's id and the project information."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from headrace.core.names import new_id
from headrace.core.projects import Project
from headrace.core.standby import EnvironmentStatus, Standing
from headrace.store.tables import settings
from headrace.store.upserts import put
from headrace.wire.codec import decode, encode

OBJECTS_PLACE = "objects_place"
LEDGER_KEPT_SINCE = "ledger_kept_since"
FILES_KEPT_SINCE = "files_kept_since"
CLOCK_BELIEVED_AT = "clock_believed_at"
HEALTH_ASKED_AT = "health_asked_at"
ACTIVITY_COUNTED = "activity_counted"
STANDING = "standing"
KEY_CHECK = "key_check"
MOVED_TO = "moved_to"
_ENVIRONMENT_ID = "environment_id"
_PROJECT = "project"


def read_setting(connection: Connection, key: str) -> Any:
    """Return a setting's value, or None if it was never set."""
    text = connection.scalar(select(settings.c.value).where(settings.c.key == key))
    return None if text is None else decode(text, key)


def write_setting(connection: Connection, key: str, value: Any) -> None:
    """Insert or replace a setting."""
    put(connection, settings, {"key": key}, {"value": encode(value).decode()})


def environment_id(connection: Connection) -> str:
    """Return the id of this environment, which is made when it is first asked for."""
    known = read_setting(connection, _ENVIRONMENT_ID)
    if known is None:
        known = new_id()
        write_setting(connection, _ENVIRONMENT_ID, known)
    return str(known)


def read_project(connection: Connection) -> Project:
    """Return the project information; what was never set has its default."""
    stored: dict[str, Any] = read_setting(connection, _PROJECT) or {}
    for key in ("included_folders", "system_dependencies"):
        if stored.get(key) is not None:
            stored[key] = tuple(stored[key])
    return Project(**stored)


def change_project(connection: Connection, changes: Mapping[str, Any]) -> Project:
    """Change some of the project information; return it as it is then."""
    project = replace(read_project(connection), **changes)
    write_setting(connection, _PROJECT, asdict(project))
    return project


def read_standing(connection: Connection) -> Standing:
    """Return whether the environment takes work; it does if nobody ever paused it."""
    return standing_from(read_setting(connection, STANDING))


def standing_from(stored: Any) -> Standing:
    """Return what is recorded of whether the environment takes work; None if nothing ever was."""
    if stored is None:
        return Standing()
    return Standing(
        EnvironmentStatus(stored["status"]), _time(stored["since"]), _time(stored["paused_since"])
    )


def write_standing(connection: Connection, standing: Standing) -> None:
    """Record whether the environment takes work."""
    write_setting(
        connection,
        STANDING,
        {
            "status": standing.status.value,
            "since": _text(standing.since),
            "paused_since": _text(standing.paused_since),
        },
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
