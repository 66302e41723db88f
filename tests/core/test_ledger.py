"""What a ledger proves: every planted fault is found, and nothing else."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from proof.simulation.expressions import random_expression, zones
from proof.simulation.oracle import fire_times

from headrace.core.cron import Cron
from headrace.core.ledger import MAX_SHOWN, Revision, Verification, verify
from headrace.core.schedules import Fate

SINCE = datetime(2026, 3, 20, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=20)

Rows = list[tuple[datetime, Fate]]

seeds = st.integers(0, 2**32)
patient = settings(deadline=None, max_examples=60)


def history(chance: random.Random) -> tuple[list[Revision], Rows]:
    """Revisions one after the other, with gaps in between, and the ledger that they make."""
    cuts = sorted(SINCE + chance.random() * (UNTIL - SINCE) for _ in range(chance.randint(0, 3)))
    starts, ends = [SINCE, *cuts], [*cuts, None]
    revisions, rows = [], []
    for start, end in zip(starts, ends, strict=True):
        cron = Cron(random_expression(chance, least=1, most=50), chance.choice(zones()))
        revisions.append(Revision(cron, start, end))
        due = fire_times(cron.expression, cron.timezone, start, end or UNTIL)
        rows += [(at, chance.choice(list(Fate))) for at in due]
    return revisions, rows


@patient
@given(seeds)
def test_a_whole_ledger_is_proven(seed: int) -> None:
    revisions, rows = history(random.Random(seed))
    found = verify(revisions, rows, SINCE, UNTIL)
    assert found.is_proven
    assert found.expected == found.rows == len(rows)
    assert sum(found.fates.values()) == len(rows)
    assert all(found.fates.get(fate, 0) == [f for _, f in rows].count(fate) for fate in Fate)


@patient
@given(seeds)
def test_any_part_of_a_whole_ledger_is_proven(seed: int) -> None:
    chance = random.Random(seed)
    revisions, rows = history(chance)
    since, until = sorted(SINCE + chance.random() * (UNTIL - SINCE) for _ in range(2))
    part = [row for row in rows if since < row[0] <= until]
    assert verify(revisions, part, since, until).is_proven


@patient
@given(seeds)
def test_every_planted_fault_is_found(seed: int) -> None:
    """Rows are dropped, doubled and made up; each is named, and the rest is not."""
    chance = random.Random(seed)
    revisions, rows = history(chance)
    assume(len(rows) >= 6)
    picked = chance.sample(range(len(rows)), 6)
    dropped = {rows[index][0] for index in picked[: chance.randint(0, 3)]}
    doubled = {rows[index][0] for index in picked[3 : 3 + chance.randint(0, 3)]}
    made_up = {
        at
        for _ in range(chance.randint(0, 3))
        if (at := SINCE + chance.random() * (UNTIL - SINCE)) not in dict(rows)
    }
    planted = [row for row in rows if row[0] not in dropped]
    planted += [row for row in rows if row[0] in doubled]
    planted += [(at, Fate.RAN) for at in made_up]
    found = verify(revisions, sorted(planted), SINCE, UNTIL)
    assert set(found.missing) == dropped
    assert set(found.doubled) == doubled
    assert set(found.unexpected) == made_up
    assert counts(found) == (len(dropped), len(doubled), len(made_up))
    assert found.is_proven == (not (dropped or doubled or made_up))
    assert found.expected == len(rows)
    assert found.rows == len(planted)


def counts(found: Verification) -> tuple[int, int, int]:
    return found.missing_count, found.doubled_count, found.unexpected_count


def test_all_faults_are_counted_and_the_first_are_named() -> None:
    hourly = [Revision(Cron("0 * * * *"), SINCE, None)]
    found = verify(hourly, [], SINCE, UNTIL)
    assert found.missing_count == 20 * 24
    assert found.missing == tuple(SINCE + timedelta(hours=n) for n in range(1, MAX_SHOWN + 1))


def test_a_row_three_times_counts_twice() -> None:
    hourly = [Revision(Cron("0 * * * *"), SINCE, None)]
    at = SINCE + timedelta(hours=1)
    found = verify(hourly, [(at, Fate.RAN)] * 3, SINCE, at)
    assert counts(found) == (0, 2, 0)


def test_the_first_instant_is_left_out_and_the_last_is_not() -> None:
    hourly = [Revision(Cron("0 * * * *"), SINCE - timedelta(days=1), None)]
    end = SINCE + timedelta(hours=2)
    found = verify(hourly, [], SINCE, end)
    assert found.missing == (SINCE + timedelta(hours=1), end)


def test_a_change_of_schedule_at_a_fire_time_leaves_it_to_the_one_before() -> None:
    noon = SINCE + timedelta(hours=12)
    revisions = [
        Revision(Cron("0 12 * * *"), SINCE, noon),
        Revision(Cron("0 12,13 * * *"), noon, None),
    ]
    rows = [(noon, Fate.RAN), (noon + timedelta(hours=1), Fate.RAN)]
    assert verify(revisions, rows, SINCE, SINCE + timedelta(days=1)).is_proven


def test_rows_of_a_deployment_that_never_had_a_schedule_are_unexpected() -> None:
    found = verify([], [(UNTIL, Fate.RAN)], SINCE, UNTIL)
    assert counts(found) == (0, 0, 1)
