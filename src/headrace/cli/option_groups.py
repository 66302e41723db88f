"""Options that belong together, written once and taken by several commands."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from headrace.cli.times import seconds_from_text
from headrace.core.retries import MAX_RETRIES
from headrace.core.schedules import Missed, Overlap

R = TypeVar("R")

CURRENT = "current"
NO_PROBE = "none"


def duration_option(*names: str, about: str) -> Any:
    """Return an option that takes a duration and gives its seconds."""
    return typer.Option(*names, metavar="DURATION", parser=seconds_from_text, help=about)


def version_from_text(text: str) -> int | str:
    """Return the number of a version, or ``current``.

    Raises:
        typer.BadParameter: The text is neither.
    """
    if text == CURRENT:
        return text
    if not text.isascii() or not text.isdigit():
        raise typer.BadParameter(f"{text!r} is no version: write its number, or {CURRENT}.")
    return int(text)


def probe_from_text(text: str) -> dict[str, Any] | str:
    """Return the inputs of a probe, or ``none``.

    Raises:
        typer.BadParameter: The text is no JSON object.
    """
    if text == NO_PROBE:
        return text
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no JSON: {error}.") from None
    if not isinstance(value, dict):
        raise typer.BadParameter(f'{text!r} is no JSON object, such as {{"x": 1}}.')
    return value


@dataclass(frozen=True)
class ScheduleOptions:
    """When a periodic deployment fires, and by which policies; None where nothing was given."""

    schedule: Annotated[
        str | None,
        typer.Option(metavar="CRON", help="When it fires: five cron fields, such as '0 3 * * *'."),
    ] = None
    timezone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="IANA name of its time zone, such as Europe/Paris."),
    ] = None
    missed: Annotated[
        Missed | None, typer.Option(help="What becomes of fire times that nobody noticed.")
    ] = None
    missed_window_s: Annotated[
        float | None,
        duration_option("--missed-window", about="How old one may be to be caught up."),
    ] = None
    overlap: Annotated[
        Overlap | None,
        typer.Option(help="What a fire time does while an execution has not ended."),
    ] = None
    jitter_s: Annotated[
        float | None,
        duration_option("--jitter", about="Act on fire times later by a fixed part of this."),
    ] = None


@dataclass(frozen=True)
class AttemptOptions:
    """How long an execution may take, and how often it is attempted again."""

    execution_timeout_s: Annotated[
        float | None, duration_option("--timeout", about="Longest time of one attempt.")
    ] = None
    retries: Annotated[
        int | None,
        typer.Option(
            min=0, max=MAX_RETRIES, help="How often a failed execution is attempted again."
        ),
    ] = None
    retry_backoff_s: Annotated[
        float | None,
        duration_option(
            "--retry-backoff",
            about="Time before the second attempt; doubled with each further one.",
        ),
    ] = None


@dataclass(frozen=True)
class PodOptions:
    """How the pods of a low-latency deployment are kept."""

    pods: Annotated[int | None, typer.Option(metavar="COUNT", help="How many pods it has.")] = None
    enable_parallel_executions: Annotated[
        bool | None,
        typer.Option("--parallel/--sequential", help="Whether a pod makes several calls at once."),
    ] = None
    max_parallel_executions_per_pod: Annotated[
        int | None,
        typer.Option("--max-parallel", metavar="COUNT", help="How many at once."),
    ] = None
    ram_request: Annotated[
        str | None,
        typer.Option("--ram", metavar="SIZE", help="Memory of one pod, such as 512MiB or 1GiB."),
    ] = None
    idle_timeout_s: Annotated[
        float | None,
        duration_option(
            "--idle-timeout", about="Time without a call after which no pod is kept; 0: never."
        ),
    ] = None
    max_queue: Annotated[
        int | None,
        typer.Option(metavar="COUNT", help="How many calls may wait; further ones get a 503."),
    ] = None


@dataclass(frozen=True)
class VersionOptions:
    """Which version a deployment runs, and what new pods of it have to do first."""

    pipeline_version: Annotated[
        str | None,
        typer.Option(
            "--version",
            metavar="VERSION",
            parser=version_from_text,
            help="Number of the version that it runs whatever is current; current: follow that.",
        ),
    ] = None
    probe: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            parser=probe_from_text,
            help="Inputs of a call that new pods have to pass first, as '{\"x\": 1}'; or none.",
        ),
    ] = None


def given(
    *groups: ScheduleOptions | AttemptOptions | PodOptions | VersionOptions,
) -> dict[str, Any]:
    """Return the given options as arguments of the SDK."""
    return {
        field.name: value
        for group in groups
        for field in fields(group)
        if (value := getattr(group, field.name)) is not None
    }


def with_groups(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command, for each parameter whose type is a group, the group's fields as options."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, type] = {}
    parameters = []
    for name, parameter in signature.parameters.items():
        kind = parameter.annotation
        if not (isinstance(kind, type) and is_dataclass(kind)):
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        groups[name] = kind
        hints = get_type_hints(kind, include_extras=True)
        parameters += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=hints[field.name],
            )
            for field in fields(kind)
        ]

    @functools.wraps(command)
    def expanded(**arguments: Any) -> R:
        for name, kind in groups.items():
            taken = {field.name: arguments.pop(field.name) for field in fields(kind)}
            arguments[name] = kind(**taken)
        return command(**arguments)

    # What Typer reads the options from.
    expanded.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return expanded
