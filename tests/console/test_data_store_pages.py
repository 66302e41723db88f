"""The pages of the data store."""

from __future__ import annotations

import filecmp
import io
import json
import struct
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.console.conftest import IMAGE, SCRIPT, Desk, Seat


@pytest.fixture
def folder(desk: Desk) -> Iterator[str]:
    """The name of a folder that is empty before and after."""
    name = f"pages-{uuid.uuid4().hex[:8]}"
    yield name
    for item in desk.sdk.list_data_store_objects(folder_path=name):
        desk.sdk.delete_data_store_object(item["path"])


def store(desk: Desk, path: str, content: bytes) -> None:
    desk.sdk.upload_data_store_object(io.BytesIO(content), path)


def picture() -> bytes:
    """A picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        size, checksum = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
        return size + kind + data + checksum

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


def test_files_go_up_in_parts_are_found_in_their_folder_and_come_down(
    desk: Desk, seat: Seat, folder: str, tmp_path: Path
) -> None:
    page = seat.page
    large, small = tmp_path / "large.bin", tmp_path / "small.txt"
    large.write_bytes(bytes(range(256)) * 80_000)
    small.write_text("a line")
    page.goto(f"/data-store?folder={folder}")
    page.get_by_text("Nothing is here yet").wait_for()
    page.get_by_label("Files, chosen or dropped here").set_input_files([large, small])
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("link", name="large.bin").wait_for()
    stored = desk.sdk.list_data_store_objects(folder_path=folder)
    assert {item["path"] for item in stored} == {f"{folder}/large.bin", f"{folder}/small.txt"}
    page.get_by_role("link", name="large.bin").click()
    page.get_by_text("19.5 MiB").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download").click()
    assert Path(waiting.value.path()).read_bytes() == large.read_bytes()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    page.get_by_text(f"{folder}/large.bin is deleted.").wait_for()
    assert page.get_by_role("link", name="large.bin").count() == 0
    assert seat.told == []


@pytest.mark.timeout(300)
def test_a_file_of_a_gibibyte_goes_up_and_comes_down(
    desk: Desk, seat: Seat, folder: str, tmp_path: Path
) -> None:
    """It has a mark in each mebibyte, so that a piece in another place would be seen."""
    page, file = seat.page, tmp_path / "gibibyte.bin"
    with file.open("wb") as opened:
        for number in range(1024):
            opened.seek(number << 20)
            opened.write(number.to_bytes(4, "big"))
        opened.truncate(1 << 30)
    page.goto(f"/data-store?folder={folder}")
    page.get_by_label("Files, chosen or dropped here").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("link", name="gibibyte.bin").click(timeout=100_000)
    with page.expect_download(timeout=100_000) as waiting:
        page.get_by_role("link", name="Download").click()
    assert filecmp.cmp(waiting.value.path(), file, shallow=False)
    waiting.value.delete()
    desk.sdk.delete_data_store_object(f"{folder}/gibibyte.bin")
    assert seat.told == []


def test_a_form_uploads_without_javascript(desk: Desk, folder: str) -> None:
    files = {"file": ("x.txt", b"content")}
    answer = desk.web.post("/data-store/upload", data={"path": f"{folder}/x.txt"}, files=files)
    assert answer.status_code == 303
    shown = desk.web.get(answer.headers["location"])
    assert f"{folder}/x.txt is uploaded." in shown.text
    assert "content" in shown.text
    refused = desk.web.post("/data-store/upload", data={"path": "../x"}, files=files)
    assert (refused.status_code, "&#39;..&#39; segment" in refused.text) == (400, True)


def test_folders_are_walked_and_long_ones_come_page_by_page(desk: Desk, folder: str) -> None:
    for number in range(201):
        store(desk, f"{folder}/deep/{number:03d}/file", b"x")
    store(desk, f"{folder}/deep/150.txt", b"x")
    shown = desk.web.get("/data-store", params={"folder": f"{folder}/deep"}).text
    assert shown.count('<tr><th scope="row">') == 200
    assert "198/" in shown
    assert "199/" not in shown
    assert "150.txt" in shown
    older = shown.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    rest = desk.web.get(older).text
    assert rest.count('<tr><th scope="row">') == 2
    assert "199/" in rest
    assert "200/" in rest


def test_previews_show_the_beginning_and_never_run(desk: Desk, seat: Seat, folder: str) -> None:
    rows = "\n".join(f"{number},{SCRIPT}" for number in range(80))
    store(desk, f"{folder}/t.csv", f"number,text\n{rows}\n".encode())
    store(desk, f"{folder}/p.png", picture())
    store(desk, f"{folder}/page.html", SCRIPT.encode())
    drawing = f"<svg xmlns='http://www.w3.org/2000/svg'>{SCRIPT}</svg>"
    store(desk, f"{folder}/drawing.svg", drawing.encode())
    store(desk, f"{folder}/j.json", json.dumps({"a": [1, IMAGE]}).encode())
    store(desk, f"{folder}/bytes", bytes(range(256)))
    store(desk, f"{folder}/deep.json", b"[" * 30_000 + b"]" * 30_000)
    page = seat.page
    page.goto(f"/data-store/file?path={folder}/t.csv")
    assert page.locator("main table tbody tr").count() == 50
    page.get_by_text("This is the beginning.").wait_for()
    for name, shown in (
        ("page.html", SCRIPT),
        ("drawing.svg", SCRIPT),
        ("j.json", IMAGE.replace('"', '\\"')),
        ("bytes", "It is neither text nor a picture."),
        ("deep.json", "[[[["),
    ):
        page.goto(f"/data-store/file?path={folder}/{name}")
        assert shown in page.inner_text("main")
        assert page.evaluate("() => window.planted") is None
    page.goto(f"/data-store/file?path={folder}/p.png")
    assert page.locator("img.preview").evaluate("image => image.naturalWidth") == 1
    assert seat.told == []
    for name in ("page.html", "drawing.svg"):
        sent = desk.web.get("/data-store/download", params={"path": f"{folder}/{name}"})
        assert sent.headers["content-disposition"].startswith("attachment")
        assert sent.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert desk.web.get(f"/data-store/image?path={folder}/{name}").status_code == 404


def test_what_is_not_there_and_what_leaves_the_store_is_refused(desk: Desk) -> None:
    assert desk.web.get("/data-store/file?path=no/such").status_code == 404
    assert desk.web.get("/data-store/file?path=../../etc/passwd").status_code == 400
    assert desk.web.get("/data-store?folder=a/../..").status_code == 400
    assert desk.web.get("/data-store/file").status_code == 400


def test_the_pages_are_for_everybody(
    desk: Desk, folder: str, faults: Callable[[str], list[str]]
) -> None:
    store(desk, f"{folder}/deep/t.csv", b"a,b\n1,2\n")
    assert faults("/data-store") == []
    assert faults(f"/data-store?folder={folder}") == []
    assert faults(f"/data-store/file?path={folder}/deep/t.csv") == []
