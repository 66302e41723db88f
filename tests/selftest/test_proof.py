"""The proof finds whatever is wrong: in a sound history, each fault that is put in is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from headrace.selftest.load import Told
from headrace.selftest.proof import MINUTE_US, Claim, prove
from headrace.selftest.records import Recorded, Records, Schedule
from headrace.selftest.work import Periodic

BEGIN = 1_000_000 * MINUTE_US + 1
EVERY_OTHER = Periodic("often", 2)


def at(minutes: int) -> int:
    """An instant so many minutes after the first whole one."""
    return (1_000_000 + minutes) * MINUTE_US


def recorded(name: str, **more: Any) -> Recorded:
    known: dict[str, Any] = {
        "id": name,
        "status": "Succeeded",
        "deployment": None,
        "deployment_id": None,
        "inputs": {},
        "outputs": {},
        "failure": None,
        "attempt": 1,
        "retries": 0,
        "fire_at": None,
    }
    return Recorded(**(known | more))


def sent(name: str, number: int, **more: Any) -> Recorded:
    known = {"inputs": {"number": number}, "outputs": {"doubled": 2 * number}}
    return recorded(name, **(known | more))


ROWS = (
    (at(2), "ran", "tick-2"),
    (at(4), "overlapped", None),
    (at(6), "caught_up", "tick-6"),
)
SCHEDULE = Schedule("often", "d", BEGIN, at(8), ROWS)
EXECUTIONS = (
    sent("run", 1),
    sent("lost", 2, status="Error", outputs={"doubled": None}, failure="worker_lost"),
    sent("call", 3, attempt=2, retries=1),
    sent("killed", 4, status="Failed", outputs={"doubled": None}, failure="exited"),
    recorded("tick-2", fire_at=at(2), deployment_id="d"),
    recorded("tick-6", fire_at=at(6), deployment_id="d", status="Failed", failure="cancelled"),
)
SOUND = Records(
    {execution.id: execution for execution in EXECUTIONS},
    attempts={"call": [1]},
    schedules=[SCHEDULE],
    keys=Counter({"call": 1}),
)
TOLD = (
    Told(1, "run"),
    Told(2, "lost"),
    Told(3, "call", endpoint=True, outcome={"doubled": 6}),
    Told(4, "killed", endpoint=True, outcome="exited"),
    Told(5, None),
)


def faults(records: Records = SOUND, told: Any = TOLD, left: Any = ()) -> dict[str, Claim]:
    claims = prove(records, told, [EVERY_OTHER], left)
    return {claim.text: claim for claim in claims if not claim.is_proven}


def test_a_sound_history_is_proven() -> None:
    assert not faults()
    assert all(claim.looked_at for claim in prove(SOUND, TOLD, [EVERY_OTHER], ()))


def without(name: str) -> Records:
    return replace(SOUND, executions={k: v for k, v in SOUND.executions.items() if k != name})


def changed(name: str, **fields: Any) -> Records:
    found = replace(SOUND.executions[name], **fields)
    return replace(SOUND, executions=SOUND.executions | {name: found})


def with_rows(*rows: tuple[int, str, str | None]) -> Records:
    return replace(SOUND, schedules=[replace(SCHEDULE, rows=rows)])


LOST = "no acknowledged execution is lost"
TWICE = "no request was carried out twice"
UNFINISHED = "no execution is left unfinished"
OUTCOME = "every outcome is right"
ANSWER = "every answer is what is on record"
ATTEMPTS = "attempts are numbered and not too many"
LEDGER = "no fire time is missing or doubled"
FIRED = "each fire time that ran has its one execution"


@pytest.mark.parametrize(
    ("records", "claim"),
    [
        (without("run"), LOST),
        (changed("run", inputs={"number": 2}), TWICE),
        (changed("run", inputs={"number": 99}), TWICE),
        (replace(SOUND, keys=Counter({"call": 2})), TWICE),
        (changed("run", status="Running"), UNFINISHED),
        (changed("run", status="Pending"), UNFINISHED),
        (changed("run", outputs={"doubled": 3}), OUTCOME),
        (changed("run", status="Failed", failure="user_error"), OUTCOME),
        (changed("run", status="Failed", failure="cancelled"), OUTCOME),
        (changed("call", outputs={"doubled": 7}), ANSWER),
        (changed("killed", failure="worker_lost"), ANSWER),
        (changed("killed", failure=None, status="Succeeded"), ANSWER),
        (changed("call", attempt=3), ATTEMPTS),
        (changed("call", retries=0), ATTEMPTS),
        (replace(SOUND, attempts={}), ATTEMPTS),
        (with_rows(*ROWS[1:]), LEDGER),
        (with_rows(*ROWS[:2]), LEDGER),
        (with_rows(*ROWS, ROWS[1]), LEDGER),
        (with_rows(*ROWS, (at(5), "missed", None)), LEDGER),
        (with_rows(*ROWS, (at(8), "missed", None)), LEDGER),
        (replace(SOUND, schedules=[]), LEDGER),
        (without("tick-2"), FIRED),
        (changed("tick-2", fire_at=at(4)), FIRED),
        (with_rows((at(2), "missed", None), *ROWS[1:]), FIRED),
        (with_rows(ROWS[0], (at(4), "ran", "tick-6"), ROWS[2]), FIRED),
        (replace(SOUND, damage=["a page is gone"]), "the database is sound"),
    ],
    ids=str,
)
def test_each_fault_is_told(records: Records, claim: str) -> None:
    assert claim in faults(records)


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        (lambda told: [*told, Told(6, "nowhere")], LOST),
        (lambda told: [replace(told[2], outcome={"doubled": 7}), *told], ANSWER),
        (lambda told: [replace(told[2], number=7), *told], ANSWER),
        (lambda told: told[1:], TWICE),
    ],
)
def test_each_wrong_answer_is_told(change: Callable[[list[Told]], list[Told]], claim: str) -> None:
    assert claim in faults(told=change(list(TOLD)))


def test_processes_that_are_left_are_told() -> None:
    assert set(faults(left=["12: sleep 600"])) == {"no process is left"}
