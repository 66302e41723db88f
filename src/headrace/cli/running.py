"""What ``headrace run`` does once its command line has been read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.cli.inputs import given_inputs
from headrace.cli.session import Session
from headrace.cli.usage import usage
from headrace.core.errors import HeadraceError
from headrace.core.values import DataType


@dataclass(frozen=True, slots=True)
class Run:
    """What ``headrace run`` was asked for.

    Attributes:
        name: The pipeline.
        inputs: Texts of the form ``name=value``.
        is_detached: Whether it does not wait.
        shows_log: Whether it prints the log meanwhile.
        out: Folder that file outputs are saved in.
    """

    name: str
    inputs: tuple[str, ...] = ()
    is_detached: bool = False
    shows_log: bool = False
    out: Path | None = None


def carry_out(current: Session, run: Run) -> None:
    """Run a pipeline and print its outputs.

    Raises:
        PipelineExecutionFailed: The execution failed.
        SystemExit: Interrupted; the execution goes on, and what can be done is said.
    """
    runs = current.runs
    types = runs.get_input_types(run.name)
    with usage("--input"):
        values = given_inputs(list(run.inputs), types)
    execution_id = runs.start_run(run.name, types, values)
    if run.is_detached:
        current.screen.say(execution_id, {"execution_id": execution_id})
        return
    outputs = follow(current, execution_id, f"Running {run.name}", logs=run.shows_log)
    show_outputs(current, execution_id, outputs, run.out)


def follow(current: Session, execution_id: str, doing: str, *, logs: bool) -> list[dict[str, Any]]:
    """Wait for an execution to end, printing its log if asked to, and return its outputs.

    Raises:
        PipelineExecutionFailed: It failed.
        SystemExit: Interrupted; the execution goes on, and what can be done is said.
    """
    try:
        with current.screen.activity(doing):
            if logs:
                for line in current.runs.iter_execution_logs(execution_id, follow=True):
                    current.screen.note(line["message"])
            return current.runs.wait_for_outputs(execution_id)
    except KeyboardInterrupt:
        say_that_it_goes_on(current, execution_id)
        raise SystemExit(130) from None


def say_that_it_goes_on(current: Session, execution_id: str) -> None:
    """Tell whoever interrupted the command what became of the execution."""
    if current.is_local:
        current.screen.note("\nInterrupted.")
        return
    current.screen.note(
        f"\nExecution {execution_id} goes on. Follow it: headrace executions logs "
        f"{execution_id} --follow\nCancel it: headrace executions cancel {execution_id}"
    )


def show_outputs(
    current: Session,
    execution_id: str,
    found: list[dict[str, Any]],
    out: Path | None,
    about: dict[str, Any] | None = None,
) -> None:
    """Print the outputs of an execution that succeeded, and save its files in ``out``.

    As JSON, what is known ``about`` it stands beside them.

    Raises:
        HeadraceError: A file cannot be saved.
    """
    outputs: dict[str, Any] = {}
    texts: dict[str, str] = {}
    for item in found:
        name = item["pipeline_output_name"]
        outputs[name] = item.get("value")
        if item["data_type"] != DataType.FILE or item["mapping_type"] in {"is_null", "datastore"}:
            continue
        outputs[name], texts[name] = (
            (None, "a file; --out FOLDER saves it")
            if out is None
            else _saved(current, execution_id, name, out)
        )
    document = {**(about or {}), "execution_id": execution_id, "outputs": outputs}
    if outputs:
        current.screen.fields(
            [(name, texts.get(name, value)) for name, value in outputs.items()],
            document,
            whole=None
            if current.is_local
            else f"headrace executions outputs {execution_id} --json",
        )
    else:
        current.screen.say(f"Execution {execution_id} succeeded; it has no outputs.", document)


def _saved(
    current: Session, execution_id: str, name: str, out: Path
) -> tuple[dict[str, Any] | None, str]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        path = current.runs.save_pipeline_execution_output(execution_id, name, out)
    except OSError as error:
        raise HeadraceError(
            f"Output {name!r} cannot be saved in {out}: {error.strerror}."
        ) from None
    if path is None:
        return None, "no file"
    size = path.stat().st_size
    return {"path": str(path), "size": size}, f"{path} ({size:,} bytes)"
