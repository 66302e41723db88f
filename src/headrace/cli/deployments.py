"""Commands about deployments."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer

from headrace.cli.connections import (
    DESTINATION_SYNTAX,
    SOURCE_SYNTAX,
    connection_text,
    destination_from_text,
    source_from_text,
)
from headrace.cli.option_groups import AttemptOptions, ScheduleOptions, given, with_groups
from headrace.cli.output import Cell, short_time
from headrace.cli.parameters import usage
from headrace.cli.session import JsonFlag, session
from headrace.cli.times import duration_text, local_text, utc_text
from headrace.client.mappings import InputSource, OutputDestination
from headrace.core.values import DataType

deployments = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Create, show, change and delete deployments."
)

_Rule = Literal["endpoint", "periodic"]
DEFAULT_RULE = "periodic if it has a schedule, else endpoint"

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the deployment.")]
Sources = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="NAME=SOURCE", help=f"{SOURCE_SYNTAX}; repeatable."),
]
Destinations = Annotated[
    list[str] | None,
    typer.Option(
        "--output", "-o", metavar="NAME=DESTINATION", help=f"{DESTINATION_SYNTAX}; repeatable."
    ),
]


@deployments.command("create")
@with_groups
def create(
    context: typer.Context,
    name: Name,
    pipeline: Annotated[str, typer.Option(help="The pipeline that it runs.")],
    *,
    rule: Annotated[
        _Rule | None,
        typer.Option(help="What starts its executions.", show_default=DEFAULT_RULE),
    ] = None,
    inputs: Sources = None,
    outputs: Destinations = None,
    schedule: ScheduleOptions,
    attempts: AttemptOptions,
    url_path: Annotated[str | None, typer.Option(help="Last segment of the URL.")] = None,
    endpoint_token: Annotated[
        str | None, typer.Option(help="The endpoint's token; one is made unless given.")
    ] = None,
    disabled: Annotated[
        bool, typer.Option("--disabled", help="Create it so that it takes no executions yet.")
    ] = False,
    description: Annotated[str | None, typer.Option(help="Free text.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a pipeline an HTTP endpoint or a periodic job; print how it is called, or when it fires.

    Inputs and outputs of an endpoint that are not mapped are sent and answered under their own
    names. A periodic deployment needs all of them mapped.
    """
    current = session(context, as_json)
    declared = current.sdk.get_pipeline(pipeline)["parameters"]["inputs"]
    sources, destinations = _mapping(
        inputs, outputs, {item["name"]: DataType(item["data_type"]) for item in declared}
    )
    if rule is None:
        rule = "periodic" if given(schedule) else "endpoint"
    made = current.sdk.create_deployment(
        pipeline,
        name,
        rule,
        inputs_mapping=sources,
        outputs_mapping=destinations,
        endpoint_url_path=url_path,
        endpoint_token=endpoint_token,
        description=description,
        is_enabled=False if disabled else None,
        **given(schedule, attempts),
    )
    if disabled:
        current.screen.note(f"It is disabled: headrace deployments update {name} --enable")
    if rule == "periodic":
        current.screen.fields(schedule_pairs(made), made)
        return
    pairs = [
        ("url", made["endpoint_url"]),
        ("token", made["endpoint_token"]),
        ("page", f"{made['endpoint_url']}/docs"),
    ]
    current.screen.fields(pairs, made)


@deployments.command("list")
def list_all(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List all deployments."""
    current = session(context, as_json)
    found = current.sdk.list_deployments()
    rows = [
        (
            item["name"],
            item["pipeline_name"],
            item["execution_rule"],
            item["status"],
            short_time(item.get("next_fire_at")),
            short_time(item["created_at"]),
        )
        for item in found
    ]
    columns = ("NAME", "PIPELINE", "RULE", "STATUS", "NEXT FIRE TIME", "CREATED")
    current.screen.table(columns, rows, found, "There are no deployments.")


@deployments.command("show")
def show(context: typer.Context, name: Name, as_json: JsonFlag = False) -> None:
    """Show a deployment: where its inputs come from and its outputs go, how it starts."""
    current = session(context, as_json)
    found = current.sdk.get_deployment(name)
    pairs: list[tuple[str, Cell]] = [
        ("name", found["name"]),
        ("pipeline", found["pipeline"]["name"]),
        ("rule", found["execution_rule"]),
        ("mode", found["mode"]),
        ("status", found["status"]),
        ("description", found["description"]),
    ]
    if found["execution_rule"] == "periodic":
        pairs += schedule_pairs(found)
    else:
        pairs += [("url", found["endpoint_url"]), ("token", found["endpoint_token"])]
    pairs += [
        ("timeout", _seconds(found["execution_timeout_s"])),
        ("retries", _retries(found)),
        ("created", short_time(found["created_at"])),
        ("last execution", found["last_execution_id"]),
    ]
    pairs += [
        ("input", f"{item['pipeline_input_name']}={connection_text(item)}")
        for item in found["inputs_mapping"]
    ]
    pairs += [
        ("output", f"{item['pipeline_output_name']}={connection_text(item)}")
        for item in found["outputs_mapping"]
    ]
    current.screen.fields(pairs, found)


@deployments.command("update")
@with_groups
def update(
    context: typer.Context,
    name: Name,
    *,
    enable: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it takes executions.")
    ] = None,
    inputs: Sources = None,
    outputs: Destinations = None,
    schedule: ScheduleOptions,
    attempts: AttemptOptions,
    as_json: JsonFlag = False,
) -> None:
    """Enable or disable a deployment, change its schedule, its constants or data store paths.

    What is not given stays as it is. Of a mapping, only values can change.
    """
    current = session(context, as_json)
    options = given(schedule, attempts)
    if enable is None and not (options or inputs or outputs):
        raise typer.BadParameter(
            "nothing is to be changed: give at least one of them", param_hint="options"
        )
    mapping = current.sdk.get_deployment(name)["inputs_mapping"]
    sources, destinations = _mapping(
        inputs,
        outputs,
        {item["pipeline_input_name"]: DataType(item["data_type"]) for item in mapping},
    )
    changed = current.sdk.update_deployment(
        name,
        is_enabled=enable,
        inputs_mapping=sources or None,
        outputs_mapping=destinations or None,
        **options,
    )
    said = f"Deployment {name} is {changed['status']}."
    if changed["is_enabled"] and changed.get("next_fire_times"):
        at = _fire_time(changed["next_fire_times"][0], changed["timezone"])
        said += f" It fires next on {at}."
    current.screen.say(said, changed)


@deployments.command("token")
def token(
    context: typer.Context,
    name: Name,
    chosen: Annotated[
        str | None, typer.Option("--set", help="The new token; one is made unless given.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Give an endpoint another token and print it; the old one is void at once."""
    current = session(context, as_json)
    renewed = current.sdk.generate_new_endpoint_token(name, chosen)
    current.screen.say(renewed["endpoint_token"], renewed)


@deployments.command("delete")
def delete(context: typer.Context, name: Name, as_json: JsonFlag = False) -> None:
    """Delete a deployment; its executions stay."""
    current = session(context, as_json)
    deleted = current.sdk.delete_deployment(name)
    current.screen.say(f"Deleted deployment {name}.", deleted)


def schedule_pairs(found: dict[str, Any]) -> list[tuple[str, Cell]]:
    """Return when a periodic deployment fires, for a person."""
    return [
        ("schedule", found["schedule"]),
        ("which means", found["human_readable_schedule"]),
        ("timezone", found["timezone"]),
        ("missed", _missed(found)),
        ("overlap", found["overlap"]),
        ("jitter", _seconds(found["jitter_s"])),
        *(("fires at", _fire_time(at, found["timezone"])) for at in found["next_fire_times"]),
    ]


def _fire_time(text: str, timezone: str) -> str:
    at = datetime.fromisoformat(text)
    local = local_text(at, ZoneInfo(timezone))
    return local if timezone == "UTC" else f"{local} ({utc_text(at)})"


def _mapping(
    inputs: list[str] | None, outputs: list[str] | None, types: dict[str, DataType]
) -> tuple[list[InputSource], list[OutputDestination]]:
    with usage("--input"):
        sources = [source_from_text(text, types) for text in inputs or ()]
    with usage("--output"):
        destinations = [destination_from_text(text) for text in outputs or ()]
    return sources, destinations


def _missed(found: dict[str, Any]) -> str:
    policy: str = found["missed"]
    return policy if policy == "skip" else f"{policy}, up to {_seconds(found['missed_window_s'])}"


def _retries(found: dict[str, Any]) -> str:
    most: int = found["retries"]
    return f"{most}, the first after {_seconds(found['retry_backoff_s'])}" if most else "none"


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else duration_text(timedelta(seconds=seconds))
