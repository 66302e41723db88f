"""A small share of ``make simulate``, from another seed in each run, and what it must notice."""

from __future__ import annotations

import itertools
import random
import secrets

import pytest
from proof.simulation.expressions import zones
from proof.simulation.planning import drive_zone
from proof.simulation.rules import Violation
from proof.simulation.story import SHORT, tell, tell_short
from proof.simulation.world import Fault, Faults
from sqlalchemy import Connection

SEED = secrets.randbelow(10**9)
AGAIN = f"again: make simulate SEED={SEED}"

RAN = "SELECT id FROM executions WHERE status = 'Succeeded' ORDER BY id LIMIT 1"


def test_plans_hold_in_any_zone() -> None:
    zone = random.Random(SEED).choice(zones())
    try:
        assert drive_zone(SEED, zone) > 0
    except Violation as found:
        pytest.fail(f"{found}\n{AGAIN} ZONE={zone}")


@pytest.mark.parametrize("number", range(3))
def test_a_story_leaves_nothing_missing_doubled_or_running(number: int) -> None:
    try:
        tell_short(SEED + number)
    except Violation as found:
        pytest.fail(f"{found}\n{AGAIN}")


@pytest.mark.parametrize("kind", Fault)
def test_a_fault_at_any_transaction_costs_nothing(kind: Fault) -> None:
    plain = tell_short(SEED, Faults())
    for number in random.Random(SEED).sample(range(1, plain.transactions + 1), 2):
        try:
            tell_short(SEED, Faults(at=number, kind=kind))
        except Violation as found:
            pytest.fail(f"{kind.value}, at transaction {number}: {found}\n{AGAIN}")


def test_a_seed_tells_the_same_story_again() -> None:
    assert tell_short(SEED) == tell_short(SEED)


SPOILT = {
    "missing": ["DELETE FROM ledger WHERE execution_id = ({})"],
    "strange": ["UPDATE ledger SET fire_at = fire_at + 1 WHERE execution_id = ({})"],
    "doubled": [
        "CREATE TABLE copy AS SELECT * FROM ledger",
        "DROP TABLE ledger",
        "ALTER TABLE copy RENAME TO ledger",
        "INSERT INTO ledger SELECT * FROM ledger WHERE execution_id = ({})",
    ],
    "rows without their execution": ["UPDATE executions SET fire_at = fire_at + 1 WHERE id = ({})"],
    "executions without their row": [
        "UPDATE ledger SET fate = 'missed', execution_id = NULL WHERE execution_id = ({})"
    ],
    "have not ended": ["UPDATE executions SET status = 'Running', ended_at = NULL WHERE id = ({})"],
    "not numbered": ["UPDATE executions SET attempt = attempt + 1 WHERE id = ({})"],
    "ended by attempt": ["UPDATE executions SET worker_id = 'another' WHERE id = ({})"],
    "an end was changed": ["UPDATE executions SET ended_at = ended_at + 1 WHERE id = ({})"],
    "a row of the ledger was changed": [
        "UPDATE ledger SET detail = 'other' WHERE execution_id = ({})"
    ],
}


@pytest.mark.parametrize("fault", SPOILT)
def test_every_fault_in_the_tables_is_noticed(fault: str, eventful: int) -> None:
    def spoil(connection: Connection) -> None:
        execution_id = connection.exec_driver_sql(RAN).scalar()
        if execution_id is None:
            raise LookupError(AGAIN)
        for statement in SPOILT[fault]:
            connection.exec_driver_sql(statement.format(f"'{execution_id}'"))

    with pytest.raises(Violation, match=fault):
        tell(eventful, shape=SHORT, events=6, faults=Faults(), spoil=spoil)


@pytest.fixture(scope="module")
def eventful() -> int:
    """A seed whose story has an execution that succeeded."""
    return next(seed for seed in itertools.count(SEED) if tell_short(seed, Faults()).executions > 9)
