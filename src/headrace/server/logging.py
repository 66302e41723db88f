"""The server's own log: lines on stderr."""

from __future__ import annotations

import asyncio
import logging
import time

OUR_NAMES = {"uvicorn.error": "headrace.http"}
"""Names of loggers that say something else than what their lines are."""


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        record.name = OUR_NAMES.get(record.name, record.name)
        return super().format(record)


def _is_no_cut(record: logging.LogRecord) -> bool:
    """Check whether a line is about something else than an answer that the end of the server cut.

    A stream that goes on for as long as somebody listens is cut whenever a server ends, and one
    whose end was to be heard says so to its reader by lacking it.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, asyncio.CancelledError)


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
    logging.getLogger("uvicorn.error").addFilter(_is_no_cut)
