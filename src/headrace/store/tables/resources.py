"""The table of what machines used."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer, Table, Text

from headrace.store.tables.metadata import metadata

resource_samples = Table(
    "resource_samples",
    metadata,
    Column("worker", Text, primary_key=True),
    # Milliseconds since 1970 UTC.
    Column("at_ms", BigInteger, primary_key=True),
    Column("seconds", Integer, nullable=False),
    Column("cpu", Float, nullable=False),
    Column("ram", Float, nullable=False),
    Column("disk", Float, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("sent", BigInteger, nullable=False),
    # Percent; null where there is no graphics processor.
    Column("gpu", Float),
    Column("vram", Float),
)
