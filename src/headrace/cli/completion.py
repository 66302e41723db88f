"""What the shell completes after the name of a command: names and ids that the server knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.core.errors import HeadraceError

if TYPE_CHECKING:
    from headrace import HeadraceSdk

NEWEST = 50
"""How many executions are offered."""


def pipelines_of(sdk: HeadraceSdk) -> list[str]:
    """Return the names of the pipelines."""
    return [item["pipeline_name"] for item in sdk.list_pipelines()]


def _deployments(sdk: HeadraceSdk) -> list[str]:
    return [item["name"] for item in sdk.list_deployments()]


def _executions(sdk: HeadraceSdk) -> list[str]:
    return ["latest", *(item["execution_id"] for item in sdk.list_executions(NEWEST)["items"])]


def _tokens(sdk: HeadraceSdk) -> list[str]:
    return [item["name"] for item in sdk.list_tokens()]


def _variables(sdk: HeadraceSdk) -> list[str]:
    return [item["name"] for item in sdk.list_environment_variables()]


def _files(sdk: HeadraceSdk) -> list[str]:
    return [item["path"] for item in sdk.list_data_store_objects()]


def completing(
    names: Callable[[HeadraceSdk], list[str]],
) -> Callable[[typer.Context, str], list[str]]:
    """Return what completes a word by names that the server knows; nothing if there is none."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        from headrace import HeadraceSdk  # noqa: PLC0415 - only completion needs it here

        given = context.find_root().params
        try:
            with HeadraceSdk(given.get("token"), given.get("url"), verbose_log=False) as sdk:
                return [name for name in names(sdk) if name.startswith(incomplete)]
        except (HeadraceError, OSError):
            # A shell has no place for what is wrong.
            return []

    return complete


PipelineName = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Name of the pipeline.", autocompletion=completing(pipelines_of)
    ),
]
DeploymentName = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Name of the deployment.", autocompletion=completing(_deployments)
    ),
]
MaybeDeploymentName = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME",
        help="Name of the deployment; all unless given.",
        autocompletion=completing(_deployments),
    ),
]
ExecutionId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="Id of the execution, the beginning of it, or latest.",
        autocompletion=completing(_executions),
    ),
]
TokenName = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Name of the token.", autocompletion=completing(_tokens)),
]
VariableName = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Name of the variable.", autocompletion=completing(_variables)
    ),
]
RemotePath = Annotated[
    str,
    typer.Argument(
        metavar="REMOTE", help="Path in the data store.", autocompletion=completing(_files)
    ),
]
PipelineOption = Annotated[
    str | None,
    typer.Option(
        "--pipeline", help="Only those of this pipeline.", autocompletion=completing(pipelines_of)
    ),
]
OfPipeline = Annotated[
    str,
    typer.Option(
        "--pipeline", help="The pipeline that it runs.", autocompletion=completing(pipelines_of)
    ),
]
DeploymentOption = Annotated[
    str | None,
    typer.Option(
        "--deployment",
        help="Only those of this deployment.",
        autocompletion=completing(_deployments),
    ),
]
