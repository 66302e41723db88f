"""The server's own log: lines on stderr."""

from __future__ import annotations

import logging
import time


def set_up_logging(level: str) -> None:
    """Send the log of this process to stderr, in UTC, from ``level`` upwards."""
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    formatter.converter = time.gmtime
    formatter.default_time_format = "%Y-%m-%dT%H:%M:%S"
    formatter.default_msec_format = "%s.%03dZ"
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Each request would be a line; the executions are the record.
    logging.getLogger("uvicorn.access").disabled = True
