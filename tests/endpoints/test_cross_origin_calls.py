"""Pages of other origins may call endpoints if the server's settings say so, and nothing else."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page
from tests.conftest import RunningServer
from tests.endpoints.conftest import Endpoint, make_endpoint

from headrace.core.errors import InvalidRequest
from headrace.server.settings import Settings

CALL = """
([url, token, prefer, body]) => fetch(url, {
  method: "POST",
  headers: {
    "Authorization": `EndpointToken ${token}`,
    "Content-Type": "application/json",
    "Idempotency-Key": crypto.randomUUID(),
    "Prefer": prefer,
  },
  body: JSON.stringify(body),
}).then(async (response) => ({
  status: response.status,
  redirected: response.redirected,
  execution: response.headers.get("Craft-Ai-Execution-Id"),
  location: response.headers.get("Location"),
  body: await response.json(),
}), (error) => ({ error: error.message }))
"""


@pytest.fixture
def other_origin() -> Iterator[str]:
    """The origin of an empty page on another port."""

    class EmptyPage(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Another origin</title>")

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listener.server_address[1]}"
        listener.shutdown()
        thread.join()


@pytest.mark.system
def test_a_page_of_an_allowed_origin_calls_an_endpoint_and_follows_where_it_is_sent(
    page: Page,
    own_server: Callable[..., RunningServer],
    other_origin: str,
    tmp_path: Path,
) -> None:
    running = own_server(HEADRACE_CORS_ORIGINS=f"https://app.example.org,{other_origin}")
    endpoint = make_endpoint(running, tmp_path, "wait")
    page.goto(other_origin)
    held = page.evaluate(CALL, [endpoint.url, endpoint.token, "", {"seconds": 0}])
    assert held["status"] == 200, held
    assert held["body"]["outputs"] == {"waited": 0}
    assert held["execution"] == held["body"]["execution_id"]

    sent_on = page.evaluate(CALL, [endpoint.url, endpoint.token, "wait=0", {"seconds": 0.5}])
    assert (sent_on["status"], sent_on["redirected"]) == (200, True), sent_on
    assert sent_on["body"]["outputs"] == {"waited": 0.5}

    at_once = page.evaluate(CALL, [endpoint.url, endpoint.token, "respond-async", {"seconds": 0}])
    assert at_once["status"] == 202
    assert at_once["execution"] in at_once["location"]

    refused = page.evaluate(CALL, [endpoint.url, "wrong", "", {"seconds": 0}])
    assert refused["status"] == 401
    assert "token" in refused["body"]["message"]

    hop = httpx.post(
        endpoint.url,
        json={"seconds": 0.5},
        headers=endpoint.headers | {"Origin": other_origin, "Prefer": "wait=0"},
    )
    assert hop.status_code == 303
    assert hop.headers["access-control-allow-origin"] == other_origin
    stranger = httpx.post(
        endpoint.url,
        json={"seconds": 0},
        headers=endpoint.headers | {"Origin": "https://evil.example.org"},
    )
    assert "access-control-allow-origin" not in stranger.headers
    api = httpx.get(f"{running.url}/api/v1/health", headers={"Origin": other_origin})
    assert "access-control-allow-origin" not in api.headers


@pytest.mark.system
def test_without_the_setting_a_browser_keeps_the_answer_from_other_origins(
    page: Page, endpoint_of: Callable[[str], Endpoint], other_origin: str
) -> None:
    endpoint = endpoint_of("wait")
    page.goto(other_origin)
    answer = page.evaluate(CALL, [endpoint.url, endpoint.token, "", {"seconds": 0}])
    assert answer == {"error": "Failed to fetch"}


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("*", ("*",)),
        ("https://app.example.org", ("https://app.example.org",)),
        (
            " http://localhost:3000 , https://B.example ",
            ("http://localhost:3000", "https://b.example"),
        ),
        ("https://a.example:443,http://a.example:80", ("https://a.example", "http://a.example")),
        ("http://a.example:443", ("http://a.example:443",)),
        ("http://[::1]:8000", ("http://[::1]:8000",)),
        ("", ()),
    ],
)
def test_origins_are_read_as_browsers_send_them(text: str, origins: tuple[str, ...]) -> None:
    assert Settings.read({"HEADRACE_CORS_ORIGINS": text}, {}).cors_origins == origins


@pytest.mark.parametrize(
    "text",
    [
        "example.org",
        "https://a.example/",
        "https://a.example/path",
        "https://user@a.example",
        "https://*.example.org",
        "ftp://a.example",
        "https://a.example:99999",
        "https://a.example:x",
        "null",
        "*,https://a.example",
        "https://",
        "https://bücher.example",
    ],
)
def test_what_is_no_origin_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(InvalidRequest, match="HEADRACE_CORS_ORIGINS"):
        Settings.read({"HEADRACE_CORS_ORIGINS": text}, {})
