"""A process that puts rows into a book for as long as it lives, and says which it was told of."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.store.books import Place, make_book
from tests.store.test_journal import row

from headrace.store.book.port import Verdict
from headrace.store.database import Database
from headrace.store.postgres.database import PostgresDatabase
from headrace.store.postgres.place import read_database
from headrace.store.sqlite.database import SqliteDatabase


async def write(place: Place, name: str, records: str) -> None:
    book = make_book(name, place.file(), place.database(), records)

    def told(number: int, verdict: Verdict) -> None:
        if verdict is Verdict.KEPT:
            os.write(1, b"%d\n" % number)

    number = 0
    while True:
        for _ in range(5):
            book.append(row(number), partial(told, number), is_alone=number % 7 == 0)
            number += 1
        await asyncio.sleep(0)


if __name__ == "__main__":
    folder, book, records = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    opener: Callable[[], Database] = partial(SqliteDatabase, Path(records))
    if "://" in records:
        opener = partial(PostgresDatabase, read_database(records))
    asyncio.run(write(Place(folder, opener), book, records))
