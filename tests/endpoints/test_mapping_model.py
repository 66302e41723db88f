"""Drawn mappings and calls on a real server, against a small model of the specification's table."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace import HeadraceSdk, Input, InputSource, InvalidMapping, Output, OutputDestination

SOURCE = """\
import pathlib


def echo(text, number, flag, record, items, document):
    values = {"text": text, "number": number, "flag": flag, "record": record, "items": items}
    content = None if document is None else pathlib.Path(document["path"]).read_text()
    return {**values, "content": content}
"""
TYPES = {
    "text": "string",
    "number": "number",
    "flag": "boolean",
    "record": "json",
    "items": "array",
    "document": "file",
}
RESULTS = {**{name: kind for name, kind in TYPES.items() if kind != "file"}, "content": "string"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text("aé1", max_size=3),
    lambda children: (
        st.lists(children, max_size=2)
        | st.dictionaries(st.text("kx", min_size=1), children, max_size=2)
    ),
    max_leaves=4,
)
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text("aé1 ", max_size=4),
    "number": st.integers(-1000, 1000) | st.floats(-1e6, 1e6, allow_nan=False),
    "boolean": st.booleans(),
    "json": json_values.filter(lambda value: value is not None),
    "array": st.lists(json_values, max_size=3),
}


def fits(kind: str, value: Any) -> bool:
    """The model's own rule of types; ``None`` is no value and never asked about."""
    return {
        "string": isinstance(value, str),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "json": True,
        "array": isinstance(value, list),
        "file": False,
    }[kind]


@dataclass
class Drawn:
    """An input's source: the arguments of its InputSource, and what the model knows of it."""

    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    is_legal: bool = True


@st.composite
def sources(draw: st.DrawFn, name: str, kind: str) -> Drawn | None:
    """A source for one input, or None to leave it unmapped; most, but not all, are legal."""
    chosen = draw(
        st.sampled_from(["unmapped", "endpoint", "constant", "variable", "store", "null"])
    )
    is_file = kind == "file"
    match chosen:
        case "unmapped":
            return None
        case "endpoint":
            arguments: dict[str, Any] = {"endpoint_input_name": f"{name}_renamed"}
            if draw(st.booleans()):
                arguments["is_required"] = draw(st.booleans())
            legal = True
            if draw(st.booleans()):
                value = draw(json_values if is_file else FITTING[kind] | json_values)
                if value is not None:
                    arguments["default_value"] = value
                    legal = fits(kind, value)
            return Drawn("endpoint", arguments, legal)
        case "constant":
            value = draw(
                (json_values if is_file else FITTING[kind] | json_values).filter(
                    lambda value: value is not None
                )
            )
            return Drawn("constant", {"constant_value": value}, fits(kind, value))
        case "variable":
            return Drawn(
                "variable", {"environment_variable_name": f"MODEL_{kind.upper()}"}, not is_file
            )
        case "store":
            return Drawn("store", {"datastore_path": "model/document.txt"}, is_file)
        case _:
            return Drawn("null", {"is_null": True})


@dataclass
class Case:
    """A mapping and a call."""

    inputs: dict[str, Drawn | None]
    outputs: dict[str, str | None]
    sent: dict[str, Any]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    inputs = {name: draw(sources(name, kind)) for name, kind in TYPES.items()}
    outputs = {name: draw(st.sampled_from([None, None, "renamed", "null"])) for name in RESULTS}
    sent: dict[str, Any] = {}
    for name, source in inputs.items():
        if source is not None and source.kind != "endpoint":
            continue
        called = name if source is None else f"{name}_renamed"
        choice = draw(st.sampled_from(["fitting", "fitting", "fitting", "missing", "any"]))
        if choice == "missing":
            continue
        kind = TYPES[name]
        if kind == "file":
            sent[called] = draw(st.binary(max_size=3).map(lambda b: b.hex().encode()))
        else:
            sent[called] = draw(FITTING[kind] if choice == "fitting" else json_values)
    if draw(st.integers(0, 9)) == 0:
        sent["unknown"] = 1
    return Case(inputs, outputs, sent)


VARIABLES = {
    "MODEL_STRING": "from the variable",
    "MODEL_NUMBER": "4.5",
    "MODEL_BOOLEAN": "true",
    "MODEL_JSON": '{"from": "variable"}',
    "MODEL_ARRAY": "[1, null]",
}
STORED = "from the data store"


def is_form(case: Case) -> bool:
    """Whether the call is a form: it is one if it carries a file."""
    return any(isinstance(value, bytes) for value in case.sent.values())


def expected_value(case: Case, name: str) -> Any:
    """What the function receives for an input; LookupError if the call is to be refused."""
    kind, source = TYPES[name], case.inputs[name]
    if source is None or source.kind == "endpoint":
        arguments = {} if source is None else source.arguments
        value = case.sent.get(name if source is None else f"{name}_renamed")
        if value is None:
            value = arguments.get("default_value")
            if value is None and arguments.get("is_required"):
                raise LookupError(name)
        elif kind == "string" and is_form(case) and not isinstance(value, str):
            # In a form a text is a text, however much it looks like JSON.
            value = json.dumps(value)
        elif kind != "file" and not fits(kind, value):
            raise LookupError(name)
        return value.decode() if isinstance(value, bytes) else value
    return {
        "constant": source.arguments.get("constant_value"),
        "variable": VARIABLES["MODEL_STRING"]
        if kind == "string"
        else json.loads(VARIABLES.get(f"MODEL_{kind.upper()}", "null")),
        "store": STORED,
        "null": None,
    }[source.kind]


def expected_outputs(case: Case) -> dict[str, Any]:
    """What the caller gets; LookupError if the call is to be refused."""
    takes = [
        source for source in case.inputs.values() if source is None or source.kind == "endpoint"
    ]
    if "unknown" in case.sent and takes:
        raise LookupError("unknown")
    received = {name: expected_value(case, name) for name in TYPES}
    received["content"] = received.pop("document")
    return {
        f"{name}_renamed" if destination == "renamed" else name: received[name]
        for name, destination in case.outputs.items()
        if destination != "null"
    }


def model_answer(case: Case) -> dict[str, Any] | LookupError:
    """What the model says of a call: its outputs, or why it is refused."""
    try:
        return expected_outputs(case)
    except LookupError as refused:
        return refused


@pytest.fixture(scope="module")
def sdk(server: Any) -> Iterator[HeadraceSdk]:
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as made:
        yield made


@pytest.fixture(scope="module")
def pipeline(sdk: HeadraceSdk, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("echo")
    (folder / "echo.py").write_text(SOURCE)
    name = f"echo-{uuid.uuid4().hex[:8]}"
    sdk.create_pipeline(
        pipeline_name=name,
        function_path="echo.py",
        function_name="echo",
        container_config={"local_folder": str(folder)},
        inputs=[Input(name, kind) for name, kind in TYPES.items()],
        outputs=[Output(name, kind) for name, kind in RESULTS.items()],
    )
    for variable, value in VARIABLES.items():
        sdk.create_or_update_environment_variable(variable, value)
    stored = Path(folder, "stored.txt")
    stored.write_text(STORED)
    sdk.upload_data_store_object(str(stored), "model/document.txt")
    return name


def call(deployment: dict[str, Any], sent: dict[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"EndpointToken {deployment['endpoint_token']}"}
    files = {name: (name, value) for name, value in sent.items() if isinstance(value, bytes)}
    values = {name: value for name, value in sent.items() if name not in files}
    url = deployment["endpoint_url"]
    if not files:
        return httpx.post(url, json=values, headers=headers, timeout=60)
    texts = {name: json.dumps(value) for name, value in values.items()}
    return httpx.post(url, data=texts, files=files, headers=headers, timeout=60)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=cases())
def test_the_server_does_what_the_table_says(sdk: HeadraceSdk, pipeline: str, case: Case) -> None:
    name = f"model-{uuid.uuid4().hex[:8]}"
    arguments: dict[str, Any] = {
        "inputs_mapping": [
            InputSource(input_name, **source.arguments)
            for input_name, source in case.inputs.items()
            if source is not None
        ],
        "outputs_mapping": [
            OutputDestination(output_name, is_null=True)
            if destination == "null"
            else OutputDestination(output_name, endpoint_output_name=f"{output_name}_renamed")
            for output_name, destination in case.outputs.items()
            if destination is not None
        ],
    }
    illegal = [n for n, source in case.inputs.items() if source is not None and not source.is_legal]
    if illegal:
        with pytest.raises(InvalidMapping) as caught:
            sdk.create_deployment(pipeline, name, "endpoint", **arguments)
        assert all(repr(input_name) in caught.value.message for input_name in illegal)
        return
    deployment = sdk.create_deployment(pipeline, name, "endpoint", **arguments)
    try:
        answer = call(deployment, case.sent)
        expected = model_answer(case)
        if isinstance(expected, LookupError):
            assert answer.status_code == 400, answer.text
            assert str(expected.args[0]) in answer.json()["message"]
        else:
            assert answer.status_code == 200, answer.text
            assert answer.json()["outputs"] == expected
    finally:
        sdk.delete_deployment(name)
