"""A server with a bucket whose copies are deleted, while it is down and while it runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.buckets import CREDENTIALS, bucket_server, new_bucket
from tests.conftest import RunningServer

from headrace import HeadraceSdk

pytestmark = pytest.mark.system

CACHES = ("bundles", "environments", "attachments", "artifacts", "data-store")

CODE = """
def shout(text: str) -> str:
    try:
        with open("model.txt") as file:
            text += file.read()
    except FileNotFoundError:
        pass
    print("said", text)
    return text.upper() + "{end}"
"""


@pytest.fixture(scope="module")
def buckets() -> Iterator[str]:
    with bucket_server() as url:
        yield url


@pytest.fixture
def server(own_server: Callable[..., RunningServer], buckets: str) -> RunningServer:
    place = f"s3://{new_bucket(buckets)}/files?endpoint={buckets}"
    return own_server(HEADRACE_OBJECTS=place, **CREDENTIALS)


def sdk_of(server: RunningServer) -> HeadraceSdk:
    return HeadraceSdk(server.token, server.url)


def send(sdk: HeadraceSdk, folder: Path, end: str, **options: Any) -> None:
    """Make a version of the pipeline ``shout``."""
    folder.mkdir(exist_ok=True)
    (folder / "code.py").write_text(CODE.format(end=end))
    sdk.deploy("code.py:shout", name="shout", folder=folder, **options)


def lose_caches(server: RunningServer) -> None:
    """Delete what the guide says may be deleted."""
    for name in CACHES:
        shutil.rmtree(server.data_dir / name)


@pytest.mark.parametrize("is_down", [True, False], ids=["down", "up"])
def test_a_server_goes_on_without_its_copies(
    server: RunningServer, tmp_path: Path, *, is_down: bool
) -> None:
    code = tmp_path / "code"
    (tmp_path / "model.txt").write_text("weights")
    with sdk_of(server) as sdk:
        send(sdk, code, "!")
        attached = {"model.txt": tmp_path / "model.txt"}
        send(sdk, code, "?", endpoint="shout", attach=attached)
        first = sdk.run_pipeline("shout", inputs={"text": "a"})
        assert first["outputs"] == {"result": "A?"}
    if is_down:
        assert server.stop() == 0
        lose_caches(server)
        shutil.rmtree(server.data_dir / "harness")
        server.start()
    else:
        lose_caches(server)
    with sdk_of(server) as sdk:
        assert sdk.run_pipeline("shout", inputs={"text": "b"})["outputs"] == {"result": "B?"}
        assert sdk.trigger_endpoint("shout", inputs={"text": "c"})["outputs"] == {
            "result": "CWEIGHTS?"
        }
        assert "code.py" in {one["path"] for one in sdk.get_pipeline_version("shout", 1)["files"]}
        (tmp_path / "back").mkdir()
        sdk.download_pipeline_local_folder("shout", tmp_path / "back", version=1)
        assert sdk.rollback_pipeline("shout")["version"] == 1
        again = sdk.rerun_execution(first["execution_id"], code="original")
        assert again["outputs"] == {"result": "A?"}
        assert sdk.run_pipeline("shout", inputs={"text": "d"})["outputs"] == {"result": "D!"}
        lines = [line["message"] for line in sdk.get_pipeline_execution_logs(again["execution_id"])]
        assert "said a" in lines
