"""``headrace deploy`` and ``headrace diff``: the code as it is, and the server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.attached import AttachOption, attached_files
from headrace.cli.deploy_jobs import Job, Spec
from headrace.cli.deploy_runs import DeployRun
from headrace.cli.deployments import Destinations, Sources
from headrace.cli.flags import Force, JsonFlag
from headrace.cli.manifest import FILE_NAME, Manifest, read_manifest
from headrace.cli.option_groups import with_groups
from headrace.cli.session import session
from headrace.cli.usage import WrongUsage, wrong
from headrace.client.deploying.attaching import ATTACH
from headrace.client.deploying.plans import Order
from headrace.client.deploying.targets import FUNCTION_SYNTAX
from headrace.client.deploying.wishes import single_wish

OF_A_FUNCTION = (
    *("name", "endpoint", "every", "timezone", "low_latency", "inputs", "outputs", "attach"),
    *("requirements", "no_requirements", "python", "include", "system_dependency"),
)
"""Parameters that say what is made of a function; of others, headrace.toml says it."""

TARGET_HELP = (
    "The function, as PATH/TO/FILE.py:FUNCTION in the folder; or a pipeline of headrace.toml. "
    "Left out: all that headrace.toml has."
)


@dataclass(frozen=True)
class CodeOptions:
    """What a version is made of."""

    name: Annotated[
        str | None,
        typer.Option(help="Name of the pipeline.", show_default="the function's name"),
    ] = None
    folder: Annotated[
        Path, typer.Option(help="Folder that travels.", show_default="the current folder")
    ] = Path()
    requirements: Annotated[
        str | None,
        typer.Option(help="Requirements file in the folder.", show_default="what the folder has"),
    ] = None
    no_requirements: Annotated[
        bool, typer.Option("--no-requirements", help="None, whatever the folder has.")
    ] = False
    python: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="Such as 3.12.", show_default="what the code asks for"
        ),
    ] = None
    include: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="File or folder to take; repeatable.")
    ] = None
    system_dependency: Annotated[
        list[str] | None, typer.Option(metavar="PACKAGE", help="System package; repeatable.")
    ] = None


@dataclass(frozen=True)
class CallerOptions:
    """The deployment that calls it."""

    endpoint: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Make it an HTTP endpoint of this name as well."),
    ] = None
    every: Annotated[
        str | None,
        typer.Option(
            metavar="CRON",
            help="Make it a periodic job, named as the pipeline: five fields, such as '0 3 * * *'.",
        ),
    ] = None
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="IANA name of the time zone of --every.")
    ] = None
    low_latency: Annotated[
        bool, typer.Option("--low-latency", help="Keep it in pods that stay, for short calls.")
    ] = False
    inputs: Sources = None
    outputs: Destinations = None
    attach: AttachOption = None


@with_groups
def deploy(
    context: typer.Context,
    target: Annotated[str | None, typer.Argument(metavar=FUNCTION_SYNTAX, help=TARGET_HELP)] = None,
    *,
    code: CodeOptions,
    caller: CallerOptions,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="What is new, for the list of versions.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; send nothing.")
    ] = False,
    force: Force = False,
    wait: Annotated[bool, typer.Option(help="Wait until it is ready.")] = True,
    as_json: JsonFlag = False,
) -> None:
    """Make a new version of a pipeline from the code as it is, and deploy it.

    Inputs, outputs, requirements and Python are read from the code. The first time, the pipeline is
    created; after that, deployments that call it go on with the new version, behind the same URL,
    token and schedule. If nothing has changed, nothing is done.
    """
    current = session(context, as_json)
    run = DeployRun(current, message=message, force=force, is_dry=dry_run, waits=wait)
    if target is None or not _is_function(target):
        # What the file says stands in the file.
        _refuse_beside_file(context)
        run.file(_manifest_of(code.folder, target), target)
    else:
        run.one(Job(_order(target, code), _specs(code, caller)))


def _order(target: str, code: CodeOptions) -> Order:
    if code.no_requirements and code.requirements:
        raise wrong("--no-requirements", "it excludes --requirements.")
    return Order(
        function=target,
        name=code.name,
        folder=code.folder,
        requirements="" if code.no_requirements else code.requirements,
        python=code.python,
        include=code.include,
        system_dependencies=code.system_dependency,
    )


def _specs(code: CodeOptions, caller: CallerOptions) -> tuple[Spec, ...]:
    """Return the deployment that is asked for, if one is."""
    if caller.endpoint and caller.every:
        raise wrong(
            "--every",
            "with --endpoint it would make two deployments: give one of them, and then the other "
            "in a second command, for which nothing is built again.",
        )
    if caller.timezone and not caller.every:
        raise wrong("--timezone", "it is that of --every.")
    mapping = caller.inputs or caller.outputs
    for option, value in {
        "--low-latency": caller.low_latency,
        "--input or --output": mapping,
        "--attach": caller.attach,
    }.items():
        if value and not (caller.endpoint or caller.every):
            raise wrong(option, "it is said of a deployment: give --endpoint or --every as well.")
    wish = single_wish(
        code.name or "",
        caller.endpoint,
        caller.every,
        caller.timezone,
        low_latency=caller.low_latency,
    )
    if wish is None:
        return ()
    if caller.attach:
        options = {**wish.options, ATTACH: attached_files(caller.attach)}
        wish = replace(wish, options=options)
    return (Spec(wish, tuple(caller.inputs or ()), tuple(caller.outputs or ())),)


def diff(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(metavar="PIPELINE", help="Only this pipeline of headrace.toml."),
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Folder of headrace.toml.", show_default="the current folder")
    ] = Path(),
    as_json: JsonFlag = False,
) -> None:
    """Show how headrace.toml differs from the server; nothing is changed.

    Code, inputs, outputs, requirements and deployments are compared, and what the server has that
    the file does not is named.
    """
    current = session(context, as_json)
    run = DeployRun(current, message=None, force=False, is_dry=True, waits=False)
    run.file(read_manifest(folder / FILE_NAME), target)


def _is_function(target: str) -> bool:
    return ":" in target or target.endswith(".py") or "/" in target


def _manifest_of(folder: Path, target: str | None) -> Manifest:
    path = folder / FILE_NAME
    if target is not None and not path.is_file():
        raise wrong(FUNCTION_SYNTAX, f"{target!r} names no function, such as model.py:predict.")
    if not path.is_file():
        raise WrongUsage(
            "Name a function, such as `headrace deploy model.py:predict`; or write the pipelines "
            f"and deployments of this folder into {FILE_NAME}."
        )
    return read_manifest(path)


def _refuse_beside_file(context: typer.Context) -> None:
    """Refuse options that say what headrace.toml has to say."""
    given = [
        name
        for name in OF_A_FUNCTION
        if str(context.get_parameter_source(name)).endswith("COMMANDLINE")
    ]
    if given:
        option = "--" + given[0].replace("_", "-")
        raise wrong(
            option,
            f"it goes with a function, such as `headrace deploy model.py:predict {option} …`; "
            f"{FILE_NAME} says it in the table of the pipeline or the deployment.",
        )
