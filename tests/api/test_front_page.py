"""What a server says at its root, and what its log says of requests and runs."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

import httpx
import pytest
from tests.conftest import RunningServer, wait_until

from headrace import HeadraceSdk, PipelineExecutionFailed, __version__

pytestmark = pytest.mark.system


def test_a_browser_is_shown_a_page_and_a_program_facts(server: RunningServer) -> None:
    page = httpx.get(server.url, headers={"accept": "text/html,*/*;q=0.8"}, trust_env=False)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f"version <b>{__version__}</b>" in page.text
    assert f"headrace login {server.url}" in page.text
    facts = httpx.get(server.url, trust_env=False)
    assert facts.json()["version"] == __version__
    assert httpx.get(facts.json()["health"], trust_env=False).status_code == 200
    assert page.headers["vary"] == facts.headers["vary"] == "Accept"


def test_the_page_lets_in_its_own_style_and_nothing_else(server: RunningServer) -> None:
    page = httpx.get(server.url, headers={"accept": "text/html"}, trust_env=False)
    style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "<script" not in page.text


def test_requests_and_runs_are_lines_of_the_log_without_secrets(
    own_server: Callable[..., RunningServer], tmp_path
) -> None:
    server = own_server()
    (tmp_path / "code").mkdir()
    (tmp_path / "code/m.py").write_text("def f():\n    raise ValueError('of nobody else')\n")
    with HeadraceSdk(server.token, server.url) as sdk:
        sdk.create_pipeline("p", "m.py", "f", container_config={"local_folder": tmp_path / "code"})
        with pytest.raises(PipelineExecutionFailed) as failed:
            sdk.run_pipeline("p")
    execution_id = failed.value.details["execution_id"]
    httpx.get(f"{server.url}/nowhere%0a?token=secret", trust_env=False)
    httpx.get(f"{server.url}/endpoints/p/executions/x?token=secret", trust_env=False)
    wait_until(lambda: "/endpoints/p" in server.log.read_text())
    assert server.stop() == 0
    lines = server.log.read_text().splitlines()
    assert any(
        re.search(r"INFO headrace.requests: POST /api/v1/pipelines/p/run 201 in \d+\.\d ms$", line)
        for line in lines
    )
    ends = [
        line
        for line in lines
        if f"Failed: execution {execution_id} of p, attempt 1 (user_error)" in line
    ]
    assert len(ends) == 1
    assert any("GET /nowhere%0a 404" in line for line in lines)
    text = "\n".join(line for line in lines if "export" not in line)
    assert "secret" not in text
    assert server.token not in text
    assert "of nobody else" not in text
    assert "uvicorn" not in text
    assert not any("/health" in line for line in lines)
