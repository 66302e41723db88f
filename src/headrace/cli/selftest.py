"""The command that tests an installation on its machine."""

from __future__ import annotations

import importlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.flags import JsonFlag
from headrace.cli.operate import server
from headrace.cli.session import session

SELFTEST = "headrace.selftest.short"
"""Loaded by name, because only this command needs it."""

MAX_FAULTS = 5


def selftest(
    context: typer.Context,
    kills: Annotated[int, typer.Option(min=1, max=1000, help="How often to kill the server.")] = 4,
    seed: Annotated[
        int | None, typer.Option(help="Repeat the moments of an earlier test; each prints its own.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Where to make the temporary data directory: a folder on the disk to be tested.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Prove on this machine that a server that is killed loses nothing.

    Starts a server of its own in a temporary folder, uses it, kills it at random moments, and then
    compares what clients were told and what schedules demand with what is on record. Servers that
    run here are left alone.
    """
    screen = session(context, as_json).screen
    server()  # Says so in words if it is not installed.

    def say(line: object) -> None:
        if screen.as_json:
            return
        known = asdict(line)  # type: ignore[call-overload]  # the lines of the report
        print(f"{known['state']:<7} {known['text']}", flush=True)
        for fault in known["faults"][:MAX_FAULTS]:
            print(f"        {fault}", flush=True)

    report = importlib.import_module(SELFTEST).run(kills=kills, seed=seed, folder=folder, say=say)
    verdict = "Nothing was lost." if report.is_proven else "Something is wrong: see above."
    screen.say(f"{verdict} (seed {report.seed})", asdict(report) | {"is_proven": report.is_proven})
    raise typer.Exit(0 if report.is_proven else 1)
