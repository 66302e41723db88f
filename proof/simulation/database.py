"""A real database of the present schema, with triggers that keep a journal of every change.

The journal is written by the database itself in the transaction that makes the change, so it has
the true order of all commits and nothing of what was rolled back.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from headrace.store.sqlite.connections import open_sqlite
from headrace.store.sqlite.migrate import migrate

KEYS = {
    "ledger": "deployment_id",
    "executions": "id",
    "attempts": "execution_id",
    "schedules": "deployment_id",
    "deployments": "id",
    "workers": "id",
}
UNSAID = {"inputs", "outputs", "sources", "destinations", "sealed_token"}


@dataclass(frozen=True)
class Entry:
    """One change of one row.

    Attributes:
        transaction: Number of the transaction that made it.
        table: Of which table.
        verb: INSERT, UPDATE or DELETE.
        key: Whose row: an execution, a deployment or a worker.
        row: The row after the change; before it, if it was deleted.
    """

    transaction: int
    table: str
    verb: str
    key: str
    row: dict[str, Any]


def open_database(path: Path | None = None) -> Connection:
    """Return a connection to a fresh database: in memory, or in a file.

    Transactions are left to the caller, as on the connection that the server writes with.
    """
    connection = open_sqlite(path or Path(":memory:"), read_only=False).connect()
    raw = connection.connection.driver_connection
    if not isinstance(raw, sqlite3.Connection):
        raise TypeError(f"not a connection of SQLite: {raw!r}")
    raw.deserialize(_empty()) if path is None else _fill(raw)
    return connection


def entries(connection: Connection) -> Iterator[Entry]:
    """Yield the journal from its beginning."""
    found = connection.exec_driver_sql(
        "SELECT txn, subject, verb, subject_id, body FROM journal ORDER BY seq"
    )
    for transaction, table, verb, key, body in found.fetchall():
        yield Entry(transaction, table, verb, key, json.loads(body))


@lru_cache(maxsize=1)
def _empty() -> bytes:
    """The bytes of a migrated database; made once, because migrations take a while."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "headrace.db"
        migrate(path)
        connection = sqlite3.connect(path)
        connection.executescript(_journal_script(connection))
        # Bytes of a file in WAL mode cannot be opened in memory.
        connection.execute("PRAGMA journal_mode = DELETE")
        data = connection.serialize()
        connection.close()
    return data


def _fill(target: sqlite3.Connection) -> None:
    source = sqlite3.connect(":memory:")
    source.deserialize(_empty())
    source.backup(target)
    source.close()


def _journal_script(connection: sqlite3.Connection) -> str:
    statements = [
        "CREATE TABLE moment (txn INTEGER)",
        "INSERT INTO moment VALUES (0)",
        "CREATE TABLE journal (seq INTEGER PRIMARY KEY, txn, subject, verb, subject_id, body)",
    ]
    for table, key in KEYS.items():
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        for verb, version in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            body = ", ".join(
                f"'{column}', {version}.{column}" for column in columns if column not in UNSAID
            )
            values = f"txn, '{table}', '{verb}', {version}.{key}, json_object({body})"
            statements.append(
                f"CREATE TRIGGER journal_{table}_{verb} AFTER {verb} ON {table} BEGIN"  # noqa: S608 - own names
                " INSERT INTO journal (txn, subject, verb, subject_id, body)"
                f" SELECT {values} FROM moment; END"
            )
    return ";\n".join(statements) + ";"
