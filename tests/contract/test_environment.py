"""What the public client asks of the environment itself."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from craft_ai_sdk import CraftAiSdk
from craft_ai_sdk.exceptions import SdkException
from tests.conftest import RunningServer, wait_until
from tests.contract.test_eras import installed

from headrace import HeadraceSdk, NotFound

pytestmark = pytest.mark.system


def test_the_vector_database_is_the_one_that_is_set(
    own_server: Callable[..., RunningServer],
) -> None:
    server = own_server(
        HEADRACE_VECTOR_DATABASE_URL="https://vectors.example.org/",
        HEADRACE_VECTOR_DATABASE_TOKEN="secret",
    )
    expected = {
        "vector_database_url": "https://vectors.example.org",
        "vector_database_token": "secret",
    }
    public = CraftAiSdk(server.token, server.url, server.url)
    assert public.get_vector_database_credentials() == expected
    with HeadraceSdk(server.token, server.url) as sdk:
        assert sdk.get_vector_database_credentials() == expected
    assert "secret" not in server.log.read_text()


def test_without_one_it_is_said_how_to_set_it(public_sdk: Any, own_sdk: HeadraceSdk) -> None:
    with pytest.raises(SdkException, match="has no vector database: its operator sets one"):
        public_sdk.get_vector_database_credentials()
    with pytest.raises(NotFound, match="HEADRACE_VECTOR_DATABASE_URL"):
        own_sdk.get_vector_database_credentials()


CLIENT = {"craft-ai-client": "craft-ai-sdk@0.74.7"}


def test_tools_read_the_environment_pause_it_and_resume_it_as_the_contract_says(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    server = own_server()
    (tmp_path / "main.py").write_text("def old():\n    pass\n")
    with HeadraceSdk(server.token, server.url) as sdk:
        sdk.create_pipeline(
            "old", "main.py", "old", container_config={"local_folder": str(tmp_path)}
        )
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=CLIENT, trust_env=False) as http:
        refreshed = http.post("/auth/refresh", json={"refresh_token": server.token}).json()
        bearer = {"authorization": f"Bearer {refreshed['access_token']}"}
        info = http.get("/environment-info").json()
        assert (info["environment_status"], info["gpu_enabled"]) == ("ready", False)
        assert isinstance(info["version"], str)
        (tags,) = info["supported_base_images"].values()
        assert all(re.fullmatch(r"3\.\d+-slim", tag) for tag in tags)
        assert len(tags) > 0
        place = f"/environments/{info['environment_id']}"

        def has(wanted: str) -> bool:
            summary = http.get("/environment-summary", headers=bearer).json()
            assert set(summary) == {"environment_status", "environment_status_updated_at"}
            datetime.fromisoformat(summary["environment_status_updated_at"])
            return bool(summary["environment_status"] == wanted)

        for asked, wanted in (("pausing-step-1", "standby"), ("resuming-step-1", "ready")):
            answer = http.patch(place, json={"status": asked}, headers=bearer)
            assert answer.json()["environment_status"] == asked
            wait_until(partial(has, wanted))
            assert http.get("/environment-info").json()["environment_status"] == wanted
            health = http.get("/health")
            assert health.status_code == 200
            parts = health.json()
            assert parts["environment_id"]["info"] == info["environment_id"]
            assert all(set(part) == {"status", "info"} for part in parts.values())
            if wanted == "standby":
                assert parts["environment"]["info"] == "standby"
                assert "takes no work" in said_to_an_old_client(server, tmp_path)


def said_to_an_old_client(server: RunningServer, folder: Path) -> str:
    """What the oldest client raises when its program runs a pipeline."""
    python = installed(folder / "old", "0.30.0")
    program = (
        "from craft_ai_sdk import CraftAiSdk, SdkException\n"
        "try:\n    CraftAiSdk().run_pipeline('old')\n"
        "except SdkException as error:\n    print(error)"
    )
    done = subprocess.run(
        [str(python), "-W", "ignore", "-c", program],
        env=server.client_environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout
