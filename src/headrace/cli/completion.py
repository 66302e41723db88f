"""What the shell completes after the name of a command: names and ids that the server knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headrace.core.errors import HeadraceError

if TYPE_CHECKING:
    from headrace import HeadraceSdk

    Names = Callable[[HeadraceSdk], list[str]]

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


def _users(sdk: HeadraceSdk) -> list[str]:
    return [item["name"] for item in sdk.list_users()]


def _variables(sdk: HeadraceSdk) -> list[str]:
    return [item["name"] for item in sdk.list_environment_variables()]


def _files(sdk: HeadraceSdk) -> list[str]:
    return [item["path"] for item in sdk.list_data_store_objects()]


def _templates(sdk: HeadraceSdk) -> list[str]:
    return [item["name"] for item in sdk.list_pipeline_templates()]


def complete_version(context: typer.Context, incomplete: str) -> list[str]:
    """Return what completes the number of a version, by the pipeline that was named before."""
    name = context.params.get("name")

    def numbers(sdk: HeadraceSdk) -> list[str]:
        return [str(item["version"]) for item in sdk.list_pipeline_versions(str(name))]

    return completing(numbers)(context, incomplete)


def completing(names: Names) -> Callable[[typer.Context, str], list[str]]:
    """Return a completion of words by names that the server knows; by none if no server answers."""

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


def _argument(metavar: str, meaning: str, names: Names) -> Any:
    return typer.Argument(metavar=metavar, help=meaning, autocompletion=completing(names))


def _option(name: str, meaning: str, names: Names) -> Any:
    return typer.Option(name, help=meaning, autocompletion=completing(names))


PipelineName = Annotated[str, _argument("NAME", "Name of the pipeline.", pipelines_of)]
TemplateName = Annotated[str, _argument("NAME", "Name of the template.", _templates)]
TemplateOption = Annotated[
    str | None, _option("--template", "Pipeline template that it is made of.", _templates)
]
DeploymentName = Annotated[str, _argument("NAME", "Name of the deployment.", _deployments)]
VersionNumber = Annotated[
    int | None,
    typer.Argument(
        metavar="VERSION", help="Number of the version.", autocompletion=complete_version, min=1
    ),
]
MaybeDeploymentName = Annotated[
    str | None, _argument("NAME", "Name of the deployment; all unless given.", _deployments)
]
ExecutionId = Annotated[
    str, _argument("ID", "Id of the execution, the beginning of it, or latest.", _executions)
]
MaybeExecutionId = Annotated[
    str | None,
    _argument("[EXECUTION]", "Id of the execution, the beginning of it, or latest.", _executions),
]
TokenName = Annotated[str, _argument("NAME", "Name of the token.", _tokens)]
UserName = Annotated[str, _argument("NAME", "Name or address of the user.", _users)]
UserOption = Annotated[
    str | None, _option("--user", "User whom it belongs to; your own unless given.", _users)
]
MaybeUserName = Annotated[
    str | None, _argument("[NAME]", "Name or address of the user; your own unless given.", _users)
]
VariableName = Annotated[str, _argument("NAME", "Name of the variable.", _variables)]
RemotePath = Annotated[str, _argument("REMOTE", "Path in the data store.", _files)]
PipelineOption = Annotated[
    str | None, _option("--pipeline", "Only those of this pipeline.", pipelines_of)
]
OfPipeline = Annotated[str, _option("--pipeline", "The pipeline that it runs.", pipelines_of)]
DeploymentOption = Annotated[
    str | None, _option("--deployment", "Only those of this deployment.", _deployments)
]
