"""The schema on PostgreSQL: made at once when it is new, and brought up by the same migrations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from tests.postgres import Postgres

from headrace.store.postgres.connections import open_postgres
from headrace.store.postgres.migrate import migrate_postgres, postgres_state
from headrace.store.schema_version import HEAD, version_of
from headrace.store.tables import metadata

FIRST = Path(__file__).with_name("postgres_0018.sql")
"""The schema as the first version that could be kept in PostgreSQL made it."""


@pytest.fixture(params=["new", "first"])
def brought_up(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Connection]:
    place = postgres.new_database()
    engine = open_postgres(place, read_only=False)
    if request.param == "first":
        with engine.connect() as connection:
            connection.exec_driver_sql(FIRST.read_text())
    migrate_postgres(place)
    with engine.connect() as connection:
        yield connection
    engine.dispose()
    postgres.drop(place)


def test_it_is_that_of_the_tables(brought_up: Connection) -> None:
    assert version_of(brought_up) == HEAD
    context = MigrationContext.configure(brought_up, opts={"compare_type": True})
    assert compare_metadata(context, metadata) == []
    found, wanted = inspect(brought_up), metadata.tables
    for name, table in wanted.items():
        checks = {check["name"] for check in found.get_check_constraints(name)}
        assert checks == {str(each.name) for each in table.constraints if is_check(each)}, name
        foreign = {each["options"].get("ondelete") for each in found.get_foreign_keys(name)}
        assert foreign == {each.ondelete for each in table.foreign_key_constraints}, name


def is_check(constraint: object) -> bool:
    return type(constraint).__name__ == "CheckConstraint"


def test_texts_are_compared_by_their_bytes(brought_up: Connection) -> None:
    others = text(
        "SELECT table_name, column_name FROM information_schema.columns WHERE data_type = 'text'"
        " AND table_schema = 'public' AND collation_name IS DISTINCT FROM 'C'"
    )
    assert brought_up.execute(others).all() == []


def test_a_database_is_described_before_and_after(postgres: Postgres) -> None:
    place = postgres.new_database()
    lines, standing, sealed = postgres_state(place)
    assert lines[0] == "It is empty; the first start makes its tables."
    assert standing.takes_work
    assert sealed is None
    migrate_postgres(place)
    assert postgres_state(place)[0][0] == "Its database is of this version."
    postgres.drop(place)
