"""A function with type hints alone: what is read from it is what its calls get and give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer

from headrace import HeadraceSdk, PipelineCreationFailed
from headrace.client.code_files import source_in
from headrace.core.signatures.reading import read_signature

pytestmark = pytest.mark.system

SOURCE = '''
from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal, TypedDict

from shapes import Point


class Unit(Enum):
    MM = "mm"
    CM = "cm"


@dataclass
class Measured:
    """What was measured.

    Attributes:
        length: From the first point to the last.
    """

    length: float
    unit: Unit
    report: Path


class Words(TypedDict):
    words: list[str]
    longest: int


def measure(
    points: list[Point],
    unit: Unit = Unit.MM,
    rounding: Annotated[Literal[0, 1, 2], "Digits that are kept"] = 1,
    title: str | None = None,
) -> Measured:
    """Measure a line."""
    pairs = list(zip(points, points[1:]))
    length = sum(abs(b.x - a.x) + abs(b.y - a.y) for a, b in pairs)
    report = Path("report.txt")
    report.write_text(f"{title}: {length}")
    return Measured(round(length, rounding), unit, report)


async def words(text: Path) -> Words:
    found = text.read_text().split()
    return {"words": found, "longest": max(map(len, found)), "more": 1}


def double(n: int) -> int:
    return 2 * n


def bare(function):
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


@bare
def hidden(n: int) -> int:
    return n
'''
SHAPES = """
from dataclasses import dataclass


@dataclass
class Point:
    x: float
    y: float = 0.0
"""
MODES = ["elastic", "low_latency"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("contract")
    (made / "m.py").write_text(SOURCE)
    (made / "shapes.py").write_text(SHAPES)
    return made


@pytest.fixture(scope="module")
def made(server: RunningServer, folder: Path) -> Iterator[HeadraceSdk]:
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as sdk:
        for function in ("measure", "words", "double"):
            create(sdk, folder, function)
        yield sdk
        for function in ("measure", "words", "double"):
            sdk.delete_pipeline(f"contract-{function}", force_deployments_deletion=True)


def create(sdk: HeadraceSdk, folder: Path, function: str) -> None:
    signature = read_signature(source_in(folder, "m.py"), function)
    sdk.create_pipeline(
        f"contract-{function}",
        "m.py",
        function,
        description=signature.description,
        container_config={"local_folder": str(folder)},
        inputs=list(signature.inputs),
        outputs=list(signature.outputs),
        calling=signature.calling,
    )


def endpoint(sdk: HeadraceSdk, function: str, mode: str) -> dict[str, Any]:
    name = f"contract-{function}-{mode}".replace("_", "-")
    return sdk.create_deployment(f"contract-{function}", name, "endpoint", mode=mode)


def post(found: dict[str, Any], **call: Any) -> httpx.Response:
    headers = {"Authorization": f"EndpointToken {found['endpoint_token']}"}
    with httpx.Client(timeout=60, follow_redirects=True) as http:
        return http.post(found["endpoint_url"], headers=headers, **call)


def test_what_is_read_is_what_the_pipeline_declares(made: HeadraceSdk) -> None:
    found = made.get_pipeline("contract-measure")
    inputs = {item["name"]: item for item in found["parameters"]["inputs"]}
    assert [(name, item["data_type"]) for name, item in inputs.items()] == [
        ("points", "array"),
        ("unit", "string"),
        ("rounding", "number"),
        ("title", "string"),
    ]
    assert inputs["rounding"]["description"] == "Digits that are kept. One of 0, 1, 2."
    assert inputs["rounding"]["default_value"] == 1
    outputs = {item["name"]: item for item in found["parameters"]["outputs"]}
    assert outputs["length"]["description"] == "From the first point to the last."
    assert [item["data_type"] for item in outputs.values()] == ["number", "string", "file"]


def test_a_run_converts_both_ways(made: HeadraceSdk) -> None:
    points = [{"x": 0}, {"x": 3, "y": 4.25}]
    done = made.run_pipeline("contract-measure", {"points": points, "unit": "cm"})
    assert (done["outputs"]["length"], done["outputs"]["unit"]) == (7.2, "cm")
    assert made.run_pipeline("contract-double", {"n": 4})["outputs"] == {"result": 8}


def test_hints_that_a_decorator_hides_fail_the_creation(made: HeadraceSdk, folder: Path) -> None:
    with pytest.raises(PipelineCreationFailed, match=r"The type hints of hidden\(\) in m\.py"):
        create(made, folder, "hidden")
    made.delete_pipeline("contract-hidden")


@pytest.mark.parametrize("mode", MODES)
def test_an_endpoint_converts_both_ways(made: HeadraceSdk, mode: str) -> None:
    found = endpoint(made, "double", mode)
    assert post(found, json={"n": 4}).json()["outputs"] == {"result": 8}
    answer = post(found, json={"n": 4.5})
    assert answer.status_code == 400
    said = answer.json()
    assert said["message"] == "input 'n' must be a whole number, but is a number: 4.5."
    assert said["additional_data"]["failure"] == "bad_input"
    assert said["additional_data"]["status"] == "Failed"
    record = made.get_pipeline_execution(said["additional_data"]["execution_id"])
    assert record["failure"] == {"kind": "bad_input", "message": said["message"]}


@pytest.mark.parametrize("mode", MODES)
def test_all_that_does_not_fit_comes_at_once(made: HeadraceSdk, mode: str) -> None:
    found = endpoint(made, "measure", mode)
    answer = post(found, json={"points": [{"y": 1}], "unit": "m", "rounding": 3})
    assert answer.status_code == 400
    message = answer.json()["message"]
    assert "input 'points': [0] lacks x; input 'unit' must be one of 'mm', 'cm', but is" in message
    assert "input 'rounding' must be one of 0, 1, 2, but is a number: 3." in message


@pytest.mark.parametrize("mode", MODES)
def test_files_are_paths_and_what_nobody_declares_is_told(made: HeadraceSdk, mode: str) -> None:
    found = endpoint(made, "words", mode)
    answer = post(found, files={"text": ("a.txt", b"two words")})
    assert json.loads(answer.content)["outputs"] == {"words": ["two", "words"], "longest": 5}
    log = made.get_pipeline_execution_logs(answer.json()["execution_id"])
    [line] = [line["message"] for line in log if "declare" in line["message"]]
    assert "words() returned values that no output declares and that are not kept: more." in line
