"""A server with a bucket whose copies are deleted, while it is down and while it runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.buckets import CREDENTIALS, bucket_server, new_bucket
from tests.conftest import RunningServer, wait_until

from headrace import HeadraceSdk
from headrace.core.errors import Unavailable

pytestmark = pytest.mark.system

CACHES = ("bundles", "environments", "attachments", "artifacts", "data-store", "log-copies")

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
        shutil.rmtree(server.data_dir / name, ignore_errors=True)


def keys_of(server: RunningServer) -> str:
    """Return all keys of a server's bucket, as the bucket lists them."""
    place, _, root = server.environ["HEADRACE_OBJECTS"].partition("?endpoint=")
    return httpx.get(f"{root}/{place.split('/')[2]}").text


def written(server: RunningServer) -> set[str]:
    """Return the names of the logs that are where logs are written."""
    return {path.stem for path in (server.data_dir / "logs").glob("*/*/*.log")}


def is_away(root: str) -> bool:
    try:
        httpx.get(root)
    except httpx.HTTPError:
        return True
    return False


def page_of(server: RunningServer, path: str) -> str:
    """Return a page of the console as its user sees it."""
    asked = httpx.post(f"{server.url}/api/v1/auth/refresh", json={"refresh_token": server.token})
    headers = {"authorization": f"Bearer {asked.json()['access_token']}", "accept": "text/html"}
    shown = httpx.get(server.url + path, headers=headers, timeout=60)
    assert shown.status_code == 200, shown.text
    return shown.text


def messages(sdk: HeadraceSdk, execution_id: str) -> list[str]:
    return [line["message"] for line in sdk.get_pipeline_execution_logs(execution_id)]


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
        assert "said a" in messages(sdk, again["execution_id"])


def test_logs_of_a_killed_server_get_into_the_bucket(server: RunningServer, tmp_path: Path) -> None:
    with sdk_of(server) as sdk:
        send(sdk, tmp_path / "code", "!")
        ran = sdk.run_pipeline("shout", inputs={"text": "a"})["execution_id"]
    server.kill()
    assert ran in written(server)
    assert f"{ran}.log" not in keys_of(server)
    server.start()
    wait_until(lambda: f"{ran}.log" in keys_of(server), timeout_s=60, what="the log is sent")
    wait_until(
        lambda: "files/logs/builds/" in keys_of(server), timeout_s=60, what="so is a build's"
    )
    server.kill()
    # As a minute later, when what was sent has become a copy, and copies were deleted.
    shutil.rmtree(server.data_dir / "logs")
    server.start()
    with sdk_of(server) as sdk:
        assert "said a" in messages(sdk, ran)
        found = sdk.search_execution_log(ran, "SAID")["lines"]
        assert [line["message"] for line in found] == ["said a"]
        assert any("is ready" in line["message"] for line in sdk.get_pipeline_logs("shout"))
        sdk.delete_pipeline_execution(ran)
        sdk.delete_pipeline("shout")
    assert "files/logs/" not in keys_of(server)


def test_logs_wait_for_a_bucket_that_is_away(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    with bucket_server() as buckets:
        bucket = new_bucket(buckets)
        place = f"s3://{bucket}/files?endpoint={buckets}"
        server = own_server(HEADRACE_OBJECTS=place, **CREDENTIALS)
        with sdk_of(server) as sdk:
            send(sdk, tmp_path / "code", "!")
    with sdk_of(server) as sdk:
        ran = sdk.run_pipeline("shout", inputs={"text": "a"})["execution_id"]
        wait_until(
            lambda: "logs of what ended stay on this machine" in server.log.read_text(),
            timeout_s=90,
            what="it is said",
        )
        assert "said a" in messages(sdk, ran)
        with pytest.raises(Unavailable, match="cannot be reached"):
            send(sdk, tmp_path / "code", "?")
        assert ran in written(server)
        with bucket_server(port=int(buckets.rpartition(":")[2])):
            assert httpx.put(f"{buckets}/{bucket}").status_code == 200
            wait_until(lambda: f"{ran}.log" in keys_of(server), timeout_s=90, what="it is sent")
            assert sdk.run_pipeline("shout", inputs={"text": "b"})["outputs"] == {"result": "B!"}
        # It is away again, and so are the copies.
        wait_until(lambda: is_away(buckets), what="it is away")
        shutil.rmtree(server.data_dir / "bundles")
        shown = page_of(server, "/pipelines/shout")
        assert "The folder of this version cannot be read now." in shown
        assert "cannot be reached" in shown
        assert "Files <span></span>" in shown, "their number is not known"
