"""Commands about deployments and their calls."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from headrace.cli.connections import (
    DESTINATION_SYNTAX,
    SOURCE_SYNTAX,
    connection_text,
    destination_from_text,
    source_from_text,
)
from headrace.cli.output import short_time
from headrace.cli.parameters import given_inputs, usage
from headrace.cli.session import JsonFlag, Session, session
from headrace.core.errors import InvalidValue
from headrace.core.values import DataType

deployments = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Create, show, change and delete deployments."
)

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
def create(
    context: typer.Context,
    name: Name,
    pipeline: Annotated[str, typer.Option(help="The pipeline that it runs.")],
    inputs: Sources = None,
    outputs: Destinations = None,
    url_path: Annotated[str | None, typer.Option(help="Last segment of the URL.")] = None,
    endpoint_token: Annotated[
        str | None, typer.Option(help="The endpoint's token; one is made unless given.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Longest time of one execution.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="Free text.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a pipeline an HTTP endpoint; print its URL and token.

    Inputs and outputs that are not mapped are sent and answered under their own names.
    """
    current = session(context, as_json)
    declared = current.sdk.get_pipeline(pipeline)["parameters"]["inputs"]
    types = {item["name"]: DataType(item["data_type"]) for item in declared}
    with usage("--input"):
        sources = [source_from_text(text, types) for text in inputs or ()]
    with usage("--output"):
        destinations = [destination_from_text(text) for text in outputs or ()]
    made = current.sdk.create_deployment(
        pipeline,
        name,
        "endpoint",
        inputs_mapping=sources,
        outputs_mapping=destinations,
        endpoint_url_path=url_path,
        endpoint_token=endpoint_token,
        execution_timeout_s=timeout,
        description=description,
    )
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
            short_time(item["created_at"]),
        )
        for item in found
    ]
    columns = ("NAME", "PIPELINE", "RULE", "STATUS", "CREATED")
    current.screen.table(columns, rows, found, "There are no deployments.")


@deployments.command("show")
def show(context: typer.Context, name: Name, as_json: JsonFlag = False) -> None:
    """Show a deployment: where its inputs come from and its outputs go, its URL and token."""
    current = session(context, as_json)
    found = current.sdk.get_deployment(name)
    pairs: list[tuple[str, str | None]] = [
        ("name", found["name"]),
        ("pipeline", found["pipeline"]["name"]),
        ("rule", found["execution_rule"]),
        ("mode", found["mode"]),
        ("status", found["status"]),
        ("description", found["description"]),
        ("url", found.get("endpoint_url")),
        ("token", found.get("endpoint_token")),
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
def update(
    context: typer.Context,
    name: Name,
    enable: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it takes executions.")
    ] = None,
    inputs: Sources = None,
    outputs: Destinations = None,
    as_json: JsonFlag = False,
) -> None:
    """Enable or disable a deployment, or change its constants and data store paths."""
    current = session(context, as_json)
    mapping = current.sdk.get_deployment(name)["inputs_mapping"]
    types = {item["pipeline_input_name"]: DataType(item["data_type"]) for item in mapping}
    with usage("--input"):
        sources = [source_from_text(text, types) for text in inputs or ()]
    with usage("--output"):
        destinations = [destination_from_text(text) for text in outputs or ()]
    changed = current.sdk.update_deployment(
        name,
        is_enabled=enable,
        inputs_mapping=sources or None,
        outputs_mapping=destinations or None,
    )
    current.screen.say(f"Deployment {name} is {changed['status']}.", changed)


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


def trigger(
    context: typer.Context,
    name: Name,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="NAME=VALUE",
            help="Value of an endpoint input; NAME=@FILE reads it from a file. Repeatable.",
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Do not wait; print the execution's id.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder that a file output is saved in.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Call an endpoint as its users do, and print its outputs."""
    current = session(context, as_json)
    deployment = current.sdk.get_deployment(name)
    types = {
        item["endpoint_input_name"]: DataType(item["data_type"])
        for item in deployment["inputs_mapping"]
        if "endpoint_input_name" in item
    }
    with usage("--input"):
        values = given_inputs(inputs or [], types)
    endpoint_token = deployment.get("endpoint_token")
    with ExitStack() as opened:
        for input_name, data_type in types.items():
            if data_type is DataType.FILE and isinstance(values.get(input_name), str):
                values[input_name] = _open(input_name, values[input_name], opened)
        started = current.sdk.trigger_endpoint(
            name, endpoint_token, values, wait_for_completion=False
        )
    execution_id = started["execution_id"]
    if detach:
        current.screen.say(execution_id, started)
        return
    with current.screen.activity(f"Calling {name}"):
        result = current.sdk.retrieve_endpoint_results(name, execution_id, endpoint_token)
    _show(current, result, out)


def _open(name: str, path: str, opened: ExitStack) -> Any:
    try:
        return opened.enter_context(Path(path).open("rb"))
    except OSError as error:
        raise InvalidValue(f"input {name!r}: {path!r} cannot be read: {error.strerror}.") from None


def _show(current: Session, result: dict[str, Any], out: Path | None) -> None:
    shown: dict[str, Any] = {}
    texts: list[tuple[str, Any]] = []
    for name, value in result["outputs"].items():
        if not isinstance(value, bytes):
            shown[name] = value
            texts.append((name, value))
            continue
        size = len(value)
        if out is None:
            shown[name] = {"size": size}
            texts.append((name, f"a file of {size:,} bytes; --out FOLDER saves it"))
            continue
        out.mkdir(parents=True, exist_ok=True)
        path = out / name
        path.write_bytes(value)
        shown[name] = {"path": str(path), "size": size}
        texts.append((name, f"{path} ({size:,} bytes)"))
    document = {"execution_id": result["execution_id"], "outputs": shown}
    if texts:
        current.screen.fields(texts, document)
    else:
        current.screen.say("The call succeeded; it has no outputs.", document)
