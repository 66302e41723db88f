"""The data store as the public client uses it, and as older clients of it did."""

from __future__ import annotations

import asyncio
import io
import os
import time
import uuid
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import psutil
import pytest
from craft_ai_sdk import CraftAiSdk
from craft_ai_sdk.exceptions import SdkException

from headrace.control.sealing import load_keys
from headrace.core.errors import NotFound
from headrace.objects.filesystem import FilesystemStore
from headrace.objects.links import PURPOSE, Purpose, sign
from headrace.server.data_directory import DataDirectory

PART = 6
ROUND_TRIP_SIZES = [0, 5, 11, 12, 14, 18, 100]
XML = "application/xml"


@pytest.fixture
def folder(server: Any) -> Iterator[str]:
    """A folder of the data store for one test, emptied afterwards."""
    name = f"contract-{uuid.uuid4().hex[:8]}"
    yield name
    on_disk(server, lambda store: store.delete_tree(name))


@pytest.fixture(scope="module")
def small_parts(server: Any) -> Any:
    """The public client, sending files from 12 bytes on in parts of 6."""
    sdk = CraftAiSdk(sdk_token=server.token, environment_url=server.url, control_url=server.url)
    sdk._MULTIPART_THRESHOLD, sdk._MULTIPART_PART_SIZE = 2 * PART, PART
    return sdk


@pytest.fixture(scope="module")
def http(server: Any) -> Iterator[httpx.Client]:
    """The API as any HTTP client sees it, with an access token."""
    with httpx.Client(base_url=f"{server.url}/api/v1") as client:
        token = client.post("/auth/refresh", json={"refresh_token": server.token}).json()
        client.headers["authorization"] = f"Bearer {token['access_token']}"
        yield client


def on_disk(server: Any, work: Callable[[FilesystemStore], Any]) -> Any:
    """What ``work`` does with the server's own files."""

    async def do() -> Any:
        store = FilesystemStore(DataDirectory(server.data_dir).data_store)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(do())


def downloaded(sdk: Any, path: str) -> bytes:
    target = io.BytesIO()
    sdk.download_data_store_object(path, target)
    assert target.tell() == 0
    return target.getvalue()


def listening_at(process_id: int) -> str:
    """Where a server listens, whatever it calls itself."""
    found = psutil.Process(process_id).net_connections("tcp")
    return next(f"http://127.0.0.1:{c.laddr.port}" for c in found if c.status == "LISTEN")


def of_client(version: str) -> dict[str, str]:
    return {"craft-ai-client": f"craft-ai-sdk@{version}"}


# The public client, current era.


@pytest.mark.parametrize("size", ROUND_TRIP_SIZES)
def test_a_file_comes_back_as_it_was(small_parts: Any, folder: str, size: int) -> None:
    content, path = os.urandom(size), f"{folder}/ü b/+%2F#?&.bin"
    small_parts.upload_data_store_object(io.BytesIO(content), path)
    assert downloaded(small_parts, f"/{path}") == content


def test_a_file_goes_from_disk_to_disk(public_sdk: Any, folder: str, tmp_path: Any) -> None:
    (tmp_path / "up.bin").write_bytes(b"\x00\r\n--\r\n" * 1000)
    public_sdk.upload_data_store_object(str(tmp_path / "up.bin"), f"{folder}/up.bin")
    public_sdk.download_data_store_object(f"{folder}/up.bin", str(tmp_path / "down.bin"))
    assert (tmp_path / "down.bin").read_bytes() == (tmp_path / "up.bin").read_bytes()


@pytest.mark.parametrize("size", [13, 19, 25])
def test_a_file_whose_last_byte_the_client_drops_is_refused(
    small_parts: Any, folder: str, size: int
) -> None:
    small_parts.upload_data_store_object(io.BytesIO(b"old"), f"{folder}/f")
    with pytest.raises(SdkException, match="last byte") as caught:
        small_parts.upload_data_store_object(io.BytesIO(os.urandom(size)), f"{folder}/f")
    assert caught.value.status_code == 400
    assert downloaded(small_parts, f"{folder}/f") == b"old"


def test_information_and_deletion(public_sdk: Any, folder: str) -> None:
    public_sdk.upload_data_store_object(io.BytesIO(bytes(1536)), f"{folder}/f.bin")
    shown = public_sdk.get_data_store_object_information(f"{folder}/f.bin")
    assert shown.keys() == {"path", "last_modified", "size"}
    assert (shown["path"], shown["size"]) == (f"{folder}/f.bin", "1.50 KB")
    assert shown["last_modified"].endswith("Z")
    deleted = public_sdk.delete_data_store_object(f"{folder}/f.bin")
    assert deleted == {"path": f"{folder}/f.bin"}
    for call in (
        public_sdk.delete_data_store_object,
        public_sdk.get_data_store_object_information,
        lambda path: public_sdk.download_data_store_object(path, io.BytesIO()),
    ):
        with pytest.raises(SdkException, match=r"f\.bin") as caught:
            call(f"{folder}/f.bin")
        assert caught.value.status_code == 404


@pytest.mark.parametrize("path", ["..", "a/../b", "", "/", "a//b", "a\\b", "a\nb", "x" * 2000])
def test_a_path_that_is_none_is_refused(public_sdk: Any, path: str) -> None:
    with pytest.raises(SdkException) as caught:
        public_sdk.upload_data_store_object(io.BytesIO(b""), path)
    assert caught.value.status_code == 400


def test_a_list_has_the_folder_by_whole_segments(public_sdk: Any, folder: str) -> None:
    for path in ("a", "a/b", "a/c/d", "ab/c"):
        public_sdk.upload_data_store_object(io.BytesIO(b"1"), f"{folder}/{path}")
    for asked in (f"{folder}/a", f"{folder}/a/", f"/{folder}/a"):
        found = public_sdk.list_data_store_objects(asked)
        assert [item["path"] for item in found] == [f"{folder}/a/b", f"{folder}/a/c/d"]
    assert public_sdk.list_data_store_objects(f"{folder}/none") == []
    every = [item["path"] for item in public_sdk.iter_data_store_objects()]
    assert every == sorted(every)
    assert {f"{folder}/a", f"{folder}/ab/c"} <= set(every)


def test_a_list_has_every_page(server: Any, public_sdk: Any, http: Any, folder: str) -> None:
    paths = [f"{folder}/{number:05}" for number in range(1001)]

    async def fill(store: FilesystemStore) -> None:
        await asyncio.gather(*(store.put(path, nothing()) for path in paths))

    on_disk(server, fill)
    found = [item["path"] for item in public_sdk.list_data_store_objects(folder)]
    assert found == paths
    first = http.get("/data-store/list", params={"folder_path": folder}).json()
    assert len(first["items"]) == 1000
    token = first["continuation_token"]
    assert quote(token, safe="") == token
    last = http.get(
        "/data-store/list", params={"folder_path": folder, "continuation_token": token}
    ).json()
    assert [item["path"] for item in last["items"]] == paths[1000:]
    assert last["continuation_token"] is None
    old = http.get(
        "/data-store/list", params={"folder_path": folder}, headers=of_client("0.30.0")
    ).json()
    assert [item["path"] for item in old] == paths


async def nothing() -> Any:
    return
    yield


def test_too_large_a_file_is_refused_in_words_of_its_own(own_server: Any) -> None:
    server = own_server(HEADRACE_MAX_UPLOAD_BYTES="1000")
    sdk = CraftAiSdk(sdk_token=server.token, environment_url=server.url, control_url=server.url)
    sdk.upload_data_store_object(io.BytesIO(bytes(1000)), "fits")
    for size in (1001, 3_000_000):
        with pytest.raises(SdkException) as caught:
            sdk.upload_data_store_object(io.BytesIO(bytes(size)), "large")
        assert (caught.value.status_code, caught.value.name) == (413, "EntityTooLarge")
    sdk._MULTIPART_THRESHOLD, sdk._MULTIPART_PART_SIZE = 500, 400
    sdk.upload_data_store_object(io.BytesIO(bytes(1000)), "fits")
    for size in (1002, 3000):
        with pytest.raises(SdkException, match="HEADRACE_MAX_UPLOAD_BYTES") as caught:
            sdk.upload_data_store_object(io.BytesIO(bytes(size)), "large")
        assert caught.value.status_code == 413
    assert [item["path"] for item in sdk.list_data_store_objects()] == ["fits"]


def test_parts_that_are_too_large_in_all_are_refused_and_forgotten(own_server: Any) -> None:
    """Also where the client announces no sizes beforehand."""
    server = own_server(HEADRACE_MAX_UPLOAD_BYTES="1000")
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=of_client("0.42.0")) as http:
        token = http.post("/auth/refresh", json={"refresh_token": server.token}).json()
        http.headers["authorization"] = f"Bearer {token['access_token']}"
        upload = "/data-store/upload/multipart"
        begun = http.post(upload, data={"path_to_object": "f"}).json()
        upload += "/" + begun["multipart_upload_id"]
        for number in (1, 2):
            asked = {"path_to_object": "f", "part_number": number}
            url = http.get(upload, params=asked).json()["signed_url"]
            refused = httpx.put(url, content=bytes(1001))
            assert (refused.status_code, "EntityTooLarge" in refused.text) == (413, True)
            assert httpx.put(url, content=bytes(600)).is_success
        body = {"path_to_object": "f", "parts": [{"number": 1}, {"number": 2}]}
        assert [http.post(upload, json=body).status_code for _ in range(2)] == [413, 404]
        assert http.get("/data-store/list").json()["items"] == []


# Older clients, and details of the wire.


@pytest.mark.parametrize("size", [12, 13, 18])
def test_parts_as_clients_up_to_0_46_send_them(http: Any, folder: str, size: int) -> None:
    content, path, headers = os.urandom(size), f"{folder}/f", of_client("0.42.0")
    upload = "/data-store/upload/multipart"
    begun = http.post(upload, data={"path_to_object": path}, headers=headers).json()
    upload += "/" + begun["multipart_upload_id"]
    parts = []
    for number, begin in enumerate(range(0, size, PART), 1):
        asked = {"path_to_object": path, "part_number": number}
        url = http.get(upload, params=asked, headers=headers).json()["signed_url"]
        etag = httpx.put(url, content=content[begin : begin + PART]).headers["etag"]
        assert etag[0] == etag[-1] == '"'
        parts.append({"number": number, "metadata": etag.strip('"')})
    end = http.post(upload, json={"path_to_object": path, "parts": parts}, headers=headers)
    assert end.status_code == 200
    url = http.post("/data-store/download", data={"path_to_object": path}).json()["signed_url"]
    assert httpx.get(url).content == content


@pytest.mark.parametrize(
    ("version", "query", "is_array"),
    [
        ("0.30.0", {}, True),
        ("0.30.0", {"include_continuation_token": "f"}, True),
        ("0.35.0", {"include_continuation_token": "t"}, False),
        ("0.30.0", {"include_continuation_token": "True"}, False),
        ("0.56.0", {"include_continuation_token": "1"}, False),
        ("0.62.3", {}, False),
        ("0.74.7", {}, False),
        (None, {}, False),
    ],
)
def test_a_list_has_the_shape_that_the_client_knows(
    http: Any, version: str | None, query: dict[str, str], is_array: bool
) -> None:
    headers = of_client(version) if version else {}
    assert isinstance(http.get("/data-store/list", params=query, headers=headers).json(), list) is (
        is_array
    )


@pytest.mark.parametrize(
    "query",
    [
        {"include_continuation_token": "maybe"},
        {"limit": "0"},
        {"limit": "1001"},
        {"continuation_token": "?"},
        {"continuation_token": "-_-"},
        {"folder_path": "a/../b"},
    ],
)
def test_a_bad_question_for_a_list_is_refused(http: Any, query: dict[str, str]) -> None:
    answer = http.get("/data-store/list", params=query)
    assert (answer.status_code, answer.json()["name"]) == (400, "InvalidRequest")


def begin(http: Any, path: str, contents: list[bytes], **more: Any) -> dict[str, Any]:
    """Send parts as current clients do; the body of the end of the upload."""
    config = http.post("/data-store/upload/multipart", json={"path_to_object": path}).json()
    upload = {"path_to_object": path, "multipart_upload_configuration": config}
    parts = []
    for number, content in enumerate(contents, 1):
        asked = {**upload, "part_number": number, "chunk_size": PART}
        if number == len(contents):
            asked |= more
        target = http.post("/data-store/upload/multipart/part", json=asked).json()
        sent = httpx.put(target["signed_url"], content=content, headers=target["headers"])
        parts.append({"number": number, "metadata": sent.headers["etag"]})
    return {**upload, "parts": parts}


def end(http: Any, body: dict[str, Any], version: str = "0.74.7") -> httpx.Response:
    answer: httpx.Response = http.post(
        "/data-store/upload/multipart/end", json=body, headers=of_client(version)
    )
    return answer


def test_0_50_announces_no_size_when_the_last_part_is_full(http: Any, folder: str) -> None:
    body = begin(http, f"{folder}/f", [b"123456", b"123456"])
    assert end(http, body).status_code == 400
    assert end(http, body, "0.50.1").status_code == 200


def test_the_end_checks_every_part(http: Any, folder: str) -> None:
    body = begin(http, f"{folder}/f", [b"123456", b"78"], size=8)
    first, last = body["parts"]
    for parts in (
        [],
        [first],
        [last],
        [first, last, {"number": 3}],
        [first, last | {"metadata": '"0123.8"'}],
        [first, last, last],
        [{"metadata": "x"}],
        "parts",
        [1],
        None,
    ):
        assert end(http, {**body, "parts": parts}).status_code == 400, parts
    assert end(http, {**body, "path_to_object": f"{folder}/g"}).status_code == 400
    assert end(http, {**body, "multipart_upload_configuration": "x"}).status_code == 400
    assert end(http, {**body, "parts": [last, first]}).status_code == 200
    assert end(http, body).status_code == 404


def test_the_end_compares_the_announced_size(http: Any, folder: str) -> None:
    body = begin(http, f"{folder}/f", [b"123456", b"78"], size=9)
    answer = end(http, body)
    assert (answer.status_code, "8 bytes" in answer.json()["message"]) == (400, True)


def test_an_upload_can_be_abandoned(http: Any, folder: str) -> None:
    body = begin(http, f"{folder}/f", [b"123456"], size=6)
    upload_id = body["multipart_upload_configuration"]["multipart_upload_id"]
    path = f"/data-store/upload/multipart/{upload_id}"
    assert [http.delete(path).status_code for _ in range(2)] == [200, 404]
    assert end(http, body).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/data-store/information", {"json": {}}),
        ("POST", "/data-store/information", {"json": {"path_to_object": 3}}),
        ("POST", "/data-store/information", {"content": b"{"}),
        ("POST", "/data-store/download", {"data": {}}),
        ("GET", "/data-store/upload", {}),
        ("POST", "/data-store/upload/multipart", {"json": {"path_to_object": None}}),
        ("POST", "/data-store/upload/multipart/part", {"json": {"part_number": 1}}),
        ("POST", "/data-store/upload/multipart/part", {"json": {"part_number": 0}}),
        ("POST", "/data-store/upload/multipart/part", {"json": {"part_number": "1e3"}}),
        ("POST", "/data-store/upload/multipart/end", {"json": {}}),
        ("GET", "/data-store/upload/multipart/x?part_number=1", {}),
        ("DELETE", "/data-store/delete", {}),
    ],
)
def test_a_bad_request_is_refused(http: Any, method: str, path: str, body: Any) -> None:
    answer = http.request(method, path, **body)
    assert (answer.status_code, answer.json()["name"]) == (400, "InvalidRequest")


def test_only_who_has_a_token_gets_links(server: Any) -> None:
    with httpx.Client(base_url=f"{server.url}/api/v1") as stranger:
        answer = stranger.get("/data-store/upload", params={"path_to_object": "a"})
    assert answer.status_code == 401


# Signed links.


@pytest.fixture
def stored(http: Any, folder: str) -> str:
    """The path of an object of ten digits."""
    path = f"{folder}/digits & more.txt"
    target = http.get("/data-store/upload", params={"path_to_object": path}).json()
    files = {"file": ("any", b"0123456789")}
    sent = httpx.post(target["signed_url"], data=target["fields"], files=files)
    assert sent.is_success
    return path


def link(http: Any, path: str) -> str:
    url: str = http.post("/data-store/download", data={"path_to_object": path}).json()["signed_url"]
    return url


@pytest.mark.parametrize(
    ("asked", "status", "content", "content_range"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-99", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_range(
    http: Any, stored: str, asked: str, status: int, content: bytes | None, content_range: str
) -> None:
    answer = httpx.get(link(http, stored), headers={"range": asked})
    assert answer.status_code == status
    assert answer.headers.get("content-range") == content_range
    if content is None:
        assert "<Code>InvalidRange</Code>" in answer.text
    else:
        assert answer.content == content
        assert answer.headers["content-length"] == str(len(content))


def test_a_range_of_an_object_that_was_replaced_is_the_whole(http: Any, stored: str) -> None:
    url = link(http, stored)
    etag = httpx.get(url).headers["etag"]
    asked = {"range": "bytes=5-"}
    assert httpx.get(url, headers={**asked, "if-range": etag}).content == b"56789"
    assert httpx.get(url, headers={**asked, "if-range": '"other"'}).content == b"0123456789"


def test_a_link_tells_the_size_without_the_content(http: Any, stored: str) -> None:
    answer = httpx.head(link(http, stored))
    assert (answer.status_code, answer.headers["content-length"]) == (200, "10")


def test_a_download_is_never_a_page_of_the_server(http: Any, stored: str) -> None:
    headers = httpx.get(link(http, stored)).headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"].startswith("attachment")
    assert headers["x-content-type-options"] == "nosniff"


def test_a_link_to_a_deleted_object_says_so(http: Any, stored: str) -> None:
    url = link(http, stored)
    http.request("DELETE", "/data-store/delete", data={"path_to_object": stored})
    answer = httpx.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (404, XML)
    assert "<Code>NoSuchKey</Code>" in answer.text


def signed(
    server: Any, path: str, *, method: str = "GET", purpose: Purpose, lifetime_s: int = 60
) -> dict[str, str]:
    """What a link to a path is allowed by, made with the server's own key."""
    key = load_keys(DataDirectory(server.data_dir).keys).derive("signed links")
    return sign(key, method, path, int(time.time()) + lifetime_s, {PURPOSE: purpose})


DOWNLOAD: dict[str, Any] = {"purpose": Purpose.DOWNLOAD}
ABUSES: dict[str, tuple[str, dict[str, Any], str]] = {
    "expired": ("GET", DOWNLOAD | {"lifetime_s": -1}, "ExpiredLink"),
    "other method": ("PUT", DOWNLOAD, "SignatureDoesNotMatch"),
    "made for PUT": ("GET", DOWNLOAD | {"method": "PUT"}, "SignatureDoesNotMatch"),
    "other purpose": ("GET", {"purpose": Purpose.PART}, "AccessDenied"),
    "other path": ("GET", DOWNLOAD | {"path": "other"}, "SignatureDoesNotMatch"),
    "tampered time": ("GET", DOWNLOAD | {"expires": "9999999999"}, "SignatureDoesNotMatch"),
    "tampered purpose": ("PUT", DOWNLOAD | {PURPOSE: "part"}, "SignatureDoesNotMatch"),
    "something added": ("GET", DOWNLOAD | {"part_number": "1"}, "SignatureDoesNotMatch"),
    "no signature": ("GET", DOWNLOAD | {"signature": ""}, "SignatureDoesNotMatch"),
}


@pytest.mark.parametrize("abuse", ABUSES)
def test_a_link_allows_one_thing_alone(server: Any, http: Any, stored: str, abuse: str) -> None:
    method, change, code = ABUSES[abuse]
    making = {key: change[key] for key in ("purpose", "method", "lifetime_s") if key in change}
    query = signed(server, change.get("path", stored), **making)
    query |= {key: change[key] for key in change.keys() - making.keys() - {"path"}}
    query |= {PURPOSE: change[PURPOSE]} if abuse == "tampered purpose" else {}
    url = f"{server.url}/api/v1/signed/objects/{quote(stored)}?{urlencode(query)}"
    answer = httpx.request(method, url, content=b"evil" if method == "PUT" else None)
    assert (answer.status_code, answer.headers["content-type"]) == (403, XML)
    assert f"<Code>{code}</Code>" in answer.text
    assert httpx.get(link(http, stored)).content == b"0123456789"


def test_a_form_goes_to_its_own_path_alone(server: Any, http: Any, folder: str) -> None:
    target = http.get("/data-store/upload", params={"path_to_object": f"{folder}/mine"}).json()
    fields, files = target["fields"], {"file": ("any", b"evil")}
    other = target["signed_url"].replace("/mine", "/other")
    expired = signed(server, f"{folder}/mine", method="POST", purpose=Purpose.UPLOAD, lifetime_s=-1)
    for url, data in (
        (other, fields),
        (target["signed_url"], expired),
        (target["signed_url"], {}),
        (target["signed_url"], fields | {"more": "x"}),
    ):
        answer = httpx.post(url, data=data, files=files)
        assert (answer.status_code, answer.headers["content-type"]) == (403, XML)
    cut = httpx.post(
        target["signed_url"],
        content=b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc',
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert (cut.status_code, cut.headers["content-type"]) == (403, XML)
    listed = http.get("/data-store/list", params={"folder_path": folder}).json()
    assert listed["items"] == []


def test_a_form_that_is_cut_off_stores_nothing(http: Any, folder: str) -> None:
    target = http.get("/data-store/upload", params={"path_to_object": f"{folder}/f"}).json()
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (*target["fields"].items(), ("file", "abc"))
    ]
    answer = httpx.post(
        target["signed_url"],
        content="".join(parts).encode(),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert (answer.status_code, "<Code>InvalidRequest</Code>" in answer.text) == (400, True)
    assert http.get("/data-store/list", params={"folder_path": folder}).json()["items"] == []


@pytest.mark.parametrize(
    "path",
    [
        "../database.sqlite",
        "%2e%2e/database.sqlite",
        "a/%2e%2e/%2e%2e/x",
        "..%2f..%2fx",
        "",
        "a//b",
    ],
)
def test_a_link_cannot_lead_out_of_the_store(server: Any, path: str) -> None:
    # Sent byte for byte: HTTP libraries would fold the dots away.
    parts = urlsplit(server.url)
    query = urlencode(signed(server, path, purpose=Purpose.DOWNLOAD))
    connection = HTTPConnection(parts.hostname or "", parts.port)
    connection.request("GET", f"/api/v1/signed/objects/{path}?{query}")
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 400, text
    assert "<Code>InvalidRequest</Code>" in text


def test_a_part_goes_to_its_own_upload_alone(http: Any, folder: str) -> None:
    body = begin(http, f"{folder}/f", [b"123456"], size=6)
    asked = {**body, "part_number": 1, "chunk_size": PART}
    url = http.post("/data-store/upload/multipart/part", json=asked).json()["signed_url"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    other = url.partition("?")[0] + "?" + urlencode(query | {"part_number": "2"})
    assert httpx.put(other, content=b"evil").status_code == 403
    assert end(http, body).status_code == 200
    late = httpx.put(url, content=b"123456")
    assert (late.status_code, late.headers["content-type"]) == (404, XML)


def test_a_link_has_the_address_that_clients_use(own_server: Any) -> None:
    server = own_server(HEADRACE_PUBLIC_URL="https://headrace.example/root")
    server.url = listening_at(server.process.pid)
    sdk = CraftAiSdk(sdk_token=server.token, environment_url=server.url, control_url=server.url)
    url = f"{sdk.base_environment_api_url}/data-store/upload"
    answer = sdk._get(url, params={"path_to_object": "a b"})
    assert answer["signed_url"] == "https://headrace.example/root/api/v1/signed/objects/a%20b"


def test_the_tests_look_where_the_server_stores(server: Any, stored: str) -> None:
    assert on_disk(server, lambda store: store.info(stored)).size == 10
    with pytest.raises(NotFound):
        on_disk(server, lambda store: store.open(f"{stored}/not"))
