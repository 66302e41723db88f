"""Commands about the server itself: pause it, resume it, see how it is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from headrace.cli.activities import print_failures
from headrace.cli.exits import EXIT_FAILED
from headrace.cli.flags import JsonFlag
from headrace.cli.output import Screen
from headrace.cli.session import session
from headrace.cli.times import since_from_text
from headrace.client.environment import DEFAULT_WAIT_S

Timeout = Annotated[
    float, typer.Option("--timeout", min=0, metavar="SECONDS", help="How long to wait at most.")
]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Begin it, and do not wait.")]
FailedSince = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="TIME",
        parser=since_from_text,
        help="From when on failures are shown: how long ago, such as 2h or 1d12h, a day, or a time "
        "in ISO 8601.  [default: 24h]",
    ),
]

_WORDS = {
    "ready": "ready",
    "pausing-step-1": "pausing: takes no work, what runs ends by itself",
    "pausing-step-2": "pausing: takes no work, nothing runs, pods are being released",
    "standby": "paused: takes no work",
    "resuming-step-1": "resuming: takes no work yet",
    "resuming-step-2": "takes work; pods are coming back",
}


def pause(
    context: typer.Context,
    timeout_s: Timeout = DEFAULT_WAIT_S,
    detach: Detach = False,
    as_json: JsonFlag = False,
) -> None:
    """Pause the server: it keeps everything, and takes no work until it is resumed.

    Executions that run end by themselves, and are waited for; those that are pending stay so.
    """
    current = session(context, as_json)
    with current.screen.activity("Pausing: waiting for what runs to end"):
        found = current.sdk.pause_environment(0 if detach else timeout_s)
    _print_status(current.screen, current.sdk.base_environment_url, found)


def resume(
    context: typer.Context,
    timeout_s: Timeout = DEFAULT_WAIT_S,
    detach: Detach = False,
    as_json: JsonFlag = False,
) -> None:
    """Resume a server that is paused, or about to be."""
    current = session(context, as_json)
    with current.screen.activity("Resuming: waiting for the pods"):
        found = current.sdk.resume_environment(0 if detach else timeout_s)
    _print_status(current.screen, current.sdk.base_environment_url, found)


def status(context: typer.Context, since: FailedSince = None, as_json: JsonFlag = False) -> None:
    """Show whether the server takes work, how its parts are, and what failed since yesterday.

    Failures of one deployment, or of the runs of a pipeline, for one reason are one line. The exit
    code is 1 if a part of the server is not well; one that is paused is well.
    """
    current = session(context, as_json)
    found = current.sdk.get_environment()
    health = current.sdk.get_health()
    activity = current.sdk.get_activity(since)
    found["activity"] = activity
    _print_status(current.screen, current.sdk.base_environment_url, found, health)
    if not as_json:
        print_failures(current.screen, activity)
    if any(part["status"] != "ok" for part in health.values()):
        raise typer.Exit(EXIT_FAILED)


def _print_status(
    screen: Screen, url: str, found: dict[str, Any], health: dict[str, Any] | None = None
) -> None:
    state = found["environment_status"]
    pairs = [
        ("server", url),
        ("version", found["version"]),
        ("status", _WORDS.get(state, state)),
        ("since", screen.time(found["environment_status_updated_at"])),
        ("running", found["running"]),
        ("pending", found["pending"]),
    ]
    if health is None:
        screen.fields(pairs, found)
        return
    shown = [(name, _part(part)) for name, part in health.items() if name != "environment"]
    screen.fields(pairs + shown, found | {"health": health})


def _part(part: dict[str, str]) -> str:
    text = part["info"] if part["status"] == "ok" else f"NOT WELL: {part['error']}"
    return f"{text} ({part['detail']})" if "detail" in part else text
