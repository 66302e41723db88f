"""Rules on several settings together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.core.errors import InvalidRequest

if TYPE_CHECKING:
    from headrace.server.settings import Settings


def checked(settings: Settings) -> Settings:
    """Return settings that go together.

    Raises:
        InvalidRequest: They do not.
    """
    if settings.processes > 1 and settings.database is not None:
        raise InvalidRequest(
            "HEADRACE_PROCESSES must be 1 with HEADRACE_DATABASE: several processes need the "
            "records in the data directory."
        )
    return settings
