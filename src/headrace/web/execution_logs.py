"""The file from which the log of an execution is read."""

from __future__ import annotations

from pathlib import Path

from headrace.core.executions import Execution
from headrace.web.exchange import Services


async def log_of(services: Services, execution: Execution) -> Path:
    """Return the log of an execution, on this machine; nothing is there if it has none.

    Raises:
        Unavailable: It is elsewhere, and cannot be had.
    """
    path = services.logs.of_execution(execution.id)
    # What has not ended is written here, and is asked for again and again.
    return await services.logs.found(path) if execution.status.is_terminal else path
