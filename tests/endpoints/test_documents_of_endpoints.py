"""What a server tells about an endpoint: to whom, and under which headers."""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hatchling.builders.wheel import WheelBuilder
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.conftest import RunningServer
from tests.endpoints.conftest import Endpoint

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PAGES = [
    path
    for folder in ("pages", "assets", "vendor")
    for path in SOURCE.glob(f"headrace/*/{folder}/**/*")
    if path.is_file()
]

pytestmark = pytest.mark.system


def test_the_document_is_for_those_who_have_the_token(
    endpoint_of: Callable[[str], Endpoint],
) -> None:
    endpoint = endpoint_of("add")
    for headers in ({}, {"Authorization": "EndpointToken wrong"}, {"Authorization": "Bearer x"}):
        refused = httpx.get(f"{endpoint.url}/openapi.json", headers=headers)
        assert refused.status_code == 401
        assert set(refused.json()) == {"message", "name", "request_id", "additional_data"}
    for answer in (
        httpx.get(f"{endpoint.url}/openapi.json", headers=endpoint.headers),
        httpx.get(f"{endpoint.url}/openapi.json", params={"token": endpoint.token}),
    ):
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        OpenAPIV31SpecValidator(answer.json()).validate()


def test_the_document_tells_where_the_endpoint_is_and_what_it_takes(
    endpoint_of: Callable[[str], Endpoint],
) -> None:
    endpoint = endpoint_of("add")
    document = httpx.get(f"{endpoint.url}/openapi.json", headers=endpoint.headers).json()
    path = next(iter(document["paths"]))
    assert document["servers"][0]["url"] + path == endpoint.url
    assert document["info"]["description"] == "Try me."
    assert document["components"]["schemas"]["Inputs"]["required"] == ["a"]
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    called = httpx.post(endpoint.url, json=body["example"], headers=endpoint.headers)
    assert called.json()["outputs"] == {"total": 3.5, "note": "text"}


def test_the_page_is_the_same_for_every_endpoint_and_for_none(
    server: RunningServer, endpoint_of: Callable[[str], Endpoint]
) -> None:
    pages = [
        httpx.get(f"{url}/docs")
        for url in (
            endpoint_of("add").url,
            endpoint_of("mirror").url,
            f"{server.url}/endpoints/no-such-endpoint",
            f"{server.url}/endpoints/v1",
        )
    ]
    assert {(page.status_code, page.text) for page in pages} == {(200, pages[0].text)}
    assert {page.headers["content-security-policy"] for page in pages} == {
        pages[0].headers["content-security-policy"]
    }
    unknown = httpx.get(
        f"{server.url}/endpoints/no-such-endpoint/openapi.json", params={"token": "tried"}
    )
    assert unknown.status_code == 404


def test_the_page_lets_in_its_own_style_and_script_and_nothing_else(server: RunningServer) -> None:
    page = httpx.get(f"{server.url}/endpoints/any/docs")
    policy = dict(
        part.split(" ", 1) for part in page.headers["content-security-policy"].split("; ")
    )
    for directive, tag in (("style-src", "style"), ("script-src", "script")):
        (content,) = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in page.headers
    assert not re.search(r"\b(src|href|action)=\"(?!data:)", page.text)
    assert "https://" not in page.text


def test_the_wheel_has_the_files_of_the_page(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    with zipfile.ZipFile(wheel) as archive:
        packed = {
            name
            for name in archive.namelist()
            if any(f"/{folder}/" in name for folder in ("pages", "assets", "vendor"))
        }
    assert packed == {path.relative_to(SOURCE).as_posix() for path in PAGES}
    assert {name.rpartition("/")[2] for name in packed} >= {"htmx.js", "layout.html", "base.css"}
