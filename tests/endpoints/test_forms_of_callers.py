"""Forms as browsers, scripts and careless clients send them: used as meant, or refused in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.conftest import RunningServer

from headrace import HeadraceSdk, Input, InputSource, Output

pytestmark = pytest.mark.system

SOURCE = """\
import os


def look(document=None, text=None):
    if document is None:
        return {"seen": {"text": text}}
    path = document["path"]
    size = os.path.getsize(path)
    return {"seen": {"text": text, "name": os.path.basename(path), "size": size}}
"""

HAN = "\u8868"

Post = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def post_to(
    server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Post]]:
    """Posts a form to an endpoint, and to the pipeline that it calls."""
    folder = tmp_path_factory.mktemp("look")
    (folder / "main.py").write_text(SOURCE)
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as sdk:
        sdk.create_pipeline(
            "forms-look",
            "main.py",
            "look",
            container_config={"local_folder": str(folder)},
            inputs=[Input("document", "file"), Input("text", "string")],
            outputs=[Output("seen", "json")],
        )
        made = sdk.create_deployment("forms-look", "forms-look", "endpoint")
        fixed = sdk.create_deployment(
            "forms-look",
            "forms-fixed",
            "endpoint",
            inputs_mapping=[
                InputSource("document", is_null=True),
                InputSource("text", constant_value="fixed"),
            ],
        )
    access = httpx.post(
        f"{server.url}/api/v1/auth/refresh", json={"refresh_token": server.token}
    ).json()["access_token"]

    def posting(url: str, credentials: str) -> Post:
        def post(**what: Any) -> httpx.Response:
            headers = {"Authorization": credentials, **what.pop("headers", {})}
            return httpx.post(url, headers=headers, timeout=60, **what)

        return post

    yield {
        "endpoint": posting(made["endpoint_url"], f"EndpointToken {made['endpoint_token']}"),
        "fixed": posting(fixed["endpoint_url"], f"EndpointToken {fixed['endpoint_token']}"),
        "deployment": posting(
            f"{server.url}/api/v1/deployments/forms-look/executions", f"Bearer {access}"
        ),
        "run": posting(f"{server.url}/api/v1/pipelines/forms-look/run", f"Bearer {access}"),
    }
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as sdk:
        sdk.delete_pipeline("forms-look", force_deployments_deletion=True)


def with_file(filename: bytes, content: bytes = b"content", *, name: bytes = b"document") -> Any:
    """The body and headers of a form with a file of any name, sent as it is."""
    body = (
        b'--B\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n%b\r\n--B--\r\n"
    ) % (name, filename, content)
    return {"content": body, "headers": {"Content-Type": "multipart/form-data; boundary=B"}}


NAMES = {
    "plain": ("a b.csv", "a b.csv"),
    "long Han": (HAN * 100 + ".csv", HAN * 65 + ".csv"),
    "long emoji": ("\U0001f600" * 90, "\U0001f600" * 50),
    "long suffix": ("a." + "b" * 300, ("a." + "b" * 300)[:200]),
    "very long": ("a" * 5000 + ".tar.gz", "a" * 197 + ".gz"),
    "two dots": ("..", "document"),
    "one dot": (".", "document"),
    "dots": ("......", "document"),
    "up": ("../../etc/passwd", "passwd"),
    "folders": ("/a/b/c.txt", "c.txt"),
    "folder alone": ("a/b/", "document"),
    "windows": ("C:\\Users\\me\\c.txt", "c.txt"),
    "blanks": ("   ", "document"),
    "ends in blanks": ("a.txt . ", "a.txt"),
    "hidden": (".profile", ".profile"),
    "control": ("a\x01\x1b[31mb\x7f.txt", "a[31mb.txt"),
    "turned around": ("a\u202egpj.exe", "agpj.exe"),
    "percent": ("%2e%2e%2fa", "%2e%2e%2fa"),
    "option": ("-rf", "-rf"),
    "reserved": ("CON", "CON"),
}


@pytest.mark.parametrize("kind", NAMES)
def test_a_file_keeps_its_name_as_far_as_a_disk_takes_it(
    post_to: dict[str, Post], kind: str
) -> None:
    sent, expected = NAMES[kind]
    answer = post_to["endpoint"](**with_file(sent.encode()))
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"]["seen"] == {"text": None, "name": expected, "size": 7}


def test_a_name_in_the_form_that_the_standard_forbids_is_read(post_to: dict[str, Post]) -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="document"; '
        b"filename*=utf-8''%E8%A1%A8.csv\r\n\r\ncontent\r\n--B--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = post_to["endpoint"](content=body, headers=kind)
    assert answer.json()["outputs"]["seen"]["name"] == f"{HAN}.csv"


@pytest.mark.parametrize("way", ["endpoint", "deployment", "run"])
def test_names_that_are_no_text_are_refused_on_every_way(
    post_to: dict[str, Post], way: str
) -> None:
    for filename in (b"\xff.csv", b"\xed\xa0\x80.csv"):
        answer = post_to[way](**with_file(filename))
        assert answer.status_code == 400, answer.text
        assert answer.json()["message"].startswith("The name of a file is not UTF-8")
    answer = post_to[way](**with_file(b"a\x00b.csv"))
    assert answer.status_code in {200, 201, 400}
    assert "/run/" not in answer.text


def test_a_file_that_was_not_chosen_is_not_given(post_to: dict[str, Post]) -> None:
    answer = post_to["endpoint"](**with_file(b"", b""))
    assert answer.json()["outputs"]["seen"] == {"text": None}
    empty = post_to["endpoint"](**with_file(b"empty.csv", b""))
    assert empty.json()["outputs"]["seen"] == {"text": None, "name": "empty.csv", "size": 0}
    unnamed = post_to["endpoint"](**with_file(b"", b"x"))
    assert unnamed.json()["outputs"]["seen"] == {"text": None, "name": "document", "size": 1}


@pytest.mark.parametrize("way", ["endpoint", "deployment"])
def test_a_form_in_another_charset_is_refused_as_json_is(
    post_to: dict[str, Post], way: str
) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    refused: list[tuple[bytes, str]] = [
        (b"text=Andr%E9", form["Content-Type"]),
        (b"text=Andr\xe9", form["Content-Type"]),
        (b'{"text": "Andr\xe9"}', "application/json"),
        (b"text=Andr%C3%A9&_charset_=iso-8859-1", form["Content-Type"]),
        (
            b'--B\r\nContent-Disposition: form-data; name="text"\r\n\r\nAndr\xe9\r\n--B--\r\n',
            "multipart/form-data; boundary=B",
        ),
        ('{"text": "a"}'.encode("utf-16"), "application/json"),
        (b'\xef\xbb\xbf{"text": "a"}', "application/json"),
        (b'{"text": "a", "text": "b"}', "application/json"),
        (b'{"text": "\\ud800"}', "application/json"),
        (b'{"text": NaN}', "application/json"),
    ]
    for body, kind in refused:
        answer = post_to[way](content=body, headers={"Content-Type": kind})
        assert answer.status_code == 400, (body, answer.text)
        assert answer.json()["message"]


def test_a_form_may_name_its_charset(post_to: dict[str, Post]) -> None:
    answer = post_to["endpoint"](data={"_charset_": "UTF-8", "text": "é"})
    assert answer.json()["outputs"]["seen"] == {"text": "é"}
    body = (
        '--B\r\nContent-Disposition: form-data; name="text"\r\n'
        "Content-Type: text/plain; charset=ISO-8859-1\r\n\r\na\r\n--B--"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = post_to["endpoint"](content=body, headers=headers)
    assert answer.json()["outputs"]["seen"] == {"text": "a"}


def test_unknown_fields_and_files_are_named(post_to: dict[str, Post]) -> None:
    for way in ("endpoint", "deployment"):
        for what in ({"data": {"nobody": "1"}}, {"files": {"nobody": b"1"}}):
            answer = post_to[way](**what)
            assert answer.status_code == 400
            assert "there is no input 'nobody'" in answer.json()["message"]
    wrong = post_to["endpoint"](files={"text": b"1"})
    assert "'text' must be of type string, but a file was sent" in wrong.json()["message"]


def test_an_endpoint_that_takes_nothing_leaves_values_aside_and_refuses_files(
    post_to: dict[str, Post],
) -> None:
    for what in ({"json": {"text": "x"}}, {"data": {"text": "x"}}, {"data": {"any": "x"}}):
        assert post_to["fixed"](**what).json()["outputs"]["seen"] == {"text": "fixed"}
    refused = post_to["fixed"](files={"document": b"x"})
    assert refused.status_code == 400
    assert "'document' is mapped to another source" in refused.json()["message"]


def test_no_message_names_a_place_on_the_server(
    post_to: dict[str, Post], server: RunningServer
) -> None:
    for filename in (b"a" * 9000, b"..", b"a\x00", HAN.encode() * 90):
        for way in ("endpoint", "run"):
            assert str(server.data_dir) not in post_to[way](**with_file(filename)).text


def test_a_disabled_endpoint_reads_no_body(
    post_to: dict[str, Post], server: RunningServer, tmp_path: Path
) -> None:
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as sdk:
        made = sdk.create_deployment("forms-look", "forms-disabled", "endpoint")
        sdk.update_deployment("forms-disabled", is_enabled=False)
    answer = httpx.post(
        made["endpoint_url"],
        headers={"Authorization": f"EndpointToken {made['endpoint_token']}"},
        files={"nobody": b"x"},
    )
    assert answer.status_code == 409
    assert re.search("is disabled", answer.json()["message"])
    assert urlsplit(made["endpoint_url"]).path.endswith("forms-disabled")
