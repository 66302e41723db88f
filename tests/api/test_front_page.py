"""What a server says at its root, and what its log says of requests and runs."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from tests.conftest import RunningServer, wait_until

from headrace import HeadraceSdk, PipelineExecutionFailed, __version__

pytestmark = pytest.mark.system


def seen(url: str, **headers: str) -> httpx.Response:
    """What a browser is shown."""
    headers = {"accept": "text/html,*/*;q=0.8", **headers}
    return httpx.get(url, headers=headers, trust_env=False, follow_redirects=True)


def test_a_browser_is_shown_the_way_in_and_a_program_facts(server: RunningServer) -> None:
    page = seen(server.url)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.url.path == "/sign-in"
    assert f"Version {__version__}" in page.text
    assert f"headrace login {server.url}" in page.text
    facts = httpx.get(server.url, trust_env=False)
    assert facts.json()["version"] == __version__
    assert httpx.get(facts.json()["health"], trust_env=False).status_code == 200
    assert facts.headers["vary"] == page.history[0].headers["vary"] == "Accept, Cookie"


def test_pages_let_in_their_own_styles_and_scripts_and_nothing_else(server: RunningServer) -> None:
    page, again = seen(server.url), seen(server.url)
    policies = [one.headers["content-security-policy"] for one in (page, again)]
    assert policies[0].startswith("default-src 'none'; script-src 'nonce-")
    assert policies[0] != policies[1]
    assert not any(word in policies[0] for word in ("unsafe", "*", "https:", "http:"))
    nonce = re.search(r"script-src 'nonce-([^']+)'", policies[0])
    assert nonce
    for tag in re.findall(r"<(?:script|style|link rel=\"stylesheet\")[^>]*>", page.text):
        assert f'nonce="{nonce[1]}"' in tag
    assert not re.search(r"\s(on\w+|style)=", page.text)


def test_files_of_pages_are_kept_for_ever_at_an_address_of_their_own(server: RunningServer) -> None:
    page = seen(server.url)
    found = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text)
    assert len(found) >= 5
    for path in found:
        answer = httpx.get(server.url + path, trust_env=False)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        old = re.sub("/assets/[^/]+", "/assets/0000", path)
        assert httpx.get(server.url + old, trust_env=False).headers["cache-control"] == "no-store"
    assert seen(f"{server.url}/assets/0000/..%2f..%2fversion.py").status_code == 404


def test_a_page_that_is_not_there_says_so_to_people_and_to_programs(server: RunningServer) -> None:
    page = seen(f"{server.url}/no-such-<b>page")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is nothing at /no-such-&lt;b&gt;page." in page.text
    for told in (
        httpx.get(f"{server.url}/no-such-page", trust_env=False),
        seen(f"{server.url}/api/v1/no-such-route"),
    ):
        assert (told.status_code, told.json()["name"]) == (404, "NotFound")


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
