"""An SDK on the real server, and pipelines to run with it."""

from __future__ import annotations

import textwrap

import pytest

from headrace import HeadraceSdk, Input, Output

CODE = """
import time
from pathlib import Path


def add(number1, number2):
    print("adding", number1, number2)
    return {"number3": number1 + number2}


def nothing():
    pass


def double(source, times):
    data = Path(source["path"]).read_bytes()
    Path("result.bin").write_bytes(data * times)
    return {"result": {"path": "result.bin"}, "name": Path(source["path"]).name}


def wait(seconds):
    print("waiting")
    time.sleep(seconds)
    print("waited")
    return {"waited": seconds}


def fail(reason):
    raise ValueError(reason)


def same(value):
    return {"value": value}
"""

NUMBERS = [Input("number1", "number"), Input("number2", "number")]
PIPELINES = {
    "add": (NUMBERS, [Output("number3", "number")]),
    "nothing": ([], []),
    "double": (
        [Input("source", "file", is_required=True), Input("times", "number", default_value=2)],
        [Output("result", "file"), Output("name", "string")],
    ),
    "wait": ([Input("seconds", "number", is_required=True)], [Output("waited", "number")]),
    "fail": ([Input("reason", "string")], []),
    "same": ([Input("value", "json", default_value={"a": [1, "1"]})], [Output("value", "json")]),
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The local folder of all pipelines here."""
    root = tmp_path_factory.mktemp("project")
    (root / "main.py").write_text(textwrap.dedent(CODE))
    return root


@pytest.fixture(scope="session")
def sdk(server):
    """The SDK, as a user of the shared server."""
    with HeadraceSdk(server.token, server.url) as made:
        yield made


@pytest.fixture(scope="session")
def pipeline(sdk, folder):
    """Returns the name of the pipeline of a function of :data:`CODE`, created when first asked."""
    made = set()

    def name_of(function):
        name = f"sdk-{function}"
        if name not in made:
            inputs, outputs = PIPELINES[function]
            config = {"local_folder": str(folder)}
            sdk.create_pipeline(
                name, "main.py", function, None, config, inputs=inputs, outputs=outputs
            )
            made.add(name)
        return name

    yield name_of
    for name in made:
        sdk.delete_pipeline(name)
