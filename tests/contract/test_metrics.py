"""Metrics: recorded by the public client inside of executions, and read by it from outside."""

from __future__ import annotations

import concurrent.futures
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from craft_ai_sdk.io import Input, Output
from tests.conftest import RunningServer

from headrace import HeadraceSdk, InvalidRequest, NotFound

SOURCE = """
from craft_ai_sdk import CraftAiSdk

sdk = CraftAiSdk()


def measure(n):
    told = [
        sdk.record_metric_value("share", n / 2),
        sdk.record_metric_value("share", n),
        sdk.record_list_metric_values("loss/train", [n, n + 0.5]),
        sdk.record_list_metric_values("loss/train", n + 1),
    ]
    return {"told": all(told)}


def meddle(other):
    said = []
    for client in (CraftAiSdk(), sdk):
        try:
            url = f"{client.base_environment_api_url}/metrics/single-value/share"
            client._put(url, json={"value": -1, "execution_id": other})
        except Exception as error:
            said.append(str(error))
    return {"said": said}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "main.py").write_text(SOURCE)
    (folder / "requirements.txt").write_text("craft-ai-sdk==0.74.7\n")
    return folder


@pytest.fixture(scope="module")
def pipeline(public_sdk: Any, folder: Path) -> Iterator[tuple[str, str]]:
    """A pipeline whose code records metrics, and an endpoint of it with calls at the same time."""
    name = f"measure-{uuid.uuid4().hex[:8]}"
    public_sdk.create_pipeline(
        pipeline_name=name,
        function_path="main.py",
        function_name="measure",
        container_config={"local_folder": str(folder), "requirements_path": "requirements.txt"},
        inputs=[Input("n", "number")],
        outputs=[Output("told", "boolean")],
    )
    deployment = public_sdk.create_deployment(
        name,
        f"{name}-warm",
        "endpoint",
        mode="low_latency",
        enable_parallel_executions=True,
        max_parallel_executions_per_pod=8,
    )
    yield name, deployment["name"]
    public_sdk.delete_pipeline(name, force_deployments_deletion=True)


def test_metrics_of_a_run_are_read_as_the_client_promises(
    public_sdk: Any, pipeline: tuple[str, str]
) -> None:
    name, _ = pipeline
    run = public_sdk.run_pipeline(name, inputs={"n": 3})
    execution_id = run["execution_id"]
    (single,) = public_sdk.get_metrics(execution_id=execution_id)
    assert single.pop("created_at").endswith("Z")
    belongs = {"execution_id": execution_id, "pipeline_name": name, "deployment_name": None}
    assert single == {"name": "share", "value": 3.0, **belongs}
    (several,) = public_sdk.get_list_metrics(execution_id=execution_id, name="loss/train")
    assert several["values"] == [3.0, 3.5, 4.0]
    assert public_sdk.get_metrics(execution_id=execution_id, name="another") == []
    public_sdk.delete_pipeline_execution(execution_id)
    assert public_sdk.get_metrics(execution_id=execution_id) == []


def test_calls_of_one_pod_at_the_same_time_record_their_own_metrics(
    server: RunningServer, public_sdk: Any, pipeline: tuple[str, str]
) -> None:
    name, deployment = pipeline
    token = public_sdk.get_deployment(deployment)["endpoint_token"]

    def call(n: int) -> str:
        answer = httpx.post(
            f"{server.url}/endpoints/{deployment}",
            json={"n": n},
            headers={"Authorization": f"EndpointToken {token}"},
            follow_redirects=True,
            timeout=60,
        )
        assert answer.json()["outputs"] == {"told": True}, answer.text
        return str(answer.json()["execution_id"])

    with concurrent.futures.ThreadPoolExecutor(8) as callers:
        ids = list(callers.map(call, range(16)))
    found = public_sdk.get_metrics(deployment_name=deployment)
    assert {metric["execution_id"]: metric["value"] for metric in found} == {
        execution_id: float(n) for n, execution_id in enumerate(ids)
    }
    lists = public_sdk.get_list_metrics(deployment_name=deployment)
    assert {metric["execution_id"]: metric["values"][2] for metric in lists} == {
        execution_id: n + 1.0 for n, execution_id in enumerate(ids)
    }
    assert {metric["pipeline_name"] for metric in lists} == {name}


def test_code_records_nothing_for_an_execution_that_is_not_its_own(
    public_sdk: Any, pipeline: tuple[str, str], folder: Path
) -> None:
    name = f"meddle-{uuid.uuid4().hex[:8]}"
    public_sdk.create_pipeline(
        pipeline_name=name,
        function_path="main.py",
        function_name="meddle",
        container_config={"local_folder": str(folder), "requirements_path": "requirements.txt"},
        inputs=[Input("other", "string")],
        outputs=[Output("said", "array")],
    )
    other = public_sdk.run_pipeline(pipeline[0], inputs={"n": 1})["execution_id"]
    said = public_sdk.run_pipeline(name, inputs={"other": other})["outputs"]["said"]
    assert len(said) == 2
    assert all("may not record metrics" in text for text in said), said
    (metric,) = public_sdk.get_metrics(execution_id=other)
    assert metric["value"] == 1.0
    public_sdk.delete_pipeline(name)


@pytest.fixture
def execution(own_sdk: HeadraceSdk, code: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An execution on record, for whose code this process is taken."""
    execution_id = str(own_sdk.run_pipeline(code, inputs={})["execution_id"])
    monkeypatch.setenv("HEADRACE_EXECUTION_ID", execution_id)
    return execution_id


@pytest.fixture(scope="module")
def code(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("nothing")
    (folder / "main.py").write_text("def nothing():\n    pass\n")
    name = f"nothing-{uuid.uuid4().hex[:8]}"
    with HeadraceSdk(server.token, server.url) as sdk:
        sdk.create_pipeline(
            name, "main.py", "nothing", container_config={"local_folder": str(folder)}
        )
        yield name
        sdk.delete_pipeline(name)


def test_own_client_takes_numbers_of_every_library(own_sdk: HeadraceSdk, execution: str) -> None:
    class Scalar:
        """As numpy's: no number to Python, and it becomes one."""

        def __float__(self) -> float:
            return 0.25

    assert own_sdk.record_metric_value("of numpy", Scalar())  # type: ignore[arg-type]  # see there
    assert own_sdk.record_list_metric_values("many", range(10_001))
    assert own_sdk.record_list_metric_values("many", Scalar())  # type: ignore[arg-type]  # see there
    (single,) = own_sdk.get_metrics(execution_id=execution)
    assert (single["name"], single["value"]) == ("of numpy", 0.25)
    (several,) = own_sdk.get_list_metrics(name="many", execution_id=execution)
    assert several["values"] == [*map(float, range(10_001)), 0.25]


def test_what_only_looks_like_a_number_of_numpy_is_refused(
    own_sdk: HeadraceSdk, execution: str
) -> None:
    class Kind:
        kind = "b"

    class Truth:
        """As numpy's ``True``, which becomes 1.0 where it is asked to."""

        dtype = Kind

        def __float__(self) -> float:
            return 1.0

    class Point(list[float]):
        """As an array of numpy without dimensions."""

        ndim = 0

        def __iter__(self) -> Iterator[float]:
            raise TypeError("iteration over a 0-d array")

        def __float__(self) -> float:
            return 0.75

    with pytest.raises(InvalidRequest, match="value must be one finite number, not <"):
        own_sdk.record_metric_value("truth", Truth())  # type: ignore[arg-type]  # on purpose
    with pytest.raises(InvalidRequest, match=r"values\[1\] must be one finite number"):
        own_sdk.record_list_metric_values("truth", [1, Truth()])  # type: ignore[list-item]  # so
    assert own_sdk.record_list_metric_values("point", Point())
    (several,) = own_sdk.get_list_metrics(execution_id=execution)
    assert (several["name"], several["values"]) == ("point", [0.75])


def test_outside_of_executions_nothing_is_recorded_and_that_is_said(own_sdk: HeadraceSdk) -> None:
    with pytest.warns(UserWarning, match="'alone' was not recorded"):
        assert not own_sdk.record_metric_value("alone", 1)
    with pytest.warns(UserWarning, match="'alone' was not recorded"):
        assert not own_sdk.record_list_metric_values("alone", [1, 2])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("x", float("nan"), "value must be a finite number, not nan"),
        ("x", True, "value must be a finite number, not True"),
        ("x", "1", "value must be a finite number, not '1'"),
        pytest.param("x", 10**400, "value must be a finite number", id="huge"),
        ("", 1, "must be a non-empty text"),
        ("a\tb", 1, "must be visible text"),
        ("x" * 201, 1, "at most 200"),
    ],
)
def test_what_is_no_metric_is_refused_by_client_and_server(
    own_sdk: HeadraceSdk, server: RunningServer, execution: str, name: str, value: Any, message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        own_sdk.record_metric_value(name, value)
    if isinstance(value, float) or not name:
        return
    answer = httpx.put(
        f"{server.url}/api/v1/metrics/single-value/{_quoted(name)}",
        json={"value": value, "execution_id": execution},
        headers={"Authorization": f"Bearer {_access(server)}"},
    )
    assert answer.status_code == 400, answer.text
    assert message.split(",", maxsplit=1)[0] in answer.json()["message"]


def test_limits_of_an_execution_are_kept_and_said(own_sdk: HeadraceSdk, execution: str) -> None:
    for number in range(100):
        own_sdk.record_metric_value(f"m{number}", number)
    with pytest.raises(InvalidRequest, match="has 100 single metrics"):
        own_sdk.record_metric_value("one more", 1)
    assert own_sdk.record_metric_value("m7", -1)
    for number in range(25):
        own_sdk.record_list_metric_values(f"l{number}", [number])
    with pytest.raises(InvalidRequest, match="has 25 list metrics"):
        own_sdk.record_list_metric_values("one more", 1)
    assert len(own_sdk.get_metrics(execution_id=execution)) == 100
    assert len(own_sdk.get_list_metrics(execution_id=execution)) == 25


def test_metrics_of_an_execution_that_is_not_there_are_refused(
    own_sdk: HeadraceSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_EXECUTION_ID", "01900000-0000-7000-8000-000000000000")
    with pytest.raises(NotFound, match="There is no execution"):
        own_sdk.record_metric_value("x", 1)


def _quoted(name: str) -> str:
    return name.replace("\t", "%09")


def _access(server: RunningServer) -> str:
    answer = httpx.post(f"{server.url}/api/v1/auth/refresh", json={"refresh_token": server.token})
    return str(answer.json()["access_token"])
