"""Endpoints on a real server, and a real browser to use them with."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.browsing import chromium, console, page
from tests.conftest import RunningServer
from tests.rolling import Versions
from tests.warm import Maker

from headrace import HeadraceSdk, Input, Output

__all__ = ["chromium", "console", "page"]

SOURCE = '''\
"""What the endpoints of these tests run."""

import time
from pathlib import Path


def add(a, b, note):
    return {"total": a + b, "note": note}


def mirror(document, text, number, flag, record, items):
    Path("mirrored.bin").write_bytes(Path(document["path"]).read_bytes()[::-1])
    sent = {"text": text, "number": number, "flag": flag, "record": record, "items": items}
    return {"copy": {"path": "mirrored.bin"}, "sent": sent}


def fail(message):
    raise ValueError(message)


def wait(seconds):
    time.sleep(seconds)
    return {"waited": seconds}
'''

INPUTS = {
    "add": [
        Input("a", "number", "the first <b>summand</b>", is_required=True),
        Input("b", "number", default_value=2),
        Input("note", "string"),
    ],
    "mirror": [
        Input("document", "file", is_required=True),
        Input("text", "string"),
        Input("number", "number"),
        Input("flag", "boolean"),
        Input("record", "json"),
        Input("items", "array", default_value=[1, 2]),
    ],
    "fail": [Input("message", "string", is_required=True)],
    "wait": [Input("seconds", "number", is_required=True)],
}
OUTPUTS = {
    "add": [Output("total", "number", "the sum"), Output("note", "string")],
    "mirror": [Output("copy", "file"), Output("sent", "json")],
    "fail": [],
    "wait": [Output("waited", "number")],
}


@dataclass(frozen=True)
class Endpoint:
    url: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"EndpointToken {self.token}"}


def make_endpoint(running: RunningServer, folder: Path, function: str) -> Endpoint:
    """A pipeline of one of the functions above, and an endpoint of it."""
    (folder / "main.py").write_text(SOURCE)
    name = f"{function}-{uuid.uuid4().hex[:8]}"
    with HeadraceSdk(sdk_token=running.token, environment_url=running.url) as sdk:
        sdk.create_pipeline(
            name,
            "main.py",
            function,
            container_config={"local_folder": str(folder)},
            inputs=INPUTS[function],
            outputs=OUTPUTS[function],
        )
        deployment = sdk.create_deployment(name, name, "endpoint", description="Try me.")
    return Endpoint(f"{running.url}/endpoints/{name}", deployment["endpoint_token"])


@pytest.fixture(scope="session")
def endpoint_of(
    server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Endpoint]:
    """Makes an endpoint of a function once, on the shared server."""
    return functools.cache(
        lambda function: make_endpoint(server, tmp_path_factory.mktemp("source"), function)
    )


@pytest.fixture
def sdk(server: RunningServer) -> Iterator[HeadraceSdk]:
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as connected:
        yield connected


@pytest.fixture
def versions(make: Maker, tmp_path: Path) -> Versions:
    """A pipeline with one version, on the server of the module's own ``make``."""
    found = Versions(make, tmp_path)
    found.deploy()
    return found
