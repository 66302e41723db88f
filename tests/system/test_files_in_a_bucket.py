"""Servers that keep their files in a bucket, with the public client, kills and moves."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from craft_ai_sdk import CraftAiSdk
from craft_ai_sdk.exceptions import SdkException
from craft_ai_sdk.io import Input, InputSource, Output, OutputDestination
from tests.buckets import CREDENTIALS, bucket_server, new_bucket
from tests.conftest import HEADRACE, RunningServer, clean_environ, wait_until

from headrace import HeadraceSdk

pytestmark = pytest.mark.system

CODE = """
def double(doc):
    with open(doc["path"], "rb") as file:
        content = file.read()
    with open("twice.bin", "wb") as file:
        file.write(content * 2)
    print("doubled", len(content))
    return {"size": len(content), "twice": {"path": "twice.bin"}}
"""


@pytest.fixture(scope="module")
def buckets() -> Iterator[str]:
    with bucket_server(least_part=5 << 20) as url:
        yield url


def place_in(buckets: str) -> str:
    return f"s3://{new_bucket(buckets)}/files?endpoint={buckets}"


def public(server: RunningServer) -> CraftAiSdk:
    return CraftAiSdk(sdk_token=server.token, environment_url=server.url, control_url=server.url)


def keys_of(buckets: str, place: str) -> str:
    bucket = place.removeprefix("s3://").partition("/")[0]
    return httpx.get(f"{buckets}/{bucket}").text


def move(server: RunningServer, to: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEADRACE, "move-files", "--data-dir", server.data_dir, "--to", to],
        env={**clean_environ(), **CREDENTIALS, **environ},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def state_of_files(server: RunningServer) -> str:
    with HeadraceSdk(server.token, server.url) as sdk:
        return str(sdk.get_health()["data_store"]["status"])


def run_log(server: RunningServer, ran: dict[str, Any]) -> list[str]:
    """Return what an execution printed."""
    lines = public(server).get_pipeline_execution_logs(ran["execution_id"])
    return [line["message"] for line in lines if "doubled" in line["message"]]


def make_double(sdk: CraftAiSdk, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "code.py").write_text(CODE)
    sdk.create_pipeline(
        pipeline_name="double",
        function_path="code.py",
        function_name="double",
        container_config={"local_folder": str(folder), "included_folders": ["code.py"]},
        inputs=[Input(name="doc", data_type="file")],
        outputs=[Output(name="size", data_type="number"), Output(name="twice", data_type="file")],
    )


@pytest.fixture
def kept(own_server: Callable[..., RunningServer], buckets: str) -> tuple[RunningServer, str]:
    """A server whose files are in a bucket, and the place."""
    place = place_in(buckets)
    return own_server(HEADRACE_OBJECTS=place, **CREDENTIALS), place


def test_a_client_of_the_platform_uses_the_bucket_without_knowing(
    kept: tuple[RunningServer, str], buckets: str, tmp_path: Path
) -> None:
    server, place = kept
    sdk = public(server)
    large = os.urandom(11 << 20)
    sdk.upload_data_store_object(io.BytesIO(b"hello"), "a/b.txt")
    sdk.upload_data_store_object(io.BytesIO(large), "large/\u00e9 x.bin")
    assert [item["path"] for item in sdk.list_data_store_objects()] == [
        "a/b.txt",
        "large/\u00e9 x.bin",
    ]
    for path, content in (("a/b.txt", b"hello"), ("large/\u00e9 x.bin", large)):
        target = io.BytesIO()
        sdk.download_data_store_object(path, target)
        assert target.getvalue() == content
    make_double(sdk, tmp_path / "code")
    ran = sdk.run_pipeline("double", inputs={"doc": io.BytesIO(b"abc")})
    assert ran["outputs"] == {"size": 3, "twice": b"abcabc"}
    sdk.run_pipeline(
        "double",
        inputs_mapping=[InputSource(pipeline_input_name="doc", datastore_path="a/b.txt")],
        outputs_mapping=[
            OutputDestination(pipeline_output_name="size", is_null=True),
            OutputDestination(pipeline_output_name="twice", datastore_path="out/twice.bin"),
        ],
    )
    server.kill()
    server.start()
    target = io.BytesIO()
    public(server).download_data_store_object("out/twice.bin", target)
    assert target.getvalue() == b"hellohello"
    keys = keys_of(buckets, place)
    assert "files/data-store/out/twice.bin" in keys
    assert f"{ran['execution_id']}/outputs/twice" in keys


def test_links_lead_to_the_bucket_unless_they_must_not(
    own_server: Callable[..., RunningServer], kept: tuple[RunningServer, str], buckets: str
) -> None:
    through = own_server(HEADRACE_OBJECTS=place_in(buckets) + "&links=server", **CREDENTIALS)
    for server, root in ((kept[0], buckets), (through, through.url)):
        sdk = public(server)
        sdk.upload_data_store_object(io.BytesIO(b"x"), "x")
        signed = sdk._post(
            f"{sdk.base_environment_api_url}/data-store/download", data={"path_to_object": "x"}
        )["signed_url"]
        assert signed.startswith(root + "/")
        got = httpx.get(signed)
        assert got.content == b"x", (signed, got.text)


def test_own_client_uploads_to_the_bucket(kept: tuple[RunningServer, str], tmp_path: Path) -> None:
    server, _ = kept
    (tmp_path / "small").write_bytes(b"small")
    (tmp_path / "large").write_bytes(os.urandom(12 << 20))
    for name in ("small", "large"):
        for command in (("put", tmp_path / name, name), ("get", name, tmp_path / f"{name}.back")):
            subprocess.run(
                [HEADRACE, "store", *command],
                env={**clean_environ(), **server.client_environ},
                check=True,
                capture_output=True,
            )
        assert (tmp_path / name).read_bytes() == (tmp_path / f"{name}.back").read_bytes()


def test_a_bucket_that_is_away_is_said(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    with bucket_server() as buckets:
        server = own_server(HEADRACE_OBJECTS=place_in(buckets), **CREDENTIALS)
        sdk = public(server)
        make_double(sdk, tmp_path / "code")
        assert state_of_files(server) == "ok"
    wait_until(lambda: state_of_files(server) == "error", what="it is said")
    for call in (
        sdk.list_data_store_objects,
        lambda: sdk.run_pipeline("double", inputs={"doc": io.BytesIO(b"abc")}),
    ):
        with pytest.raises(SdkException, match="cannot be reached") as caught:
            call()
        assert caught.value.status_code == 503
    assert server.stop() == 0
    failed = move(server, "data-directory", HEADRACE_OBJECTS=server.environ["HEADRACE_OBJECTS"])
    assert failed.returncode == 3
    assert "cannot be reached" in failed.stderr


def test_files_move_into_a_bucket_and_back(
    own_server: Callable[..., RunningServer], buckets: str, tmp_path: Path
) -> None:
    server = own_server(**CREDENTIALS)
    sdk = public(server)
    make_double(sdk, tmp_path / "code")
    ran = sdk.run_pipeline("double", inputs={"doc": io.BytesIO(b"abc")})
    sdk.upload_data_store_object(io.BytesIO(b"kept"), "k/x")
    place = place_in(buckets)
    busy = move(server, place)
    assert busy.returncode == 1
    assert "server" in busy.stderr
    assert server.stop() == 0

    server.environ["HEADRACE_OBJECTS"] = place
    refused = subprocess.run(
        [HEADRACE, "serve", "--data-dir", server.data_dir, "--port", "0"],
        env={**clean_environ(), **server.environ},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert refused.returncode == 1
    assert "move them first with 'headrace move-files'" in refused.stderr

    done = move(server, place)
    assert done.returncode == 0, done.stderr
    assert "3 files" in done.stdout
    assert "3 of them were copied" in done.stdout
    assert "folders of pipelines (1) and logs (2)" in done.stdout
    for name in ("bundles", "environments", "logs"):
        shutil.rmtree(server.data_dir / name)
    server.start()
    assert run_log(server, ran) == ["doubled 3"]
    assert (
        public(server).run_pipeline("double", inputs={"doc": io.BytesIO(b"ab")})["outputs"]["size"]
        == 2
    )
    assert public(server).get_pipeline_execution_output(ran["execution_id"], "twice")["value"] == (
        b"abcabc"
    )
    public(server).delete_data_store_object("k/x")
    public(server).upload_data_store_object(io.BytesIO(b"newer"), "k/y")
    assert server.stop() == 0

    for name in ("bundles", "log-copies"):
        shutil.rmtree(server.data_dir / name, ignore_errors=True)
    back = move(server, "data-directory", HEADRACE_OBJECTS=place)
    assert back.returncode == 0, back.stderr
    assert "5 files" in back.stdout
    assert "folders of pipelines (1) and logs (" in back.stdout
    again = move(server, "data-directory")
    assert again.returncode == 2
    assert "already" in again.stderr
    del server.environ["HEADRACE_OBJECTS"]
    server.start()
    assert [item["path"] for item in public(server).list_data_store_objects()] == ["k/y"]
    assert run_log(server, ran) == ["doubled 3"]
    public(server).run_pipeline("double", inputs={"doc": io.BytesIO(b"abc")})


def test_two_servers_cannot_share_a_place(
    own_server: Callable[..., RunningServer], kept: tuple[RunningServer, str]
) -> None:
    server, place = kept
    other = subprocess.run(
        [HEADRACE, "serve", "--data-dir", server.data_dir.with_name("other"), "--port", "0"],
        env={**clean_environ(), **CREDENTIALS, "HEADRACE_OBJECTS": place},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert other.returncode == 1
    assert "holds the files of another server" in other.stderr
