"""Tables of what is counted of executions: calls and durations over time.

A month of them would have to be read for one plot. A loop counts each execution once, when it has
ended, off the way of calls (:mod:`headrace.keeping.activity`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from headrace.store.tables.metadata import metadata

activity_counts = Table(
    "activity_counts",
    metadata,
    # Id of a deployment, which may be gone; empty for all executions together.
    Column("whose", Text, primary_key=True),
    # Seconds of a period, and when it begins, in seconds since 1970.
    Column("step_s", Integer, primary_key=True),
    Column("begin_s", BigInteger, primary_key=True),
    # Of their durations (headrace.core.activity).
    Column("bin", Integer, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Executions that were passed by before they had ended; each is counted later.
activity_open = Table(
    "activity_open",
    metadata,
    # No reference: it may be gone by the time that it is noted here.
    Column("execution_id", Text, primary_key=True),
    sqlite_with_rowid=False,
)
