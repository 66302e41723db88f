"""Commands about pipeline templates."""

from __future__ import annotations

import shlex
from typing import Any

import typer

from headrace.cli.completion import TemplateName
from headrace.cli.connections import destination_text, source_text
from headrace.cli.flags import JsonFlag
from headrace.cli.session import session
from headrace.cli.tables import Column
from headrace.client.creation import parameter_text

templates = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List and show the templates that pipelines can be made of.",
)


@templates.command("list")
def list_all(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List all pipeline templates."""
    current = session(context, as_json)
    found = current.sdk.list_pipeline_templates()
    rows = [(one["name"], one["version"], one["display_name"]) for one in found]
    columns = (Column("NAME"), "VERSION", Column("WHAT IT IS", "folds"))
    current.screen.table(columns, rows, found, "There are no pipeline templates.")


@templates.command("show")
def show(context: typer.Context, name: TemplateName, as_json: JsonFlag = False) -> None:
    """Show a pipeline template, and the commands that make a pipeline and an endpoint of it."""
    current = session(context, as_json)
    template = current.sdk.get_pipeline_template(name)
    pairs: list[tuple[str, Any]] = [
        ("name", name),
        ("version", template["version"]),
        ("description", template["description"]),
        ("hosting", template["hosting_type"]),
        ("model", template["model_family"]),
    ]
    for noun in ("input", "output"):
        pairs += [
            (noun, f"{parameter_text(item)}  {item['description']}")
            for item in template[f"{noun}s"]
        ]
    variables = template["environment_variables"].items()
    pairs += [("variable", f"{variable}  {meaning}") for variable, meaning in variables]
    pairs += [("create", f"headrace pipelines create {name} --template {name}")]
    pairs += [("deploy", _deployment(name, template))]
    current.screen.fields(pairs, template)


def _deployment(name: str, template: dict[str, Any]) -> str:
    """Return the command that makes an endpoint as the template recommends."""
    command = ["headrace", "deployments", "create", name, "--pipeline", name]
    for item in template["recommended_inputs_mapping"]:
        command += ["-i", source_text(item)]
    for item in template["recommended_outputs_mapping"]:
        command += ["-o", destination_text(item)]
    return shlex.join(command)
