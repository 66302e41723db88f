"""Rules on several settings together."""

from __future__ import annotations

from headrace.core.errors import InvalidRequest


def check_processes(processes: int, *, has_database: bool) -> None:
    """Check that several processes are not asked for with records in a database of their own.

    Raises:
        InvalidRequest: They are.
    """
    if processes > 1 and has_database:
        raise InvalidRequest(
            "HEADRACE_PROCESSES must be 1 with HEADRACE_DATABASE: several processes need the "
            "records in the data directory."
        )
