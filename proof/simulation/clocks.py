"""Every clock change of a zone: the product's instants beside those of the oracle."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from proof.simulation.expressions import random_expression
from proof.simulation.oracle import clock_changes, fire_times, walked
from proof.simulation.rules import Violation

from headrace.core.cron import read_cron

AROUND = timedelta(hours=30)
WALKED = timedelta(hours=3)
EXPRESSIONS = 6


def compare_changes(seed: int, zone: str, first_year: int, last_year: int) -> int:
    """Compare the fire times around all clock changes; return how many there were.

    Args:
        seed: What all chance comes from, together with the zone.
        zone: Name of the zone.
        first_year: From its beginning.
        last_year: To its end.

    Raises:
        Violation: With the expression, the change, and what is different.
    """
    chance = random.Random(f"changes {seed} {zone}")
    done = 0
    for change in clock_changes(zone, first_year, last_year):
        for number in range(EXPRESSIONS):
            expression = aimed(chance, zone, change)
            if number == 0:
                expression = random_expression(chance, least=0.5)
            done += _compare(chance, expression, zone, change, walks=number < 2)
    return done


def aimed(chance: random.Random, zone: str, change: datetime) -> str:
    """Return an expression for the hours around a clock change, as clocks show them."""
    walls = [
        (change + timedelta(minutes=chance.uniform(-70, 70))).astimezone(ZoneInfo(zone))
        + timedelta(minutes=chance.choice([-60, -30, 0, 0, 30, 60]))
        for _ in range(chance.randint(1, 3))
    ]
    minute = chance.choice(["0", "0,15,30,45", "*/20", "*", str(chance.randrange(60))])
    hour = ",".join(str(wall.hour) for wall in walls)
    return f"{minute} {chance.choice([hour, hour, '*'])} * * *"


def _compare(
    chance: random.Random, expression: str, zone: str, change: datetime, *, walks: bool
) -> int:
    cron = read_cron(expression, zone)
    since, until = change - AROUND, change + AROUND
    wanted = fire_times(expression, zone, since, until)
    got = list(cron.fire_times(since, until))
    where = f"{expression!r} in {zone} at {change}"
    _require_same(got, wanted, where)
    start = change + timedelta(minutes=chance.uniform(-150, 150))
    later = [at for at in wanted if at > start]
    _require_same(list(cron.fire_times(start, until)), later, f"{where} from {start}")
    if walks:
        since, until = change - WALKED, change + WALKED
        seen = walked(expression, zone, since, until)
        _require_same([at for at in got if since < at <= until], seen, f"{where}, watched")
    return len(got)


def _require_same(got: list[datetime], wanted: list[datetime], where: str) -> None:
    if got != wanted:
        extra = [str(at) for at in got if at not in wanted]
        lacking = [str(at) for at in wanted if at not in got]
        raise Violation(f"{where}: {extra[:3]} too many, {lacking[:3]} too few")
