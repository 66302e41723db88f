"""Commands about schedules: fire times to come, the ledger of the others, and a rehearsal."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from headrace.cli.completion import DeploymentName, MaybeDeploymentName
from headrace.cli.flags import JsonFlag
from headrace.cli.option_groups import duration_option
from headrace.cli.output import short_time
from headrace.cli.rehearsals import rehearsal_document, show_rehearsal
from headrace.cli.session import Session, session
from headrace.cli.tables import Column
from headrace.cli.times import both_times, day_from_text, duration_text, instant_from_text
from headrace.cli.usage import usage
from headrace.core.clock import now
from headrace.core.cron import read_cron, read_timezone
from headrace.core.rehearsal import rehearse
from headrace.core.schedules import Fate

schedules = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Show when periodic deployments fire, and prove what became of each fire time.",
)

From = Annotated[
    datetime | None,
    typer.Option(
        "--from",
        metavar="TIME",
        parser=instant_from_text,
        help="Fire times from this on: a day, or a time in ISO 8601; in UTC unless it says.",
    ),
]
To = Annotated[
    datetime | None,
    typer.Option("--to", metavar="TIME", parser=instant_from_text, help="And before this."),
]


@schedules.command("next")
def upcoming(
    context: typer.Context,
    name: DeploymentName,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 10,
    as_json: JsonFlag = False,
) -> None:
    """List the next fire times of a periodic deployment."""
    current = session(context, as_json)
    found = current.sdk.get_fire_times(name, count)
    fire_times = [datetime.fromisoformat(at) for at in found["fire_times"]]
    columns, rows = both_times(fire_times, ZoneInfo(found["timezone"]))
    current.screen.table(columns, rows, found, "There are none.")
    if not found["is_enabled"]:
        current.screen.note(f"{name} is disabled: until it is enabled, nothing is executed.")
    if found["offset_s"]:
        offset = duration_text(timedelta(seconds=found["offset_s"]))
        current.screen.note(f"Each is acted on {offset} later, by the deployment's jitter.")


@schedules.command("ledger")
def ledger(
    context: typer.Context,
    name: DeploymentName,
    since: From = None,
    until: To = None,
    fate: Annotated[
        Fate | None,
        typer.Option(help="Only fire times with this fate; failed: none could be recorded."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Show what became of each fire time, newest first."""
    current = session(context, as_json)
    # One more than is shown tells whether there are more.
    found = current.sdk.get_ledger(name, since, until, fate, limit + 1, with_status=True)
    shown = found[:limit]
    short = current.screen.ids(row["execution_id"] for row in shown if row["execution_id"])
    rows = [
        (
            current.screen.time(row["fire_at"]),
            row["fate"],
            current.screen.time(row["recorded_at"]),
            short[row["execution_id"]] if row["execution_id"] else None,
            row["execution_status"],
            row["detail"] or "",
        )
        for row in shown
    ]
    columns = (
        "FIRE TIME",
        "FATE",
        Column("RECORDED", "goes"),
        "EXECUTION",
        "STATUS",
        Column("DETAIL", "is cut"),
    )
    current.screen.table(columns, rows, shown, _no_such_fire_times(name, fate))
    if len(found) > limit:
        current.screen.note(f"There are more: --to {shown[-1]['fire_at']}, or a larger --limit.")


@schedules.command("verify")
def verify(
    context: typer.Context,
    name: MaybeDeploymentName = None,
    since: From = None,
    until: To = None,
    as_json: JsonFlag = False,
) -> None:
    """Prove that no fire time is missing or doubled.

    The ledger is compared with the schedule. Exit code 1 says that it is not proven.
    """
    current = session(context, as_json)
    found = current.sdk.verify_ledger(name, since, until)
    rows = [
        (
            item["deployment_name"],
            item["expected"],
            item["rows"],
            ", ".join(f"{fate} {count}" for fate, count in item["fates"].items()) or "-",
            "yes" if item["is_proven"] else "NO",
        )
        for item in found["deployments"]
    ]
    columns = (
        Column("DEPLOYMENT", "folds"),
        "FIRE TIMES",
        "ROWS",
        Column("FATES", "folds"),
        "PROVEN",
    )
    current.screen.table(columns, rows, found, "There never was a periodic deployment.")
    if not current.screen.as_json:
        _show_faults(current, found)
    if not found["is_proven"]:
        raise typer.Exit(1)


@schedules.command("rehearse")
def rehearse_schedule(
    context: typer.Context,
    expression: Annotated[
        str, typer.Argument(metavar="CRON", help="Five cron fields, such as '0 3 * * *'.")
    ],
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="IANA name of the time zone.")
    ] = "UTC",
    duration: Annotated[
        float | None,
        duration_option("--duration", about="How long an execution takes, to count overlaps."),
    ] = None,
    first_day: Annotated[
        date | None,
        typer.Option(
            "--from",
            metavar="DAY",
            parser=day_from_text,
            help="First day of the year.",
            show_default="today",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a schedule would do in a year.

    It needs no server, and nothing is deployed.
    """
    current = session(context, as_json)
    with usage("--timezone"):
        timezone = read_timezone(timezone)
    with usage("CRON"):
        cron = read_cron(expression, timezone)
    day = first_day or now().astimezone(ZoneInfo(cron.timezone)).date()
    with current.screen.activity("Rehearsing"), usage("--from or --duration"):
        rehearsal = rehearse(cron, day, None if duration is None else timedelta(seconds=duration))
    if current.screen.as_json:
        current.screen.document(rehearsal_document(rehearsal))
    else:
        show_rehearsal(current.screen, rehearsal)


def _no_such_fire_times(name: str, fate: Fate | None) -> str:
    if fate is not Fate.FAILED:
        return "There are no such fire times."
    return (
        "There are none for which no execution could be recorded. Executions that failed: "
        f"headrace executions list --deployment {name} --status Failed --status Error"
    )


def _show_faults(current: Session, found: dict[str, Any]) -> None:
    for item in found["deployments"]:
        for fault, about in (
            ("missing", "without a row"),
            ("doubled", "with more than one row"),
            ("unexpected", "with a row, though the schedule has none then"),
        ):
            count = item[f"{fault}_count"]
            if not count:
                continue
            times = ", ".join(str(short_time(at)) for at in item[fault])
            more = ", …" if count > len(item[fault]) else ""
            current.screen.say(f"{item['deployment_name']}: {count} {about}: {times}{more}", found)
