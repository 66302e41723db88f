"""A server below a path of a shared host, behind a reverse proxy."""

from __future__ import annotations

import http.client
import re
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser
from tests.browsing import PATIENCE_MS
from tests.conftest import RunningServer

from headrace import HeadraceSdk, Output
from headrace.server.data_directory import DataDirectory

PREFIX = "/headrace"
HOP = {"connection", "transfer-encoding", "keep-alive"}


class Proxy(ThreadingHTTPServer):
    """A reverse proxy that passes on what is below a path, and nothing else.

    Attributes:
        target: Port of the server.
        takes_away: Whether the server gets paths without that path.
    """

    daemon_threads = True
    target = 0
    takes_away = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{PREFIX}"


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    server: Proxy

    def _pass(self) -> None:
        if not self.path.startswith(f"{PREFIX}/"):
            self.send_error(404)
            return
        path = self.path.removeprefix(PREFIX) if self.server.takes_away else self.path
        body = self._body()
        onward = http.client.HTTPConnection("127.0.0.1", self.server.target, timeout=60)
        kept = {name: text for name, text in self.headers.items() if name.lower() not in HOP}
        onward.request(self.command, path, body, kept)
        answer = onward.getresponse()
        self.send_response(answer.status)
        for name, text in answer.getheaders():
            if name.lower() not in {*HOP, "date", "server"}:
                self.send_header(name, text)
        self.end_headers()
        try:
            while piece := answer.read1(65536):
                self.wfile.write(piece)
                self.wfile.flush()
        except OSError:
            # The browser has left.
            pass
        finally:
            onward.close()

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _pass  # noqa: N815 - names of the library

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - of the library
        """Say nothing."""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, RunningServer]]:
    """A proxy, and the server behind it."""
    made = Proxy(("127.0.0.1", 0), _Passing)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    place = tmp_path_factory.mktemp("below") / "data"
    running = RunningServer(place, {"HEADRACE_PUBLIC_URL": made.url}).start()
    made.target = httpx.URL(DataDirectory(place).address.read_text()).port or 0
    yield made, running
    running.stop()
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture(params=[True, False], ids=["taken-away", "left"])
def below(proxy: tuple[Proxy, RunningServer], request: pytest.FixtureRequest) -> tuple[str, str]:
    """The URL of the server below a path, and an SDK token."""
    proxy[0].takes_away = request.param
    return proxy[0].url, proxy[1].token


def test_pages_forms_live_parts_and_uploads_work(
    chromium: Browser, below: tuple[str, str], tmp_path: Path
) -> None:
    url, token = below
    name = f"below-{uuid.uuid4().hex[:8]}"
    window = chromium.new_context(locale="en-GB")
    window.set_default_timeout(PATIENCE_MS)
    page, told, missed = window.new_page(), [], []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("response", lambda one: missed.append(one.url) if one.status >= 400 else None)
    page.goto(f"{url}/pipelines")
    page.get_by_label("SDK token").fill(token)
    page.get_by_role("button", name="Sign in").last.click()
    page.wait_for_url(f"{url}/pipelines")
    assert {one["path"] for one in window.cookies() if "headrace" in one["name"]} == {PREFIX}
    (tmp_path / "name.py").write_text("def name():\n    return {'told': 'below'}\n")
    with HeadraceSdk(token, url) as sdk:
        sdk.create_pipeline(
            name,
            "name.py",
            "name",
            container_config={"local_folder": str(tmp_path)},
            outputs=[Output("told", "string")],
        )
        # The list hears of it by itself, and the link leads below the path.
        page.get_by_role("link", name=name).click()
        page.wait_for_url(f"{url}/pipelines/{name}")
        page.get_by_role("link", name="Run", exact=True).click()
        page.get_by_role("button", name="Run").click()
        page.locator(".mapping").get_by_text("below").wait_for()
        made = sdk.create_deployment(name, name, "endpoint")
        assert made["endpoint_url"].startswith(f"{url}/endpoints/")
        called = httpx.post(
            f"{url}/endpoints/{name}",
            headers={"authorization": f"EndpointToken {made['endpoint_token']}"},
            follow_redirects=True,
            trust_env=False,
            timeout=60,
        )
        assert called.json()["outputs"] == {"told": "below"}
        page.goto(f"{url}/data-store")
        (tmp_path / "up.txt").write_text("carried below")
        page.locator("input[type=file]").first.set_input_files(tmp_path / "up.txt")
        page.get_by_role("button", name="Upload").first.click()
        page.get_by_role("link", name="up.txt").first.click()
        page.get_by_text("carried below").wait_for()
        sdk.delete_pipeline(name, force_deployments_deletion=True)
        sdk.delete_data_store_object("up.txt")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{url}/sign-in")
    window.close()
    assert (told, missed) == ([], [])


def test_what_users_write_is_not_taken_for_a_link(below: tuple[str, str]) -> None:
    url, token = below
    asked = httpx.post(f"{url}/api/v1/auth/refresh", json={"refresh_token": token}, trust_env=False)
    headers = {"authorization": f"Bearer {asked.json()['access_token']}", "accept": "text/html"}
    text = httpx.get(
        f"{url}/search", params={"text": ' href="/x'}, headers=headers, trust_env=False
    ).text
    assert f'href="{PREFIX}/x' not in text
    assert f'href="{PREFIX}/pipelines"' in text
    assert set(re.findall(r'="(/[^/"]*)', text)) == {PREFIX}
    assert "&#34;/x" in text
