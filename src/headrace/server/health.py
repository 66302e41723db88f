"""What is tried when somebody asks how a server is."""

from __future__ import annotations

from headrace.control.warm import WarmCalls
from headrace.core.clock import now
from headrace.store.database import Database
from headrace.store.settings import HEALTH_ASKED_AT, read_setting, write_setting
from headrace.web.health_checks import HealthChecks, descriptors_are_left


def health_checks(database: Database, warm_calls: WarmCalls) -> HealthChecks:
    """Return the checks that do what calls do: write, sync and read; record; open files."""

    async def is_written_and_read() -> str:
        await database.write(write_setting, HEALTH_ASKED_AT, now().isoformat())
        await database.read(read_setting, HEALTH_ASKED_AT)
        return "written, synced and read"

    return HealthChecks(
        {
            "database": is_written_and_read,
            "calls": warm_calls.recorded,
            "descriptors": descriptors_are_left,
        }
    )
