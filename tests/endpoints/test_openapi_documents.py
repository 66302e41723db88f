"""The OpenAPI document of an endpoint is valid, and says exactly what the server accepts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from headrace.core.absence import ABSENT
from headrace.core.deployments import Deployment, Mode, check_endpoint_files
from headrace.core.destinations import DataStorePath, EndpointResult, Nowhere
from headrace.core.errors import InvalidMapping, InvalidValue
from headrace.core.mappings import (
    MappedInput,
    MappedOutput,
    map_inputs,
    map_outputs,
    resolve_given,
)
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import (
    ContainerConfig,
    Origin,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
)
from headrace.core.sources import (
    Constant,
    DataStoreFile,
    EndpointValue,
    EnvironmentVariable,
    Null,
    Rule,
)
from headrace.core.values import DataType, FileValue
from headrace.wire.openapi import FORM, JSON, endpoint_document
from headrace.wire.schemas import BYTES

AT = datetime(2026, 3, 1, tzinfo=UTC)
SENT_FILE = FileValue("inputs/document", "document.pdf", 3)

names = st.from_regex(r"[a-z][a-z0-9_]{0,6}x", fullmatch=True)
texts = st.none() | st.text(st.characters(codec="utf-8"), max_size=12)
scalars = (
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner | st.none(), max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
of_type = {
    DataType.STRING: st.text(st.characters(codec="utf-8"), max_size=8),
    DataType.NUMBER: st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    DataType.BOOLEAN: st.booleans(),
    DataType.ARRAY: st.lists(values, max_size=3),
    DataType.JSON: values,
    DataType.FILE: st.none(),
}

EXAMPLES = {
    DataType.STRING: "",
    DataType.NUMBER: 0,
    DataType.BOOLEAN: False,
    DataType.ARRAY: [],
    DataType.JSON: 0,
}


@st.composite
def sources(draw: st.DrawFn, parameter: Input) -> Any:
    """A source that can feed an input, or None to leave it unmapped."""
    given_values = st.builds(
        EndpointValue,
        names,
        st.none() | st.booleans(),
        st.none() | of_type[parameter.data_type],
    )
    others: list[st.SearchStrategy[Any]] = [st.none(), given_values, given_values, st.just(Null())]
    if parameter.data_type is DataType.FILE:
        others.append(st.just(DataStoreFile("some/file")))
    else:
        others += [
            st.builds(Constant, of_type[parameter.data_type]),
            st.just(EnvironmentVariable("VARIABLE")),
        ]
    return draw(st.one_of(others))


@st.composite
def endpoints(draw: st.DrawFn) -> Deployment:
    """An endpoint with any mapping that can be deployed."""
    inputs = [
        Input(name, kind, draw(texts), draw(st.none() | st.booleans()), draw(defaults(kind)))
        for name, kind in draw(parameters())
    ]
    outputs = [Output(name, kind, draw(texts)) for name, kind in draw(parameters())]
    input_sources = [(i.name, draw(sources(i))) for i in inputs]
    destinations = [
        (
            o.name,
            draw(
                st.none()
                | st.builds(EndpointResult, names)
                | st.just(Nowhere())
                | (
                    st.just(DataStorePath("out/{execution_id}"))
                    if o.data_type is DataType.FILE
                    else st.none()
                )
            ),
        )
        for o in outputs
    ]
    try:
        mapped_inputs = map_inputs(Rule.ENDPOINT, inputs, [(n, s) for n, s in input_sources if s])
        mapped_outputs = map_outputs(Rule.ENDPOINT, outputs, [(n, d) for n, d in destinations if d])
        check_endpoint_files(mapped_inputs, mapped_outputs)
    except InvalidMapping:
        # Two fields of one name, or two files: not a mapping that can be deployed.
        mapped_inputs, mapped_outputs = (), ()
    return _deployment(mapped_inputs, mapped_outputs, draw(texts))


def _deployment(
    inputs: tuple[MappedInput, ...],
    outputs: tuple[MappedOutput, ...],
    description: str | None = None,
) -> Deployment:
    return Deployment(
        id="d",
        name="endpoint",
        pipeline=_pipeline(tuple(m.parameter for m in inputs), tuple(m.parameter for m in outputs)),
        rule=Rule.ENDPOINT,
        mode=Mode.ELASTIC,
        description=description,
        sources=tuple((m.parameter.name, m.source) for m in inputs),
        destinations=tuple((m.parameter.name, m.destination) for m in outputs),
        is_enabled=True,
        created_at=AT,
        created_by="u",
        updated_at=AT,
        updated_by="u",
        url_path="a-path",
    )


def parameters() -> st.SearchStrategy[list[tuple[str, DataType]]]:
    return st.lists(
        st.tuples(names, st.sampled_from(DataType)), max_size=5, unique_by=lambda pair: pair[0]
    )


def defaults(kind: DataType) -> st.SearchStrategy[Any]:
    return st.none() | of_type[kind]


def _pipeline(inputs: tuple[Input, ...], outputs: tuple[Output, ...]) -> Pipeline:
    return Pipeline(
        id="p",
        name="pipeline",
        created_at=AT,
        created_by="u",
        version=PipelineVersion(
            id="p-version",
            number=1,
            function_path="main.py",
            function_name="main",
            config=ContainerConfig("python:3.11-slim"),
            origin=Origin.LOCAL,
            status=PipelineStatus.READY,
            created_at=AT,
            created_by="u",
            bundle="b",
            inputs=inputs,
            outputs=outputs,
        ),
    )


def sent(endpoint: Deployment) -> dict[str, tuple[Input, EndpointValue]]:
    """What a caller sends, by the caller's names."""
    return {
        item.source.name: (item.parameter, item.source)
        for item in endpoint.inputs
        if isinstance(item.source, EndpointValue)
    }


def is_accepted(endpoint: Deployment, sent_values: dict[str, Any]) -> bool:
    try:
        resolve_given(endpoint.inputs, sent_values)
    except InvalidValue:
        return False
    return True


def body_schema(document: dict[str, Any], media_type: str) -> dict[str, Any]:
    schema = document["paths"]["/endpoints/a-path"]["post"]["requestBody"]["content"][media_type][
        "schema"
    ]
    return document["components"]["schemas"]["Inputs"] if "$ref" in schema else schema


@settings(max_examples=15, deadline=None)
@given(endpoints())
def test_the_document_is_openapi(endpoint: Deployment) -> None:
    document = endpoint_document(endpoint, "https://headrace.example.org")
    OpenAPIV31SpecValidator(document).validate()
    assert document["servers"] == [{"url": "https://headrace.example.org"}]


@settings(max_examples=100, deadline=None)
@given(endpoints(), st.data())
def test_a_body_fits_the_document_exactly_if_the_server_accepts_it(
    endpoint: Deployment, data: st.DataObject
) -> None:
    document = endpoint_document(endpoint, "https://headrace.example.org")
    content = document["paths"]["/endpoints/a-path"]["post"]["requestBody"]["content"]
    media_type = data.draw(st.sampled_from(sorted(content)))
    body: dict[str, Any] = {}
    files: dict[str, Any] = {}
    for name, (parameter, _) in sent(endpoint).items():
        if parameter.data_type is DataType.FILE:
            if media_type == FORM and data.draw(st.booleans()):
                body[name], files[name] = "its bytes", SENT_FILE
        elif data.draw(st.sampled_from([True, True, False])):
            body[name] = data.draw(st.none() | of_type[parameter.data_type] | values)
    if data.draw(st.sampled_from([False, False, True])):
        body["unknown-name"] = 1
    fits = OAS31Validator(body_schema(document, media_type)).is_valid(body)
    event(f"fits: {fits}")
    assert fits == is_accepted(endpoint, body | files)


@settings(max_examples=40, deadline=None)
@given(endpoints())
def test_what_is_required_and_what_is_the_default_is_what_the_core_says(
    endpoint: Deployment,
) -> None:
    document = endpoint_document(endpoint, "https://headrace.example.org")
    content = document["paths"]["/endpoints/a-path"]["post"]["requestBody"]["content"]
    asked = sent(endpoint)
    schema = body_schema(document, FORM if FORM in content else JSON)
    assert list(schema["properties"]) == list(asked)
    missing_one = {
        name
        for name, (parameter, _) in asked.items()
        if not is_accepted(
            endpoint,
            {
                other: SENT_FILE if p.data_type is DataType.FILE else EXAMPLES[p.data_type]
                for other, (p, _) in asked.items()
                if other != name
            },
        )
    }
    assert set(schema["required"]) == missing_one
    nothing_missing = {
        name: SENT_FILE if p.data_type is DataType.FILE else EXAMPLES[p.data_type]
        for name, (p, _) in asked.items()
        if name in missing_one
    }
    resolved = resolve_given(endpoint.inputs, nothing_missing)
    for name, (parameter, _) in asked.items():
        if name not in missing_one:
            default = schema["properties"][name].get("default", ABSENT)
            assert default == resolved[parameter.name]


@settings(max_examples=25, deadline=None)
@given(endpoints())
def test_the_examples_are_accepted(endpoint: Deployment) -> None:
    document = endpoint_document(endpoint, "https://headrace.example.org")
    content = document["paths"]["/endpoints/a-path"]["post"]["requestBody"]["content"]
    if JSON in content:
        assert is_accepted(endpoint, content[JSON]["example"])
    for schema in (body_schema(document, media_type) for media_type in content):
        for field in schema["properties"].values():
            for example in field.get("examples", ()):
                assert OAS31Validator(field).is_valid(example)


@settings(max_examples=25, deadline=None)
@given(endpoints())
def test_the_answer_is_a_file_where_one_is_mapped_and_names_every_other_output(
    endpoint: Deployment,
) -> None:
    document = endpoint_document(endpoint, "https://headrace.example.org")
    answered = {
        item.destination.name: item.parameter.data_type
        for item in endpoint.outputs
        if isinstance(item.destination, EndpointResult)
    }
    outputs = document["components"]["schemas"]["Outputs"]["properties"]["outputs"]
    assert list(outputs["properties"]) == outputs["required"] == list(answered)
    success = document["paths"]["/endpoints/a-path"]["post"]["responses"]["200"]["content"]
    assert (BYTES in success) == (DataType.FILE in answered.values())
    answer = {"execution_id": "x", "outputs": dict.fromkeys(answered)}
    schema = document["components"]["schemas"]["Outputs"]
    assert OAS31Validator(schema).is_valid(answer)
    assert not OAS31Validator(schema).is_valid(answer | {"outputs": {"other": 1}})


@pytest.mark.parametrize(
    ("declared", "source", "schema"),
    [
        (Input("n", "number"), None, {"required": []}),
        (Input("n", "number", is_required=True), None, {"required": ["n"]}),
        (
            Input("n", "number", is_required=True, default_value=0),
            None,
            {"required": [], "default": 0},
        ),
        (
            Input("n", "number", is_required=True, default_value=1),
            EndpointValue("m", is_required=False, default_value=2),
            {"required": [], "default": 2},
        ),
        (
            Input("n", "number"),
            EndpointValue("m", is_required=True),
            {"required": ["m"]},
        ),
    ],
)
def test_the_mapping_wins_over_the_declaration_and_a_default_over_being_required(
    declared: Input, source: EndpointValue | None, schema: dict[str, Any]
) -> None:
    mapped = map_inputs(Rule.ENDPOINT, [declared], [("n", source)] if source else [])
    inputs = body_schema(endpoint_document(_deployment(mapped, ()), "https://h.example"), JSON)
    (field,) = inputs["properties"].values()
    found = {"required": inputs["required"]}
    assert found | {key: field[key] for key in ("default",) if key in field} == schema
