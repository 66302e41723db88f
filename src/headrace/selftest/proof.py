"""Compare what clients were told, and what the clock demands, with what is on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headrace.selftest.load import Told
from headrace.selftest.records import Recorded, Records, Schedule
from headrace.selftest.work import Periodic

MINUTE_US = 60_000_000

MAX_SHOWN = 5

MAY_FAIL = frozenset({"worker_lost", "exited"})
"""How executions may end that were under way when something was killed."""

HAS_EXECUTION = frozenset({"ran", "caught_up"})


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim, with what speaks against it.

    Attributes:
        text: The claim, in words that hold if it is proven.
        looked_at: How many things were looked at.
        faults: What speaks against it, one line each.
    """

    text: str
    looked_at: int
    faults: tuple[str, ...] = ()

    @property
    def is_proven(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.faults


def prove(
    records: Records,
    told: Sequence[Told],
    periodic: Sequence[Periodic],
    left: Sequence[str],
    may_fail: frozenset[str] = MAY_FAIL,
) -> list[Claim]:
    """Return all claims about a server that was killed, each proven or with its faults.

    Args:
        records: What its database holds, after it has recovered and ended.
        told: What its clients were told.
        periodic: The periodic deployments that it has.
        left: The processes that were found after its end.
        may_fail: Kinds of failures that what was done to it explains.
    """
    acknowledged = [item for item in told if item.execution_id is not None]
    answers = [item for item in acknowledged if item.outcome is not None]
    rows = sum(len(schedule.rows) for schedule in records.schedules)
    return [
        Claim("no acknowledged execution is lost", len(acknowledged), _lost(records, acknowledged)),
        Claim("no request was carried out twice", len(told), _doubled(records, told)),
        Claim("no execution is left unfinished", len(records.executions), _unfinished(records)),
        Claim("every outcome is right", len(records.executions), _wrong(records, may_fail)),
        Claim("every answer is what is on record", len(answers), _other_answers(records, answers)),
        Claim("attempts are numbered and not too many", len(records.attempts), _attempts(records)),
        Claim("no fire time is missing or doubled", rows, _ledger(records, periodic)),
        Claim("each fire time that ran has its one execution", rows, _fired(records)),
        Claim("no process is left", len(left) or 1, tuple(left)),
        Claim("the database is sound", 1, tuple(records.damage)),
    ]


def _lost(records: Records, acknowledged: Iterable[Told]) -> tuple[str, ...]:
    return tuple(
        f"{item.execution_id} of request {item.number}"
        for item in acknowledged
        if item.execution_id not in records.executions
    )


def _doubled(records: Records, told: Iterable[Told]) -> tuple[str, ...]:
    counts = Counter(e.number for e in records.executions.values() if e.number is not None)
    faults = [f"request {item.number}" for item in told if counts[item.number] > 1]
    faults += [f"{execution_id} has {n} keys" for execution_id, n in records.keys.items() if n > 1]
    sent = {item.number for item in told}
    faults += [f"nobody sent {number}" for number in counts if number not in sent]
    return tuple(faults)


def _unfinished(records: Records) -> tuple[str, ...]:
    return tuple(f"{e.id} is {e.status}" for e in records.unfinished())


def _wrong(records: Records, may_fail: frozenset[str]) -> tuple[str, ...]:
    faults = []
    for execution in records.executions.values():
        if execution.status == "Succeeded":
            if execution.number is not None and execution.outputs != _right(execution.number):
                faults.append(f"{execution.id}: {execution.number} gave {execution.outputs}")
        elif execution.failure not in may_fail and not _may_be_cancelled(execution):
            faults.append(f"{execution.id} is {execution.status}: {execution.failure}")
    return tuple(faults)


def _may_be_cancelled(execution: Recorded) -> bool:
    # A schedule may cancel what its last fire time started; nobody else cancels.
    return execution.failure == "cancelled" and execution.fire_at is not None


def _right(number: int) -> dict[str, int]:
    return {"doubled": 2 * number}


def _other_answers(records: Records, answers: Iterable[Told]) -> tuple[str, ...]:
    faults = []
    for item in answers:
        found = records.executions.get(item.execution_id or "")
        recorded = None if found is None else (found.failure or found.outputs)
        if recorded != item.outcome or (found is not None and found.number != item.number):
            faults.append(f"{item.execution_id}: answered {item.outcome}, on record {recorded}")
    return tuple(faults)


def _attempts(records: Records) -> tuple[str, ...]:
    faults = []
    for execution in records.executions.values():
        earlier = records.attempts.get(execution.id, [])
        is_numbered = earlier == list(range(1, execution.attempt))
        if not is_numbered or execution.attempt > execution.retries + 1:
            faults.append(
                f"{execution.id} is attempt {execution.attempt} of {execution.retries + 1}, "
                f"after {earlier}"
            )
    return tuple(faults)


def _ledger(records: Records, periodic: Sequence[Periodic]) -> tuple[str, ...]:
    by_name = {schedule.name: schedule for schedule in records.schedules}
    faults = [f"{one.name} has no schedule" for one in periodic if one.name not in by_name]
    for one in periodic:
        schedule = by_name.get(one.name)
        if schedule is None:
            continue
        rows = Counter(at for at, _, _ in schedule.rows)
        due = set(_fire_times(schedule, one.every * MINUTE_US))
        faults += [f"{one.name} lacks {at}" for at in sorted(due - rows.keys())]
        faults += [
            f"{one.name} has {at}, which is no fire time" for at in sorted(rows.keys() - due)
        ]
        faults += [f"{one.name} has {at} {n} times" for at, n in rows.items() if n > 1]
    return tuple(faults)


def _fire_times(schedule: Schedule, period_us: int) -> range:
    """Return the fire times that must be on record: those of whole periods of the clock."""
    first = schedule.since // period_us * period_us + period_us
    return range(first, schedule.next_fire_at, period_us)


def _fired(records: Records) -> tuple[str, ...]:
    faults = []
    counts = Counter(
        (e.deployment_id, e.fire_at) for e in records.executions.values() if e.fire_at is not None
    )
    for schedule in records.schedules:
        for at, fate, execution_id in schedule.rows:
            expected = 1 if fate in HAS_EXECUTION else 0
            found = records.executions.get(execution_id or "")
            is_right = (found is not None and found.fire_at == at) if expected else found is None
            if not is_right or counts.pop((schedule.deployment_id, at), 0) != expected:
                faults.append(f"{schedule.name} at {at}: {fate}, execution {execution_id}")
    faults += [f"an execution of {key} that no row names" for key in counts]
    return tuple(faults)
