"""What an operator allows executions besides, and what stays out of reach whatever he allows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import RunningServer

from headrace import HeadraceSdk, Input, InvalidRequest, Output
from headrace.server.settings import Settings

pytestmark = pytest.mark.system

SOURCE = """
import json
import os
import urllib.error
import urllib.request

ROOT = os.environ["HEADRACE_ENVIRONMENT_URL"] + "/api/v1"


def send(method, path, body, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = "Bearer " + token
    request = urllib.request.Request(ROOT + path, json.dumps(body).encode(), headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def ask(requests):
    _, found = send("POST", "/auth/refresh", {"refresh_token": os.environ["HEADRACE_SDK_TOKEN"]})
    return {"answers": [send(*request, found["access_token"]) for request in requests]}
"""


@pytest.mark.parametrize("allowed", ["", "variables, endpoint-tokens"])
def test_the_operator_decides(
    own_server: Callable[..., RunningServer], tmp_path: Path, allowed: str
) -> None:
    server = own_server(HEADRACE_EXECUTIONS_MAY=allowed)
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "main.py").write_text(SOURCE)
    with HeadraceSdk(server.token, server.url) as sdk:
        sdk.create_pipeline(
            "ask",
            "main.py",
            "ask",
            container_config={"local_folder": str(folder)},
            inputs=[Input("requests", "array")],
            outputs=[Output("answers", "array")],
        )
        endpoint = sdk.create_deployment("ask", "ask", "endpoint")
        requests = [
            ["PUT", "/environment-variables", {"environment_variables": {"A": "1"}}],
            ["PUT", "/environment-variables", {"environment_variables": {"LD_PRELOAD": "a.so"}}],
            ["DELETE", "/pipelines/ask", {}],
            ["POST", "/tokens", {"name": "more"}],
            ["PATCH", "/project-information", {"language": "python:3.11-slim"}],
        ]
        answers = sdk.run_pipeline("ask", {"requests": requests})["outputs"]["answers"]
        statuses = [status for status, _ in answers]
        assert statuses == ([200, 400, 403, 403, 403] if allowed else [403] * 5)
        shown = sdk.run_pipeline("ask", {"requests": [["GET", "/deployments/ask", {}]]})
        ((_, deployment),) = shown["outputs"]["answers"]
        expected = endpoint["endpoint_token"] if allowed else None
        assert deployment["endpoint_token"] == expected


@pytest.mark.parametrize("word", ["tokens", "project", "everything", "variables tokens"])
def test_a_right_that_cannot_be_granted_is_refused_at_the_start(word: str) -> None:
    with pytest.raises(InvalidRequest, match="HEADRACE_EXECUTIONS_MAY is") as caught:
        Settings.read({"HEADRACE_EXECUTIONS_MAY": word}, {})
    assert "endpoint-tokens" in caught.value.message
