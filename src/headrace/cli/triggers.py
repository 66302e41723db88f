"""``headrace trigger``: call a deployment."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from headrace.cli.completion import DeploymentName
from headrace.cli.flags import Detach, JsonFlag
from headrace.cli.inputs import given_inputs
from headrace.cli.running import say_that_it_goes_on
from headrace.cli.session import Session, session
from headrace.cli.usage import usage
from headrace.core.errors import InvalidValue
from headrace.core.values import DataType


def trigger(
    context: typer.Context,
    name: DeploymentName,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="NAME=VALUE",
            help="Value of an endpoint input; NAME=@FILE reads it from a file. Repeatable.",
        ),
    ] = None,
    detach: Detach = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder that a file output is saved in.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Call an endpoint as its users do, and print its outputs.

    A periodic deployment is executed once, whatever its schedule says.
    """
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
    try:
        with current.screen.activity(f"Calling {name}"):
            result = current.sdk.retrieve_endpoint_results(name, execution_id, endpoint_token)
    except KeyboardInterrupt:
        say_that_it_goes_on(current, execution_id)
        raise typer.Exit(130) from None
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
        whole = f"headrace executions outputs {result['execution_id']} --json"
        current.screen.fields(texts, document, whole=whole)
    else:
        current.screen.say("The call succeeded; it has no outputs.", document)
