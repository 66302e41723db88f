"""``headrace run``: run a pipeline and show what it returns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from headrace.cli.parameters import given_inputs, usage
from headrace.cli.pipelines import Name
from headrace.cli.session import JsonFlag, Session, session
from headrace.core.errors import InvalidRequest
from headrace.core.values import DataType

Out = Annotated[
    Path | None, typer.Option("--out", help="Folder that file outputs are saved in, by their name.")
]


def run(
    context: typer.Context,
    name: Name,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="NAME=VALUE",
            help="Value of an input; NAME=@FILE reads it from a file and NAME=@- from stdin "
            "(@@ begins a value that begins with @). Repeatable.",
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Do not wait; print the execution's id.")
    ] = False,
    logs: Annotated[
        bool, typer.Option("--logs", "--follow", "-f", help="Print its log on stderr meanwhile.")
    ] = False,
    out: Out = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a pipeline and print its outputs."""
    current = session(context, as_json)
    declared = current.sdk.get_pipeline(name)["parameters"]["inputs"]
    types = {item["name"]: DataType(item["data_type"]) for item in declared}
    with usage("--input"):
        values = given_inputs(inputs or [], types)
    started = current.sdk.run_pipeline(name, values, wait_for_completion=False)
    execution_id = started["execution_id"]
    if detach:
        current.screen.say(execution_id, started)
        return
    try:
        with current.screen.activity(f"Running {name}"):
            if logs:
                for line in current.sdk.iter_execution_logs(execution_id, follow=True):
                    current.screen.note(line["message"])
            current.sdk.retrieve_pipeline_execution_outputs(execution_id, include_files=False)
    except KeyboardInterrupt:
        current.screen.note(
            f"\nExecution {execution_id} goes on. Follow it: headrace executions logs "
            f"{execution_id} --follow\nCancel it: headrace executions cancel {execution_id}"
        )
        raise typer.Exit(130) from None
    show_outputs(current, execution_id, out)


def show_outputs(current: Session, execution_id: str, out: Path | None) -> None:
    """Print the outputs of an execution that succeeded, and save its files in ``out``.

    Raises:
        InvalidRequest: A file cannot be saved.
    """
    outputs: dict[str, Any] = {}
    texts: dict[str, str] = {}
    found = current.sdk.get_pipeline_execution(execution_id, include_files=False)
    for item in found["outputs"]:
        name = item["pipeline_output_name"]
        outputs[name] = item["value"]
        if item["data_type"] != DataType.FILE or item["destination"] in {"is_null", "datastore"}:
            continue
        outputs[name], texts[name] = (
            (None, "a file; --out FOLDER saves it")
            if out is None
            else _saved(current, execution_id, name, out)
        )
    document = {"execution_id": execution_id, "outputs": outputs}
    if outputs:
        current.screen.fields(
            [(name, texts.get(name, value)) for name, value in outputs.items()], document
        )
    else:
        current.screen.say(f"Execution {execution_id} succeeded; it has no outputs.", document)


def _saved(
    current: Session, execution_id: str, name: str, out: Path
) -> tuple[dict[str, Any] | None, str]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        path = current.sdk.save_pipeline_execution_output(execution_id, name, out)
    except OSError as error:
        raise InvalidRequest(
            f"Output {name!r} cannot be saved in {out}: {error.strerror}."
        ) from None
    if path is None:
        return None, "no file"
    size = path.stat().st_size
    return {"path": str(path), "size": size}, f"{path} ({size:,} bytes)"
