"""What ``headrace replay`` and ``headrace cancel`` have in common: which executions, and a yes."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from headrace.cli.completion import DeploymentOption, PipelineOption
from headrace.cli.execution_filters import ByUser, OfRule, OfText, Since, Until
from headrace.cli.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NO_SERVER
from headrace.cli.output import Screen
from headrace.cli.terminal import is_terminal
from headrace.cli.usage import WrongUsage
from headrace.client.bulk import PARALLEL
from headrace.client.chosen_executions import MAX_PARALLEL
from headrace.client.replays import Many


@dataclass(frozen=True)
class Which:
    """Which executions are meant."""

    deployment: DeploymentOption = None
    pipeline: PipelineOption = None
    since: Since = None
    until: Until = None
    of_version: Annotated[
        int | None,
        typer.Option(
            "--of-version", min=1, metavar="NUMBER", help="Only those that had this version."
        ),
    ] = None
    by: ByUser = None
    rule: OfRule = None
    text: OfText = None
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None


@dataclass(frozen=True)
class How:
    """How they are dealt with."""

    parallel: Annotated[
        int,
        typer.Option(
            min=1, max=MAX_PARALLEL, metavar="COUNT", help="How many are under way at a time."
        ),
    ] = PARALLEL
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; do it.")] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False


def check_which(which: Which, how: How) -> None:
    """Refuse a command that names nothing, or that nobody can be asked about.

    Raises:
        WrongUsage: It is one of these.
    """
    if which.deployment is None and which.pipeline is None:
        raise WrongUsage("Name what is meant: give --deployment or --pipeline.")
    if not (how.yes or how.dry_run or is_terminal(sys.stdin)):
        raise WrongUsage("Nobody can be asked here: give --yes, or look first with --dry-run.")


def is_agreed(screen: Screen, question: str, how: How) -> bool:
    """Ask on the terminal whether to go on, unless the command said so."""
    if how.yes:
        return True
    # Not by Typer, which writes to stdout in any case.
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    agreed = sys.stdin.readline().strip().lower() in {"y", "yes"}
    if not agreed:
        screen.note("Nothing was done.")
    return agreed


def command_again(
    command: str, which: Which, how: How, until: datetime | None, more: list[str]
) -> str:
    """Return the command that goes on with the same executions, whenever it is typed."""
    words = ["headrace", command]
    for option, value in (
        ("--deployment", which.deployment),
        ("--pipeline", which.pipeline),
        ("--since", which.since and which.since.isoformat()),
        ("--until", until and until.isoformat()),
        ("--of-version", which.of_version),
        ("--by", which.by),
        ("--rule", which.rule and which.rule.value),
        ("--text", which.text),
        ("--parallel", how.parallel if how.parallel != PARALLEL else None),
    ):
        if value is not None:
            words += [option, str(value)]
    return shlex.join([*words, *more, "--yes"])


def exit_after(screen: Screen, many: Many, again: str, *, has_failures: bool) -> None:
    """Say what goes on where a batch ended before its end, and exit with what became of it.

    Raises:
        typer.Exit: Not all of it was done, or not all succeeded.
    """
    if many.error is not None or many.is_interrupted:
        screen.note(f"What was not started goes on by: {again}")
    if many.error is not None:
        screen.note(f"Error: {many.error.message}")
        raise typer.Exit(EXIT_NO_SERVER)
    if many.is_interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
    if has_failures:
        raise typer.Exit(EXIT_FAILED)
