"""``headrace rerun``: run a recorded execution again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from headrace.cli.completion import ExecutionId
from headrace.cli.flags import Detach, JsonFlag, Out, ShowLog
from headrace.cli.inputs import given_inputs
from headrace.cli.running import follow, show_outputs
from headrace.cli.session import session
from headrace.cli.usage import WrongUsage, usage
from headrace.core.code_choices import CURRENT, ORIGINAL, CodeChoice

Original = Annotated[
    bool, typer.Option("--original", help="Run the version that ran then, not the current one.")
]
Current = Annotated[
    bool,
    typer.Option(
        "--current", help="Run the version that a new execution would run; so it is unless said."
    ),
]
Version = Annotated[
    int | None,
    typer.Option("--version", min=1, metavar="NUMBER", help="Run the version of this number."),
]
NewInputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="NAME=VALUE",
        help="Value in the place of the recorded one, by the name of the pipeline's input; "
        "NAME=@FILE reads it from a file. Repeatable.",
    ),
]


def code_of(original: bool, current: bool, version: int | None) -> CodeChoice:
    """Return the version that was asked for.

    Raises:
        WrongUsage: Several were.
    """
    if original + current + (version is not None) > 1:
        raise WrongUsage("--original, --current and --version exclude each other: give one.")
    return version or (ORIGINAL if original else CURRENT)


def rerun(
    context: typer.Context,
    execution_id: ExecutionId,
    original: Original = False,
    current: Current = False,
    version: Version = None,
    inputs: NewInputs = None,
    detach: Detach = False,
    logs: ShowLog = False,
    out: Out = None,
    as_json: JsonFlag = False,
) -> None:
    """Run an execution again with its recorded inputs, and print its outputs.

    The outputs go where those of the execution went, or would have gone.
    """
    code = code_of(original, current, version)
    active = session(context, as_json)
    sdk = active.sdk
    execution_id = active.execution_id(execution_id)
    types = sdk.get_rerun_input_types(execution_id, code) if inputs else {}
    with usage("--input"):
        values = given_inputs(inputs or [], types)
    started = sdk.start_rerun(execution_id, code, values, types)
    for line in (_what_runs(started), *started["notes"]):
        active.screen.note(line)
    if detach:
        active.screen.say(started["execution_id"], started)
        return
    found = follow(active, started["execution_id"], f"Running {execution_id} again", logs=logs)
    show_outputs(active, started["execution_id"], found, out, started)


def _what_runs(started: dict[str, Any]) -> str:
    version, before = started["version"], started["original_version"]
    which = {CURRENT: ", the current one", ORIGINAL: ", the original one"}.get(started["code"], "")
    ran = ", as before" if version == before else f"; before it was version {before}"
    return (
        f"Execution {started['rerun_of']} of {started['pipeline_name']} runs again as "
        f"{started['execution_id']}, with version {version}{which}{ran}."
    )
