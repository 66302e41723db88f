"""The OpenAPI document of the API: true to the routes, and what strangers make of it."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from tests.conftest import RunningServer

from headrace import HeadraceSdk, Input, Output
from headrace.wire.routes import ROUTES

pytestmark = pytest.mark.system

QUICKLY = settings(
    max_examples=4,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""Some requests to each operation: enough to send each kind of nonsense somewhere in a minute."""


def test_the_document_is_openapi_and_has_every_route(server: RunningServer) -> None:
    document = httpx.get(f"{server.url}/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    names = ({name: f"{{{name}}}" for name in route.placeholders} for route in ROUTES)
    assert described == {
        (route.method, route.url(**filled)) for route, filled in zip(ROUTES, names, strict=True)
    }
    assert document["servers"] == [{"url": server.url}]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server of its own, with something of each kind, and the document with their names."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "code").mkdir()
    (folder / "code" / "main.py").write_text("def add(a):\n    return {'sum': a}\n")
    server = RunningServer(folder / "data").start()
    with HeadraceSdk(server.token, server.url) as sdk:
        config = {"local_folder": str(folder / "code")}
        sdk.create_pipeline(
            *("kept", "main.py", "add"),
            container_config=config,
            inputs=[Input("a", "number")],
            outputs=[Output("sum", "number")],
        )
        sdk.create_deployment("kept", "kept", "endpoint")
        token = sdk.get_deployment("kept")["endpoint_token"]
        execution_id = sdk.run_pipeline("kept", inputs={"a": 1})["execution_id"]
    yield server, token, execution_id
    assert server.stop() == 0, server.log.read_text()


def with_names(document: dict[str, Any], execution_id: str) -> dict[str, Any]:
    """Return the document with names of what is there, beside any others, as it may be told."""
    told = {"name": "kept", "path": "kept", "execution_id": execution_id, "number": "1"}
    document = copy.deepcopy(document)
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path" and parameter["name"] in told:
                    known = {"const": told[parameter["name"]]}
                    parameter["schema"] = {"anyOf": [known, parameter["schema"]]}
    return document


def test_nothing_that_is_sent_to_any_route_is_an_error_of_the_server(place: Any) -> None:
    server, token, execution_id = place
    answer = httpx.post(f"{server.url}/api/v1/auth/refresh", json={"refresh_token": server.token})
    headers = {
        "AccessToken": f"Bearer {answer.json()['access_token']}",
        "EndpointToken": f"EndpointToken {token}",
    }
    document = with_names(httpx.get(f"{server.url}/openapi.json").json(), execution_id)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=server.url)
    asked: Counter[int] = Counter()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        needs = operation.definition.raw["security"]
        own = {"Authorization": headers[next(iter(needs[0]))]} if needs else {}

        @QUICKLY
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            response = case.call(headers=own, timeout=60)  # noqa: B023 - asked at once
            asked[response.status_code] += 1
            if response.status_code == 500:
                # The user's function failed, and its caller is told so.
                assert response.json()["name"] == "PipelineExecutionFailed", response.text
            else:
                case.validate_response(response, checks=(not_a_server_error,))

        ask()
    assert asked.total() >= len(ROUTES)
    assert set(asked) & {200, 201, 204}
    assert set(asked) & {400, 404}
