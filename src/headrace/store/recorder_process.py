"""What the recorder's process does: it commits the statements that it is sent, one batch at a time.

Run as a script, by an interpreter that needs nothing but the standard library, so that it is small
and starts at once. Its other end is :mod:`headrace.store.recorder`, run by the same interpreter, so
that messages may be ``marshal`` data: a length of four bytes, then the value.
"""

from __future__ import annotations

import ctypes
import marshal
import signal
import socket
import sqlite3
import struct
import sys
from collections.abc import Sequence
from typing import Any

LENGTH = struct.Struct(">I")
RECEIVE_BYTES = 65536
"""For more at once the allocator would get memory from the kernel, and give it back, each time."""

YES = LENGTH.pack(len(marshal.dumps(None))) + marshal.dumps(None)
"""What is said of statements that were committed."""

_PR_SET_PDEATHSIG = 1

Statement = tuple[str, Sequence[Any]]


def main() -> None:
    """Serve on a descriptor, the first argument, the database of the second."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # It ends with the server and not by its signals, which a terminal sends to all at once.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    line = socket.socket(fileno=int(sys.argv[1]))
    timeout_s, pragmas = receive(line) or sys.exit(0)
    database = sqlite3.connect(sys.argv[2], timeout=timeout_s, isolation_level=None)
    for pragma in pragmas:
        database.execute(f"PRAGMA {pragma}")
    send(line, None)
    while (statements := receive(line)) is not None:
        send(line, commit(database, statements))


def commit(database: sqlite3.Connection, statements: Sequence[Statement]) -> str | None:
    """Carry out statements, all or none; return None, or why none was.

    A list of parameters stands for one execution with each of them.
    """
    try:
        if len(statements) == 1 and not isinstance(statements[0][1], list):
            # By itself a statement is a transaction, which it ends without a word more.
            database.execute(*statements[0])
            return None
        database.execute("BEGIN IMMEDIATE")
        for text, parameters in statements:
            if isinstance(parameters, list):
                database.executemany(text, parameters)
            else:
                database.execute(text, parameters)
        database.execute("COMMIT")
    except sqlite3.Error as error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        return str(error)
    return None


def send(line: socket.socket, value: Any) -> None:
    """Send a value; if nobody is there any more, the next :func:`receive` notices."""
    body = marshal.dumps(value)
    try:
        line.sendall(LENGTH.pack(len(body)) + body)
    except OSError:
        return


def receive(line: socket.socket) -> Any:
    """Return the next value, or None if there will be no more."""
    # Grown in place: a large message comes in many pieces, and is not copied for each of them.
    data = bytearray()
    wanted = LENGTH.size
    while len(data) < wanted:
        try:
            more = line.recv(RECEIVE_BYTES)
        except OSError:
            return None
        if not more:
            return None
        data += more
        if wanted == LENGTH.size and len(data) >= wanted:
            wanted += LENGTH.unpack_from(data)[0]
    # There is one message at a time, so nothing is behind it.
    return marshal.loads(memoryview(data)[LENGTH.size :])  # noqa: S302 - from the process that started this one


if __name__ == "__main__":
    main()
