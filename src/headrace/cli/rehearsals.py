"""How a rehearsal of a schedule is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from headrace.cli.output import Screen
from headrace.cli.times import both_times, duration_text, local_text, utc_text
from headrace.core.clock_changes import AffectedTime, ClockChange, Effect
from headrace.core.rehearsal import Gap, PolicyOutcome, Rehearsal
from headrace.core.schedules import Overlap


def show_rehearsal(screen: Screen, rehearsal: Rehearsal) -> None:
    """Print a rehearsal for a person."""
    zone = ZoneInfo(rehearsal.cron.timezone)
    screen.fields(
        [
            ("schedule", rehearsal.cron.expression),
            ("which means", rehearsal.cron.description),
            ("timezone", rehearsal.cron.timezone),
            ("from", local_text(rehearsal.since, zone)),
            ("to", local_text(rehearsal.until, zone)),
            ("fire times", f"{rehearsal.count:,}"),
            ("shortest gap", _gap(rehearsal.shortest, zone)),
            ("longest gap", _gap(rehearsal.longest, zone)),
        ],
        None,
    )
    _table(screen, *both_times(rehearsal.upcoming, zone))
    _table(screen, ("MONTH", "FIRE TIMES"), rehearsal.months)
    screen.say("", None)
    if not rehearsal.changes:
        screen.say(f"Clocks are not changed in {zone.key} in this year.", None)
    for change in rehearsal.changes:
        for line in _change_lines(change, zone):
            screen.say(line, None)
    if rehearsal.duration is not None:
        _show_overlaps(screen, rehearsal, rehearsal.duration)


def rehearsal_document(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return a rehearsal for a program."""
    zone = ZoneInfo(rehearsal.cron.timezone)
    overlaps = None
    if rehearsal.duration is not None:
        overlaps = {
            "duration_s": rehearsal.duration.total_seconds(),
            "overlapping": rehearsal.overlapping,
            "policies": {outcome.policy.value: _policy(outcome) for outcome in rehearsal.outcomes},
        }
    return {
        "schedule": rehearsal.cron.expression,
        "human_readable_schedule": rehearsal.cron.description,
        "timezone": rehearsal.cron.timezone,
        "from": _iso(rehearsal.since),
        "to": _iso(rehearsal.until),
        "fire_times": rehearsal.count,
        "months": dict(rehearsal.months),
        "next_fire_times": [
            {"utc": _iso(at), "local": at.astimezone(zone).isoformat()} for at in rehearsal.upcoming
        ],
        "clock_changes": [_clock_change(change) for change in rehearsal.changes],
        "shortest_gap": _gap_fields(rehearsal.shortest),
        "longest_gap": _gap_fields(rehearsal.longest),
        "overlaps": overlaps,
    }


def _table(screen: Screen, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    screen.say("", None)
    screen.table(columns, rows, None, "")


def _gap(gap: Gap | None, zone: ZoneInfo) -> str | None:
    if gap is None:
        return None
    return f"{duration_text(gap.length)}, after {local_text(gap.since, zone)}"


def _change_lines(change: ClockChange, zone: ZoneInfo) -> Iterator[str]:
    """Describe the effects of a change of the clocks, equal ones together."""
    way = "forward" if change.after > change.before else "back"
    times = f"{change.fire_times:,} fire time{'s' * (change.fire_times != 1)}"
    # Where the date line is crossed, a whole day goes by.
    form = "%H:%M" if change.before.date() == change.after.date() else "%Y-%m-%d %H:%M"
    yield (
        f"{change.day:%a %Y-%m-%d}: clocks go {way} from {change.before:{form}} to "
        f"{change.after:{form}} at {utc_text(change.at)}; {times} on that day"
    )
    if not change.affected:
        what = "skipped" if way == "forward" else "repeated"
        yield f"  no time of the schedule is {what}"
    for effect, group in groupby(change.affected, key=lambda item: item.effect):
        items = list(group)
        if len(items) <= 3:
            yield from (f"  {_effect_text(item, zone)}" for item in items)
        else:
            first, last = items[0].wall, items[-1].wall
            yield f"  {first:%H:%M} to {last:%H:%M} ({len(items)} times): {_SHORT[effect]}"


_SHORT = {
    Effect.SKIPPED: "skipped, nothing fires",
    Effect.AT_THE_CHANGE: "skipped; all together fire once, at the change",
    Effect.ONCE: "come twice, fire the first time only",
    Effect.TWICE: "come twice, fire both times",
}


def _effect_text(item: AffectedTime, zone: ZoneInfo) -> str:
    instants = " and ".join(f"{local_text(at, zone)} ({utc_text(at)})" for at in item.fire_times)
    match item.effect:
        case Effect.SKIPPED:
            text = "skipped, nothing fires"
        case Effect.AT_THE_CHANGE:
            text = f"skipped, fires at the change: {instants}"
        case Effect.ONCE:
            text = f"comes twice, fires the first time only: {instants}"
        case _:
            text = f"comes twice, fires both times: {instants}"
    return f"{item.wall:%H:%M} {text}"


def _show_overlaps(screen: Screen, rehearsal: Rehearsal, duration: timedelta) -> None:
    screen.say("", None)
    start = f"If each execution takes {duration_text(duration)}, "
    if not rehearsal.overlapping:
        screen.say(f"{start}it has ended before the next fire time.", None)
        return
    screen.say(
        f"{start}{rehearsal.overlapping:,} of {rehearsal.count:,} fire times come before the "
        "execution of the one before has ended.",
        None,
    )
    rows = [(outcome.policy.value, _outcome_text(outcome)) for outcome in rehearsal.outcomes]
    _table(screen, ("OVERLAP", "WHAT HAPPENS"), rows)


def _outcome_text(outcome: PolicyOutcome) -> str:
    text = f"{outcome.started:,} start"
    match outcome.policy:
        case Overlap.PARALLEL:
            return f"{text}, {outcome.most_at_once:,} at once at most"
        case Overlap.SKIP:
            return f"{text}, {outcome.skipped:,} are skipped"
        case Overlap.QUEUE_ONE:
            wait = f" (up to {duration_text(outcome.longest_wait)})" if outcome.waited else ""
            return f"{text}, {outcome.waited:,} of them late{wait}, {outcome.skipped:,} are skipped"
        case _:
            return f"{text}, {outcome.cancelled:,} of them are cancelled by the next"


def _policy(outcome: PolicyOutcome) -> dict[str, Any]:
    return {
        "started": outcome.started,
        "waited": outcome.waited,
        "longest_wait_s": outcome.longest_wait.total_seconds(),
        "skipped": outcome.skipped,
        "cancelled": outcome.cancelled,
        "most_at_once": outcome.most_at_once,
    }


def _clock_change(change: ClockChange) -> dict[str, Any]:
    return {
        "day": change.day.isoformat(),
        "at": _iso(change.at),
        "clocks_from": change.before.isoformat(),
        "clocks_to": change.after.isoformat(),
        "fire_times": change.fire_times,
        "affected": [
            {
                "time": item.wall.isoformat(),
                "effect": item.effect.value,
                "fire_times": [_iso(at) for at in item.fire_times],
            }
            for item in change.affected
        ],
    }


def _gap_fields(gap: Gap | None) -> dict[str, Any] | None:
    if gap is None:
        return None
    return {
        "seconds": gap.length.total_seconds(),
        "from": _iso(gap.since),
        "to": _iso(gap.since + gap.length),
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
