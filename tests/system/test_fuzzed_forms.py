"""Forms and bodies that nobody would write: each is answered in words, and none as a fault."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.conftest import RunningServer, files_below, wait_until

from headrace import HeadraceSdk, Input, Output

pytestmark = pytest.mark.system

ROUNDS = 150
SEEDS = (1, 2, 3)

SOURCE = """\
def fn(document=None, text=None, record=None):
    return {"seen": [text, record]}
"""

PIECES = [
    b"--B\r\n", b"--B--\r\n", b"--B", b"--", b"\r\n", b"\r\n\r\n", b"\n", b"\x00", b"\xff\xfe",
    b"Content-Disposition: form-data; ", b"Content-Disposition: ", b"Content-Type: text/plain\r\n",
    b"Content-Type: text/plain; charset=utf-16\r\n", b'name="text"', b'name="document"',
    b'name="json_inputs"', b'name="record"', b'name="_charset_"', b'name="', b"name=",
    b'; filename="a.csv"', b'; filename=".."', b'; filename=""', b"; filename*=utf-8''%E8%A1%A8",
    b"; filename*=odd''%ff", b'; filename="' + b"\xe8\xa1\xa8" * 120 + b'"', b'{"text": "a"}',
    b'{"text": 1, "text": 2}', b'{"record": ' + b"[" * 400 + b"]" * 400 + b"}", b"text=Andr%E9",
    b"text=a&text=b", b"json_inputs=%7B%7D", b"inputs_mapping=[]", b"&", b"=", b"%", b"+",
    b"[0][a]",
    b"NaN", b"1" * 400, b'"\\ud800"', b"\xef\xbb\xbf", b"x" * 70_000,
]  # fmt: skip
KINDS = [
    b"multipart/form-data; boundary=B", b'multipart/form-data; boundary="B"',
    b"multipart/form-data",
    b"multipart/form-data; boundary=" + b"b" * 80, b"multipart/form-data; boundary=\xff",
    b"application/x-www-form-urlencoded", b"application/x-www-form-urlencoded; charset=latin-1",
    b"application/json", b"application/json; charset=utf-16", b"text/plain", b"", b"; ; =",
]  # fmt: skip


@pytest.fixture(scope="module")
def targets(
    server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[str, str]]]:
    """What is called, by name: URL and credentials."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "main.py").write_text(SOURCE)
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as sdk:
        sdk.create_pipeline(
            "fuzzed",
            "main.py",
            "fn",
            container_config={"local_folder": str(folder)},
            inputs=[Input("document", "file"), Input("text", "string"), Input("record", "json")],
            outputs=[Output("seen", "json")],
        )
        made = sdk.create_deployment("fuzzed", "fuzzed", "endpoint")
        link = httpx.post(
            f"{server.url}/api/v1/auth/refresh", json={"refresh_token": server.token}, timeout=60
        ).json()["access_token"]
    api = f"{server.url}/api/v1"
    bearer = f"Bearer {link}"
    token = f"EndpointToken {made['endpoint_token']}"
    yield {
        "endpoint": (made["endpoint_url"], token),
        "wrapped": (made["endpoint_url"].replace("/endpoints/", "/endpoints/v1/"), token),
        "deployment": (f"{api}/deployments/fuzzed/executions", bearer),
        "run": (f"{api}/pipelines/fuzzed/run", bearer),
        "creation": (f"{api}/pipelines", bearer),
        "download": (f"{api}/data-store/download", bearer),
        "new token": (f"{api}/endpoints/nobody/generate-new-token", bearer),
        "variable": (f"{api}/environment-variables/FUZZED", bearer),
        "signed": (f"{server.url}/api/v1/signed/objects/a", bearer),
    }
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as sdk:
        sdk.delete_pipeline("fuzzed", force_deployments_deletion=True)


def body(choose: random.Random) -> bytes:
    """A body of pieces; half of them begin as a form does."""
    begin = b'--B\r\nContent-Disposition: form-data; name="text"' if choose.random() < 0.5 else b""
    return begin + b"".join(choose.choices(PIECES, k=choose.randrange(12)))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_body_is_a_fault_of_the_server(
    server: RunningServer, targets: dict[str, tuple[str, str]], seed: int
) -> None:
    choose = random.Random(seed)
    before = server.log.stat().st_size
    with httpx.Client(timeout=60) as http:
        ask: Callable[..., httpx.Response] = http.request
        for _ in range(ROUNDS):
            name = choose.choice([*targets])
            url, credentials = targets[name]
            content, kind = body(choose), choose.choice(KINDS)
            method = "PUT" if name == "variable" else "POST"
            headers = {b"authorization": credentials.encode(), b"content-type": kind}
            answer = ask(method, url, content=content, headers=headers)
            assert answer.status_code < 500, (name, kind, content, answer.text)
            assert str(server.data_dir) not in answer.text
    said = server.log.read_bytes()[before:].decode()
    assert "Traceback" not in said, said
    uploads = Path(server.data_dir) / "run" / "uploads"
    wait_until(lambda: not files_below(uploads), what="nothing is left of the requests")
