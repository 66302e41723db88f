"""SQL is in a few rooms, and what is SQLite's is in one folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import pytest
from tests.architecture.conftest import Module

TRANSACTIONS = "headrace.control.transactions"
SQLITE = "headrace.store.sqlite"
POSTGRES = "headrace.store.postgres"

# They open a file of their own: to judge it from outside, and to say why it cannot be opened.
READS_THE_FILE = {"headrace.selftest.records", "headrace.selftest.passing_time"}
SAYS_WHY = {"headrace.server.obstacles"}


def imports(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(modules: Mapping[str, Module], library: str) -> set[str]:
    return {
        name
        for name, module in modules.items()
        if any(f"{each}.".startswith(f"{library}.") for each in imports(module))
    }


def below(names: set[str], *rooms: str) -> set[str]:
    return {name for name in names if any(f"{name}.".startswith(f"{room}.") for room in rooms)}


def test_one_folder_knows_sqlite(modules: Mapping[str, Module]) -> None:
    known = importers(modules, "sqlite3")
    assert known - below(known, SQLITE) == READS_THE_FILE | SAYS_WHY


def test_one_folder_knows_postgresql(modules: Mapping[str, Module]) -> None:
    known = importers(modules, "psycopg")
    assert known
    assert below(known, POSTGRES) == known


def test_dialects_are_of_the_folders_of_databases(modules: Mapping[str, Module]) -> None:
    known = importers(modules, "sqlalchemy.dialects")
    assert below(known, SQLITE, POSTGRES) == known


@pytest.mark.parametrize("room", [SQLITE, POSTGRES])
def test_only_the_server_chooses_a_database(modules: Mapping[str, Module], room: str) -> None:
    users = importers(modules, room)
    assert below(users, room, "headrace.server") == users


def test_verbs_leave_sql_to_transactions(modules: Mapping[str, Module]) -> None:
    verbs = below(importers(modules, "sqlalchemy"), "headrace.control")
    assert below(verbs, TRANSACTIONS) == verbs


def test_transactions_know_no_verbs_and_wait_for_nothing(modules: Mapping[str, Module]) -> None:
    """They run in the thread of a connection, whole or not at all."""
    values = {"headrace.control.orders"}
    for name in below(set(modules), TRANSACTIONS):
        module = modules[name]
        used = {f"{each.rpartition('.')[0]}" for each in imports(module)}
        above = {each for each in used if each.startswith("headrace.control.")} - values
        assert below(above, TRANSACTIONS) == above, name
        assert not [
            node for node in ast.walk(module.tree) if isinstance(node, ast.AsyncFunctionDef)
        ]


def test_errors_of_the_database_are_caught_by_its_store_alone(
    modules: Mapping[str, Module],
) -> None:
    users = importers(modules, "sqlalchemy.exc")
    assert users - below(users, "headrace.store") == SAYS_WHY
