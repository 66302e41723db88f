"""Styles and scripts come compressed to whoever takes that; pages never do."""

from __future__ import annotations

import gzip
import re

import httpx
import pytest
from tests.console.conftest import Desk

from headrace.console.assets import read_assets


def raw(desk: Desk, path: str, encoding: str) -> tuple[httpx.Response, bytes]:
    with desk.web.stream("GET", path, headers={"accept-encoding": encoding}) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("encoding", ["gzip", "br, GZIP", "gzip;q=0.5, identity", "gzip; q=1.0"])
def test_who_takes_gzip_gets_it(desk: Desk, encoding: str) -> None:
    assets = read_assets()
    for name in ("htmx.js", "base.css", "icon.svg"):
        answer, content = raw(desk, assets.url(name), encoding)
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert int(answer.headers["content-length"]) == len(content)
        assert gzip.decompress(content) == assets.files[name]
        assert len(content) < len(assets.files[name])


@pytest.mark.parametrize("encoding", ["", "identity", "br", "gzip;q=0", "gzip; q=0.000", "xgzip"])
def test_who_does_not_gets_it_as_it_is(desk: Desk, encoding: str) -> None:
    assets = read_assets()
    answer, content = raw(desk, assets.url("htmx.js"), encoding)
    assert "content-encoding" not in answer.headers
    assert content == assets.files["htmx.js"]


def test_pages_with_secrets_are_not_compressed(desk: Desk) -> None:
    """The length of one that holds a secret and what its address says would tell of the secret."""
    answer, content = raw(desk, "/settings?text=csrf", "gzip")
    assert "content-encoding" not in answer.headers
    assert re.search(b"<!doctype html>", content)
