"""Commands about pipelines."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from headrace.cli.completion import PipelineName, TemplateOption
from headrace.cli.deploy_shown import say_what_travels
from headrace.cli.exits import EXIT_INTERRUPTED
from headrace.cli.flags import Follow, JsonFlag, Timestamps
from headrace.cli.output import short_time
from headrace.cli.parameters import (
    FUNCTION_SYNTAX,
    INPUT_SYNTAX,
    OUTPUT_SYNTAX,
    function_from_text,
    input_from_text,
    output_from_text,
)
from headrace.cli.session import Session, session
from headrace.cli.tables import Column
from headrace.cli.usage import usage
from headrace.client.creation import parameter_text, what_runs

pipelines = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Create, show, list and delete pipelines."
)


@pipelines.command("create")
def create(
    context: typer.Context,
    name: PipelineName,
    function: Annotated[
        str | None, typer.Option(metavar=FUNCTION_SYNTAX, help="What it calls.")
    ] = None,
    template: TemplateOption = None,
    dockerfile: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Dockerfile in the folder, whose command it runs."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Local folder of the code.", show_default="the current folder"),
    ] = None,
    git: Annotated[
        str | None,
        typer.Option("--git", metavar="URL", help="Git repository of the code, not a folder."),
    ] = None,
    branch: Annotated[str | None, typer.Option(help="Its branch or tag.")] = None,
    deploy_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Private ssh key that may read it.")
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="NAME:TYPE[!][=DEFAULT]", help=f"{INPUT_SYNTAX}."),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", metavar=OUTPUT_SYNTAX, help="What the function returns."),
    ] = None,
    requirements: Annotated[
        str | None, typer.Option(help="Requirements file in the folder.")
    ] = None,
    no_requirements: Annotated[
        bool, typer.Option("--no-requirements", help="None, even if the project names one.")
    ] = False,
    language: Annotated[str | None, typer.Option(help="Such as python:3.11-slim.")] = None,
    include: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="File or folder to take; repeatable.")
    ] = None,
    system_dependency: Annotated[
        list[str] | None, typer.Option(metavar="PACKAGE", help="System package; repeatable.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="Free text.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until its environment is built.")] = True,
    as_json: JsonFlag = False,
) -> None:
    """Create a pipeline from a function, a template or a Dockerfile, and build its environment.

    TYPE is string, number, boolean, json, array or file. An input without "!" is optional: the
    function receives its default, or None.
    """
    current = session(context, as_json)
    if template is not None:
        _refuse_code(context)
        current.sdk.create_pipeline(
            name, pipeline_template_name=template, wait_for_completion=False
        )
        _summarise(current, _built(current, name) if wait else current.sdk.get_pipeline(name))
        return
    function_path, function_name = _function(function, dockerfile)
    with usage("--input"):
        declared_inputs = [input_from_text(text) for text in inputs or ()]
    with usage("--output"):
        declared_outputs = [output_from_text(text) for text in outputs or ()]
    if no_requirements and requirements:
        raise typer.BadParameter("it excludes --requirements", param_hint="--no-requirements")
    config: dict[str, Any] = {
        "language": language,
        "requirements_path": requirements,
        "included_folders": include,
        "system_dependencies": system_dependency,
        "dockerfile_path": dockerfile,
    }
    config = {key: value for key, value in config.items() if value}
    config |= _code_from(folder, git, branch, deploy_key)
    if no_requirements:
        config["requirements_path"] = None
    pipeline = current.sdk.create_pipeline(
        name,
        function_path,
        function_name,
        description,
        config,
        declared_inputs,
        declared_outputs,
        wait_for_completion=False,
        on_selected=partial(say_what_travels, current.screen),
    )
    if wait:
        pipeline = _built(current, name)
    _summarise(current, pipeline)


def _function(function: str | None, dockerfile: str | None) -> tuple[str | None, str | None]:
    """Return path and name of the function; a Dockerfile has none."""
    if dockerfile is not None:
        if function is not None:
            raise typer.BadParameter("it excludes --function", param_hint="--dockerfile")
        return None, None
    if function is None:
        missing = "it is missing; or give --template or --dockerfile"
        raise typer.BadParameter(missing, param_hint="--function")
    with usage("--function"):
        return function_from_text(function)


def _template_text(template: dict[str, Any] | None) -> str | None:
    return None if template is None else f"{template['name']} {template['version']}"


def _refuse_code(context: typer.Context) -> None:
    """Refuse options that say what the code of a pipeline is, which its template says."""
    for option in context.command.params:
        if option.name not in _BESIDE_TEMPLATE and context.params.get(str(option.name)):
            raise typer.BadParameter(f"it excludes {option.opts[0]}", param_hint="--template")


_BESIDE_TEMPLATE = {"name", "template", "wait", "as_json"}


def _code_from(
    folder: Path | None, git: str | None, branch: str | None, deploy_key: Path | None
) -> dict[str, Any]:
    """Return the settings that say where the code is."""
    if git is None:
        for option, value in (("--branch", branch), ("--deploy-key", deploy_key)):
            if value is not None:
                raise typer.BadParameter("it needs --git", param_hint=option)
        return {"local_folder": folder or Path()}
    if folder is not None:
        raise typer.BadParameter("it excludes --folder", param_hint="--git")
    given: dict[str, Any] = {"repository_url": git}
    if branch is not None:
        given["repository_branch"] = branch
    if deploy_key is not None:
        try:
            given["repository_deploy_key"] = deploy_key.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter(str(error), param_hint="--deploy-key") from None
    return given


@pipelines.command("list")
def list_all(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List all pipelines."""
    current = session(context, as_json)
    found = current.sdk.list_pipelines()
    rows = [(p["pipeline_name"], p["status"], current.screen.time(p["created_at"])) for p in found]
    columns = (Column("NAME", "folds"), "STATUS", "CREATED")
    current.screen.table(columns, rows, found, "There are no pipelines.")


@pipelines.command("show")
def show(context: typer.Context, name: PipelineName, as_json: JsonFlag = False) -> None:
    """Show a pipeline: its function, inputs, outputs and environment."""
    current = session(context, as_json)
    pipeline = current.sdk.get_pipeline(name)
    parameters, info = pipeline["parameters"], pipeline["creation_info"]
    config = parameters["container_config"]
    pairs: list[tuple[str, str | None]] = [
        ("name", parameters["pipeline_name"]),
        ("status", info["status"]),
        ("function", what_runs(parameters)),
        ("description", parameters["description"]),
        ("language", config["language"]),
        ("template", _template_text(info.get("pipeline_template"))),
        ("requirements", config["requirements_path"]),
        ("repository", config["repository_url"]),
        ("branch", config["repository_branch"]),
        ("commit", info["commit_id"]),
        ("created", short_time(info["created_at"])),
        ("last execution", info["last_execution_id"]),
    ]
    pairs += [("input", parameter_text(item)) for item in parameters["inputs"]]
    pairs += [("output", parameter_text(item)) for item in parameters["outputs"]]
    if info.get("failure"):
        pairs.append(("failure", info["failure"]))
    current.screen.fields(pairs, pipeline)


@pipelines.command("delete")
def delete(
    context: typer.Context,
    name: PipelineName,
    force: Annotated[bool, typer.Option("--force", help="Delete its deployments as well.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Delete a pipeline and its executions."""
    current = session(context, as_json)
    deleted = current.sdk.delete_pipeline(name, force_deployments_deletion=force)
    current.screen.say(f"Deleted pipeline {name}.", deleted)


@pipelines.command("logs")
def logs(
    context: typer.Context,
    name: PipelineName,
    follow: Follow = False,
    timestamps: Timestamps = False,
    as_json: JsonFlag = False,
) -> None:
    """Print the log of a pipeline's build."""
    current = session(context, as_json)
    current.screen.log(current.sdk.iter_pipeline_logs(name, follow=follow), timestamps=timestamps)


@pipelines.command("download")
def download(
    context: typer.Context,
    name: PipelineName,
    out: Annotated[Path, typer.Option(help="Folder to save it in.")] = Path(),
    as_json: JsonFlag = False,
) -> None:
    """Save the folder that a pipeline was made from, as NAME.tgz."""
    current = session(context, as_json)
    current.sdk.download_pipeline_local_folder(name, out)
    path = out / f"{name}.tgz"
    current.screen.say(f"Saved {path} ({path.stat().st_size:,} bytes).", {"path": str(path)})


def _built(current: Session, name: str) -> dict[str, Any]:
    screen = current.screen
    try:
        return _followed(current, name)
    except KeyboardInterrupt:
        screen.note(
            f"\nThe build of pipeline {name} goes on. Follow it: headrace pipelines logs {name} "
            f"--follow\nStop it: headrace pipelines delete {name}"
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _followed(current: Session, name: str) -> dict[str, Any]:
    screen = current.screen
    with screen.activity(f"Building pipeline {name}"):
        for line in current.sdk.iter_pipeline_logs(name, follow=True):
            screen.note(line["message"])
        return current.sdk.get_pipeline(name, wait_for_completion=True)


def _summarise(current: Session, pipeline: dict[str, Any]) -> None:
    parameters = pipeline["parameters"]
    name = parameters["pipeline_name"]
    is_ready = pipeline["creation_info"]["status"] == "ready"
    example = " ".join(["headrace run", name, *(f"-i {i['name']}=…" for i in parameters["inputs"])])
    sentence = (
        f"Pipeline {name} is ready. Run it: {example}"
        if is_ready
        else f"Pipeline {name} is being built. Follow it: headrace pipelines logs {name} --follow"
    )
    current.screen.say(sentence, pipeline)
