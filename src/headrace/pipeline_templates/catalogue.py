"""The catalogue of pipeline templates, read from their folders.

A template is a folder: ``template.json`` describes it, and ``code/`` is what its pipelines get.
Files of ``shared/`` that the description names are added to that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.core.pipeline_templates import HostingType, PipelineTemplate, TemplateReference
from headrace.wire.codec import decode_object
from headrace.wire.mappings import read_input_mapping, read_output_mapping
from headrace.wire.parameters import read_parameters

SHIPPED = Path(__file__).parent
"""The folder of the templates that ship with Headrace."""

_DESCRIPTION = "template.json"
_CODE = "code"
_SHARED = "shared"


def read_templates(root: Path = SHIPPED) -> dict[str, PipelineTemplate]:
    """Return the templates below a folder by their names, in the order of the names.

    Raises:
        InvalidRequest: A description is wrong.
    """
    found = (_template(place.parent) for place in sorted(root.glob(f"*/{_DESCRIPTION}")))
    return {template.reference.name: template for template in found}


def _template(folder: Path) -> PipelineTemplate:
    given = decode_object((folder / _DESCRIPTION).read_bytes(), str(folder.name))
    inputs, outputs = read_parameters(given)
    shared = folder.parent / _SHARED
    return PipelineTemplate(
        reference=_reference(folder, given),
        files=_code_files(folder / _CODE) | {name: shared / name for name in given["shared"]},
        function_path=given["function_path"],
        function_name=given["function_name"],
        requirements_path=given["requirements_path"],
        inputs=inputs,
        outputs=outputs,
        sources=tuple(map(read_input_mapping, given["recommended_inputs_mapping"])),
        destinations=tuple(map(read_output_mapping, given["recommended_outputs_mapping"])),
        variables=given["variables"],
    )


def _reference(folder: Path, given: Mapping[str, Any]) -> TemplateReference:
    return TemplateReference(
        # A module cannot have a hyphen in its name, and names of pipelines usually have.
        name=folder.name.replace("_", "-"),
        version=given["version"],
        display_name=given["display_name"],
        description=given["description"],
        hosting_type=HostingType(given["hosting_type"]),
        model_family=given["model_family"],
    )


def _code_files(folder: Path) -> dict[str, Path]:
    return {
        place.relative_to(folder).as_posix(): place
        for place in sorted(folder.rglob("*"))
        # An installer compiles what it installs, templates too.
        if place.is_file() and "__pycache__" not in place.parts
    }
