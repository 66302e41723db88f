"""The templates that ship: what they describe is what their code does, and what endpoints take."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from headrace.core.errors import InvalidRequest
from headrace.core.mappings import map_inputs, map_outputs
from headrace.core.names import check_name
from headrace.core.pipeline_templates import PipelineTemplate
from headrace.core.sources import Rule
from headrace.pipeline_templates.catalogue import SHIPPED, read_templates

TEMPLATES = read_templates()
each_template = pytest.mark.parametrize("template", TEMPLATES.values(), ids=list(TEMPLATES))


def test_the_shipped_templates() -> None:
    assert list(TEMPLATES) == [
        "chat-completion",
        "csv-cleaner",
        "retrieval-chat",
        "scikit-learn-classifier",
    ]


@each_template
def test_an_endpoint_takes_the_recommended_mapping(template: PipelineTemplate) -> None:
    inputs = map_inputs(Rule.ENDPOINT, template.inputs, template.sources)
    outputs = map_outputs(Rule.ENDPOINT, template.outputs, template.destinations)
    assert len(inputs) == len(template.sources) == len(template.inputs)
    assert len(outputs) == len(template.destinations) == len(template.outputs)


@each_template
def test_its_function_has_its_inputs(template: PipelineTemplate) -> None:
    tree = ast.parse(template.files[template.function_path].read_text())
    (function,) = (
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == template.function_name
    )
    required = len(function.args.args) - len(function.args.defaults)
    assert [argument.arg for argument in function.args.args] == [p.name for p in template.inputs]
    assert [p.name for p in template.inputs if p.is_required] == [
        argument.arg for argument in function.args.args[:required]
    ] or template.reference.name == "scikit-learn-classifier"


@each_template
def test_its_code_runs_wherever_pipelines_do(template: PipelineTemplate) -> None:
    for path, place in template.files.items():
        if path.endswith(".py"):
            code = place.read_text()
            ast.parse(code, feature_version=(3, 9))
            # Newer type hints are no problem, if they are only read.
            assert "from __future__ import annotations" in code
            assert not re.search(r"zip\([^\n]*strict=|datetime\.UTC|\bmatch .*:$", code)


@each_template
def test_it_describes_itself(template: PipelineTemplate) -> None:
    reference = template.reference
    assert check_name(reference.name, "name") == reference.name
    assert re.fullmatch(r"\d+\.\d+\.\d+", reference.version)
    assert reference.description.endswith(".")
    assert all(parameter.description for parameter in template.inputs)
    assert all(parameter.description for parameter in template.outputs)


@each_template
def test_its_requirements_are_exact(template: PipelineTemplate) -> None:
    if template.requirements_path is None:
        return
    lines = template.files[template.requirements_path].read_text().splitlines()
    assert lines
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in lines)


@each_template
def test_the_variables_that_its_code_reads_are_named(template: PipelineTemplate) -> None:
    code = "".join(place.read_text() for place in template.files.values())
    assert set(template.variables) == set(re.findall(r'"(CHAT_API_\w+)"', code))


def test_every_folder_is_a_template() -> None:
    folders = {place.name for place in SHIPPED.iterdir() if place.is_dir()}
    described = {name.replace("-", "_") for name in TEMPLATES}
    assert folders - described - {"__pycache__"} == {"shared"}


def test_what_an_installer_compiled_is_no_code_of_a_template(tmp_path: Path) -> None:
    folder = tmp_path / "some_thing"
    (folder / "code" / "__pycache__").mkdir(parents=True)
    (folder / "code" / "main.py").write_text("def f(): ...\n")
    (folder / "code" / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"x")
    shipped = (SHIPPED / "csv_cleaner" / "template.json").read_text()
    (folder / "template.json").write_text(shipped)
    (template,) = read_templates(tmp_path).values()
    assert template.reference.name == "some-thing"
    assert list(template.files) == ["main.py"]
    (folder / "template.json").write_text(shipped.replace('"file"', '"fil"'))
    with pytest.raises(InvalidRequest, match="must be one of"):
        read_templates(tmp_path)
