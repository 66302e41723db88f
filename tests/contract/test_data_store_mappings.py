"""Inputs from the data store, outputs to it, and user code that uses it, end to end."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from craft_ai_sdk import CraftAiSdk
from craft_ai_sdk.exceptions import SdkException
from craft_ai_sdk.io import Input, InputSource, Output, OutputDestination

ROOT = Path(__file__).resolve().parents[2]

CODE = """
from pathlib import Path


def append(source):
    path = Path(source["path"])
    content = path.read_bytes()
    path.write_bytes(b"spoiled")
    Path("result.txt").write_bytes(content + b"!")
    return {"result": {"path": "result.txt"}, "name": path.name, "more": sorted(source)}
"""

INSIDE = """
import io

from craft_ai_sdk import CraftAiSdk
from headrace import HeadraceSdk


def inside(folder):
    texts = []
    for kind, sdk in (("public", CraftAiSdk()), ("own", HeadraceSdk())):
        path = f"{folder}/{kind}"
        sdk.upload_data_store_object(io.BytesIO(kind.encode() * 3), path)
        target = io.BytesIO()
        sdk.download_data_store_object(path, target)
        size = sdk.get_data_store_object_information(path)["size"]
        texts.append([target.getvalue().decode(), size])
        sdk.delete_data_store_object(path)
        sdk.upload_data_store_object(io.BytesIO(b"left"), path)
    return {"texts": texts, "left": [o["path"] for o in sdk.list_data_store_objects(folder)]}
"""


@pytest.fixture(scope="module")
def append(public_sdk: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A pipeline that appends ``!`` to a file, and spoils its own copy of it."""
    folder = tmp_path_factory.mktemp("append")
    (folder / "main.py").write_text(CODE)
    name = f"append-{uuid.uuid4().hex[:8]}"
    public_sdk.create_pipeline(
        pipeline_name=name,
        function_path="main.py",
        function_name="append",
        container_config={"local_folder": str(folder)},
        inputs=[Input("source", "file")],
        outputs=[Output("result", "file"), Output("name", "string"), Output("more", "array")],
    )
    yield name
    public_sdk.delete_pipeline(name)


@pytest.fixture
def folder(public_sdk: Any) -> Iterator[str]:
    """A folder of the data store for one test."""
    name = f"mapped-{uuid.uuid4().hex[:8]}"
    yield name
    for item in public_sdk.list_data_store_objects(name):
        public_sdk.delete_data_store_object(item["path"])


def run(sdk: Any, pipeline: str, source: str, target: str) -> Any:
    return sdk.run_pipeline(
        pipeline_name=pipeline,
        inputs_mapping=[InputSource("source", datastore_path=source)],
        outputs_mapping=[OutputDestination("result", datastore_path=target)],
    )


def stored(sdk: Any, path: str) -> bytes:
    target = io.BytesIO()
    sdk.download_data_store_object(path, target)
    return target.getvalue()


def test_a_file_is_read_from_the_store_and_written_to_it(
    public_sdk: Any, append: str, folder: str
) -> None:
    public_sdk.upload_data_store_object(io.BytesIO(b"hello"), f"{folder}/in put.txt")
    done = run(public_sdk, append, f"{folder}/in put.txt", f"/{folder}/out/result.txt")
    assert done["outputs"]["name"] == "in put.txt"
    assert done["outputs"]["more"] == ["path"]
    assert done["outputs"]["result"] is None
    assert stored(public_sdk, f"{folder}/out/result.txt") == b"hello!"
    assert stored(public_sdk, f"{folder}/in put.txt") == b"hello"


def test_each_execution_gets_a_copy_of_its_own_and_the_latest_bytes(
    public_sdk: Any, append: str, folder: str
) -> None:
    for content in (b"one", b"two"):
        public_sdk.upload_data_store_object(io.BytesIO(content), f"{folder}/f")
        for _ in range(2):
            run(public_sdk, append, f"{folder}/f", f"{folder}/g")
            assert stored(public_sdk, f"{folder}/g") == content + b"!"


def test_the_path_of_an_output_is_filled_in(public_sdk: Any, append: str, folder: str) -> None:
    public_sdk.upload_data_store_object(io.BytesIO(b"x"), f"{folder}/in")
    target = f"{folder}/out/{{execution_id}}/{{date}}/{{date_time}}.txt"
    done = run(public_sdk, append, f"{folder}/in", target)
    (found,) = public_sdk.list_data_store_objects(f"{folder}/out")
    execution = public_sdk.get_pipeline_execution(done["execution_id"])
    created = re.sub(r"[-:]", "", execution["created_at"][:19]).replace("T", "_")
    assert found["path"] == (
        f"{folder}/out/{done['execution_id']}/{created.partition('_')[0]}/{created}.txt"
    )


def test_a_missing_file_fails_the_execution_and_is_named(
    public_sdk: Any, append: str, folder: str
) -> None:
    with pytest.raises(SdkException) as caught:
        run(public_sdk, append, f"{folder}/missing.csv", f"{folder}/out")
    message = str(caught.value)
    assert f"{folder}/missing.csv" in message
    assert "'source'" in message
    execution = public_sdk.get_pipeline_execution(caught.value.additional_data["execution_id"])
    assert execution["status"] == "Failed"
    assert public_sdk.list_data_store_objects(folder) == []


@pytest.mark.parametrize("path", ["../out", "a/{when}", "a//b", ""])
def test_a_path_that_cannot_be_is_refused_before_anything_runs(
    public_sdk: Any, append: str, path: str
) -> None:
    before = public_sdk.list_pipeline_executions(append)
    with pytest.raises(SdkException) as caught:
        run(public_sdk, append, "in", path)
    assert caught.value.status_code == 400
    assert public_sdk.list_pipeline_executions(append) == before


def test_a_stored_output_is_served_until_it_is_gone(
    server: Any, public_sdk: Any, append: str, folder: str
) -> None:
    public_sdk.upload_data_store_object(io.BytesIO(b"x"), f"{folder}/in")
    done = run(public_sdk, append, f"{folder}/in", f"{folder}/out.txt")
    with httpx.Client(base_url=f"{server.url}/api/v1") as http:
        token = http.post("/auth/refresh", json={"refresh_token": server.token}).json()
        http.headers["authorization"] = f"Bearer {token['access_token']}"
        url = f"/executions/{done['execution_id']}/outputs/result"
        answer = http.get(url)
        assert (answer.status_code, answer.content) == (200, b"x!")
        assert answer.headers["content-type"] == "application/octet-stream"
        public_sdk.delete_data_store_object(f"{folder}/out.txt")
        assert http.get(url).status_code == 204


@pytest.mark.system
def test_user_code_reaches_the_store_without_arguments(own_server: Any, tmp_path: Path) -> None:
    """Also where the address that clients use cannot be reached from inside."""
    server = own_server(HEADRACE_PUBLIC_URL="http://headrace.invalid")
    listening = psutil.Process(server.process.pid).net_connections("tcp")
    port = next(c.laddr.port for c in listening if c.status == "LISTEN")
    url = f"http://127.0.0.1:{port}"
    folder = tmp_path / "inside"
    uv = Path(sys.executable).parent / "uv"
    build: list[str | Path] = [uv, "build", "--wheel", "-q", "-o", folder, ROOT]
    subprocess.run(build, check=True, timeout=100)
    (folder / ".gitignore").unlink(missing_ok=True)
    (wheel,) = folder.glob("*.whl")
    (folder / "main.py").write_text(INSIDE)
    (folder / "requirements.txt").write_text(f"craft-ai-sdk==0.74.7\n./{wheel.name}\n")
    sdk = CraftAiSdk(sdk_token=server.token, environment_url=url, control_url=url)
    sdk.create_pipeline(
        pipeline_name="inside",
        function_path="main.py",
        function_name="inside",
        container_config={"local_folder": str(folder), "requirements_path": "requirements.txt"},
        inputs=[Input("folder", "string")],
        outputs=[Output("texts", "array"), Output("left", "array")],
    )
    shutil.rmtree(folder)
    done = sdk.run_pipeline(pipeline_name="inside", inputs={"folder": "a"})
    assert done["outputs"] == {
        "texts": [["publicpublicpublic", "18.00 B"], ["ownownown", "9.00 B"]],
        "left": ["a/own", "a/public"],
    }
