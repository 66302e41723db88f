"""Commands about deployments."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from headrace.cli.attached import (
    AttachOption,
    DetachOption,
    attached_files,
    attached_pairs,
)
from headrace.cli.completion import DeploymentName, OfPipeline
from headrace.cli.connections import (
    DESTINATION_SYNTAX,
    SOURCE_SYNTAX,
    mapping_from_texts,
)
from headrace.cli.deployment_fields import (
    COLUMNS,
    fire_time_text,
    health_pairs,
    health_text,
    mapping_pairs,
    pod_pairs,
    retries_text,
    schedule_pairs,
    seconds_text,
    show_plan,
    version_text,
    with_pod,
)
from headrace.cli.flags import DryRun, Force, JsonFlag, Timestamps
from headrace.cli.option_groups import (
    AttemptOptions,
    PodOptions,
    ScheduleOptions,
    VersionOptions,
    given,
    with_groups,
)
from headrace.cli.output import Cell, Screen, short_time
from headrace.cli.session import session
from headrace.core.deployments import Mode
from headrace.core.values import DataType

deployments = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Create, show, change and delete deployments."
)

_Rule = Literal["endpoint", "periodic"]
DEFAULT_RULE = "periodic if it has a schedule, else endpoint"

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
    name: DeploymentName,
    pipeline: OfPipeline,
    *,
    rule: Annotated[
        _Rule | None,
        typer.Option(help="What starts its executions.", show_default=DEFAULT_RULE),
    ] = None,
    inputs: Sources = None,
    outputs: Destinations = None,
    schedule: ScheduleOptions,
    attempts: AttemptOptions,
    mode: Annotated[
        Mode, typer.Option(help="A process for each execution, or pods that stay.")
    ] = Mode.ELASTIC,
    pods: PodOptions,
    version: VersionOptions,
    url_path: Annotated[str | None, typer.Option(help="Last segment of the URL.")] = None,
    endpoint_token: Annotated[
        str | None, typer.Option(help="The endpoint's token; one is made unless given.")
    ] = None,
    disabled: Annotated[
        bool, typer.Option("--disabled", help="Create it so that it takes no executions yet.")
    ] = False,
    description: Annotated[str | None, typer.Option(help="Free text.")] = None,
    attach: AttachOption = None,
    dry_run: DryRun = False,
    as_json: JsonFlag = False,
) -> None:
    """Make a pipeline an HTTP endpoint or a periodic job; print how it is called, or when it fires.

    Inputs and outputs of an endpoint that are not mapped are sent and answered under their own
    names. A periodic deployment needs all of them mapped.
    """
    current = session(context, as_json)
    declared = current.sdk.get_pipeline(pipeline)["parameters"]["inputs"]
    sources, destinations = mapping_from_texts(
        inputs, outputs, {item["name"]: DataType(item["data_type"]) for item in declared}
    )
    if rule is None:
        rule = "periodic" if given(schedule) else "endpoint"
    with current.screen.activity(f"{'Checking' if dry_run else 'Creating'} {name}"):
        made = current.sdk.create_deployment(
            pipeline,
            name,
            rule,
            mode,
            inputs_mapping=sources,
            outputs_mapping=destinations,
            endpoint_url_path=url_path,
            endpoint_token=endpoint_token,
            description=description,
            is_enabled=False if disabled else None,
            attach=attached_files(attach),
            dry_run=dry_run,
            **given(schedule, attempts, pods, version),
        )
    if dry_run:
        show_plan(current.screen, made)
        return
    _show_created(current.screen, made)


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
            item["mode"],
            item["status"],
            health_text(item["health"]),
            current.screen.time(item.get("next_fire_at")),
            current.screen.time(item["created_at"]),
        )
        for item in found
    ]
    current.screen.table(COLUMNS, rows, found, "There are no deployments.")


@deployments.command("show")
def show(context: typer.Context, name: DeploymentName, as_json: JsonFlag = False) -> None:
    """Show a deployment: where its inputs come from and its outputs go, how it starts."""
    current = session(context, as_json)
    found = current.sdk.get_deployment(name)
    pairs: list[tuple[str, Cell]] = [
        ("name", found["name"]),
        ("pipeline", found["pipeline"]["name"]),
        ("version", version_text(found)),
        ("rule", found["execution_rule"]),
        ("mode", found["mode"]),
        ("status", found["status"]),
        *health_pairs(found["health"]),
        ("description", found["description"]),
    ]
    if found["execution_rule"] == "periodic":
        pairs += schedule_pairs(found)
    else:
        pairs += [("url", found["endpoint_url"]), ("token", found["endpoint_token"])]
    if found["mode"] == Mode.LOW_LATENCY:
        pairs += pod_pairs(found)
    pairs += [
        ("timeout", seconds_text(found["execution_timeout_s"])),
        ("retries", retries_text(found)),
        ("created", short_time(found["created_at"])),
        ("last execution", found["last_execution_id"]),
        *attached_pairs(found),
    ]
    current.screen.fields([*pairs, *mapping_pairs(found)], found)


@deployments.command("update")
@with_groups
def update(
    context: typer.Context,
    name: DeploymentName,
    *,
    enable: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it takes executions.")
    ] = None,
    inputs: Sources = None,
    outputs: Destinations = None,
    schedule: ScheduleOptions,
    attempts: AttemptOptions,
    pods: PodOptions,
    version: VersionOptions,
    replace_pods: Annotated[
        bool, typer.Option("--replace-pods", help="Start new pods in place of those there are.")
    ] = False,
    attach: AttachOption = None,
    detach: DetachOption = None,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: JsonFlag = False,
) -> None:
    """Enable or disable a deployment, change its schedule, its pods, or values of its mapping.

    What is not given stays as it is. Of a mapping, only constants and data store paths can change.
    """
    attached = attached_files(attach, detach)
    current = session(context, as_json)
    options = given(schedule, attempts, pods, version)
    if attached:
        options["attach"] = attached
    if replace_pods:
        options["replace_pods"] = True
    if enable is None and not (options or inputs or outputs):
        raise typer.BadParameter(
            "nothing is to be changed: give at least one of them", param_hint="options"
        )
    mapping = current.sdk.get_deployment(name)["inputs_mapping"]
    sources, destinations = mapping_from_texts(
        inputs,
        outputs,
        {item["pipeline_input_name"]: DataType(item["data_type"]) for item in mapping},
    )
    with current.screen.activity(f"Changing {name}"):
        changed = current.sdk.update_deployment(
            name,
            is_enabled=enable,
            inputs_mapping=sources or None,
            outputs_mapping=destinations or None,
            force=force,
            dry_run=dry_run,
            **options,
        )
    if dry_run:
        show_plan(current.screen, changed)
        return
    said = f"Deployment {name} is {changed['status']}."
    if changed["is_enabled"] and changed.get("next_fire_times"):
        at = fire_time_text(changed["next_fire_times"][0], changed["timezone"])
        said += f" It fires next on {at}."
    current.screen.say(said, changed)
    if changed.get("failure"):
        current.screen.note(f"No new pod could be started: {changed['failure']['message']}")


@deployments.command("logs")
def logs(
    context: typer.Context,
    name: DeploymentName,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until it is deleted.")
    ] = False,
    timestamps: Timestamps = False,
    as_json: JsonFlag = False,
) -> None:
    """Print what the pods of a deployment said outside of executions."""
    current = session(context, as_json)
    lines = current.sdk.iter_deployment_logs(name, follow=follow)
    current.screen.log(lines if as_json else map(with_pod, lines), timestamps=timestamps)


@deployments.command("token")
def token(
    context: typer.Context,
    name: DeploymentName,
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
def delete(context: typer.Context, name: DeploymentName, as_json: JsonFlag = False) -> None:
    """Delete a deployment; its executions stay."""
    current = session(context, as_json)
    deleted = current.sdk.delete_deployment(name)
    current.screen.say(f"Deleted deployment {name}.", deleted)


def _show_created(screen: Screen, made: dict[str, Any]) -> None:
    """Print how a new deployment is called, or when it fires."""
    if not made["is_enabled"]:
        screen.note(f"It is disabled: headrace deployments update {made['name']} --enable")
    if made["execution_rule"] == "periodic":
        screen.fields(schedule_pairs(made), made)
        return
    url = made["endpoint_url"]
    screen.fields([("url", url), ("token", made["endpoint_token"]), ("page", f"{url}/docs")], made)
