"""The server's own log: lines on stderr."""

from __future__ import annotations

import logging
import time

OUR_NAMES = {"uvicorn.error": "headrace.http"}
"""Names of loggers that say something else than what their lines are."""


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        record.name = OUR_NAMES.get(record.name, record.name)
        return super().format(record)


def set_up_logging(level: str) -> None:
    """Send the log of this process to stderr, in UTC, from ``level`` upwards."""
    formatter = _Lines("%(asctime)s %(levelname)s %(name)s: %(message)s")
    formatter.converter = time.gmtime
    formatter.default_time_format = "%Y-%m-%dT%H:%M:%S"
    formatter.default_msec_format = "%s.%03dZ"
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # The handlers log their requests. Calls that pods answer are many, and are not logged one by
    # one: their executions are the record.
    logging.getLogger("uvicorn.access").disabled = True
