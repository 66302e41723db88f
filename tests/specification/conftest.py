"""Both clients with the same pipelines, and ways to call an endpoint from outside of Python."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.axios_module import NODE, axios_folder
from tests.conftest import RunningServer
from tests.overdue import make_overdue

import headrace

SOURCE = '''
"""Functions of the examples: of nothing, of numbers, of each type, of files."""

import os
from pathlib import Path


def greet():
    print("good morning")


def area(width, height):
    return {"area": None if None in (width, height) else width * height}


def repeat(text, number, flag, record, items):
    return {"text": text, "number": number, "flag": flag, "record": record, "items": items}


def shout(letter):
    said = "" if letter is None else Path(letter["path"]).read_text()
    Path("loud.txt").write_text(said.upper())
    return {"loud": {"path": "loud.txt"}}


def lookup(name):
    return {"value": os.environ.get(name)}
'''

VALUES = {
    "text": "string",
    "number": "number",
    "flag": "boolean",
    "record": "json",
    "items": "array",
}
SIGNATURES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "greet": ({}, {}),
    "area": ({"width": "number", "height": "number"}, {"area": "number"}),
    "repeat": (VALUES, VALUES),
    "shout": ({"letter": "file"}, {"loud": "file"}),
    "lookup": ({"name": "string"}, {"value": "string"}),
}


@dataclass
class Door:
    """A server as one of the clients sees it.

    Attributes:
        server: The server.
        sdk: The client.
        module: Where its classes of inputs, outputs and mappings are.
        own: Headrace's client, for what the other one cannot ask.
        folder: The folder of the pipelines.
    """

    server: RunningServer
    sdk: Any
    module: Any
    own: headrace.HeadraceSdk
    folder: Path
    pipelines: dict[str, str] = field(default_factory=dict)
    deployments: list[str] = field(default_factory=list)

    def source(self, name: str, **place: Any) -> Any:
        """Return the mapping of an input."""
        return self.module.InputSource(pipeline_input_name=name, **place)

    def target(self, name: str, **place: Any) -> Any:
        """Return the mapping of an output."""
        return self.module.OutputDestination(pipeline_output_name=name, **place)

    def pipeline(self, function: str) -> str:
        """Return the name of the pipeline of a function."""
        if function not in self.pipelines:
            name = self.pipelines[function] = f"{function}-{uuid.uuid4().hex[:8]}"
            inputs, outputs = SIGNATURES[function]
            self.sdk.create_pipeline(
                pipeline_name=name,
                function_path="main.py",
                function_name=function,
                container_config={"local_folder": str(self.folder)},
                inputs=[self.module.Input(name, kind) for name, kind in inputs.items()],
                outputs=[self.module.Output(name, kind) for name, kind in outputs.items()],
            )
        return self.pipelines[function]

    def run(self, function: str, **options: Any) -> Any:
        """Run the pipeline of a function and return its outputs."""
        return self.sdk.run_pipeline(pipeline_name=self.pipeline(function), **options)["outputs"]

    def deploy(self, function: str, rule: str = "endpoint", **options: Any) -> Any:
        """Create a deployment of the pipeline of a function, and return it."""
        name = f"{function}-{uuid.uuid4().hex[:8]}"
        self.deployments.append(name)
        return self.sdk.create_deployment(
            execution_rule=rule,
            pipeline_name=self.pipeline(function),
            deployment_name=name,
            **options,
        )

    def call(self, endpoint: Any, inputs: dict[str, Any] | None = None) -> Any:
        """Call an endpoint with its token, and return the outputs."""
        given = {} if inputs is None else {"inputs": inputs}
        return self.sdk.trigger_endpoint(
            endpoint_name=endpoint["name"], endpoint_token=endpoint["endpoint_token"], **given
        )["outputs"]

    def url(self, endpoint: Any) -> str:
        """Return what the specification says that the URL of an endpoint is."""
        return f"{self.server.url}/endpoints/{endpoint['name']}"

    def curl(self, endpoint: Any, *arguments: str) -> Any:
        """Call an endpoint with curl, and return the outputs."""
        done = subprocess.run(
            [
                *("curl", "--silent", "--show-error", "--fail", "-X", "POST", *arguments),
                *("-H", f"Authorization: EndpointToken {endpoint['endpoint_token']}"),
                self.url(endpoint),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["outputs"]

    def fired(self, deployment: Any) -> str:
        """Have the present minute be due, and return the execution of its fire time."""
        name = deployment["name"]
        fates = make_overdue(self.server, self.own, name, self.pipeline("greet"), 1)
        assert fates == ["ran"]
        # No other fire time, in case that the next minute begins meanwhile.
        self.own.update_deployment(name, is_enabled=False)
        return str(self.own.get_ledger(name, fate="ran")[-1]["execution_id"])

    def clear(self) -> None:
        """Delete the deployments of a test."""
        for name in self.deployments:
            with suppress(headrace.HeadraceError):
                self.own.delete_deployment(name)
        self.deployments.clear()


@pytest.fixture(scope="session", params=["headrace", "craft_ai_sdk"])
def both(
    request: pytest.FixtureRequest,
    server: RunningServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Door]:
    """The server through one client and the other."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "main.py").write_text(SOURCE)
    with headrace.HeadraceSdk(server.token, server.url) as own:
        if request.param == "headrace":
            yield Door(server, own, headrace, own, folder)
        else:
            import craft_ai_sdk
            from craft_ai_sdk import io as module

            sdk = craft_ai_sdk.CraftAiSdk(
                sdk_token=server.token, environment_url=server.url, control_url=server.url
            )
            yield Door(server, sdk, module, own, folder)


@pytest.fixture
def door(both: Door) -> Iterator[Door]:
    """The server through a client; what a test deploys is deleted after it."""
    yield both
    both.clear()


@pytest.fixture(scope="session")
def axios() -> Callable[[str, str, Any], Any]:
    """Post with axios to a URL with an endpoint's token, and return the outputs of the answer."""
    folder = axios_folder()
    script = (
        "const [url, token, body] = JSON.parse(process.env.CALL);"
        "const headers = { Authorization: `EndpointToken ${token}` };"
        "require('axios').post(url, body, { headers })"
        ".then(({ data }) => console.log(JSON.stringify(data.outputs)));"
    )

    def post(url: str, token: str, body: Any) -> Any:
        done = subprocess.run(
            [NODE / "node", "--input-type=commonjs", "--eval", script],
            cwd=folder,
            env={**os.environ, "CALL": json.dumps([url, token, body])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return post
