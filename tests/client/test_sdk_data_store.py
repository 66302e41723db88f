"""The SDK's data store calls, against a real server."""

from __future__ import annotations

import gzip
import io
import os
import select
import socket
import threading
import uuid
from pathlib import Path

import pytest
from craft_ai_sdk import CraftAiSdk

from headrace import HeadraceSdk, InvalidRequest, InvalidValue, NotFound, TooLarge, Unavailable
from headrace.client.data_store import PART_BYTES
from headrace.client.local_files import size_text

pytestmark = pytest.mark.system


@pytest.fixture
def remote(sdk):
    """A folder of the data store for one test."""
    name = f"sdk-{uuid.uuid4().hex[:8]}"
    yield name
    for item in sdk.list_data_store_objects(name):
        sdk.delete_data_store_object(item["path"])


def downloaded(sdk, path):
    target = io.BytesIO()
    sdk.download_data_store_object(path, target)
    assert target.tell() == 0
    return target.getvalue()


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
def test_a_file_of_any_size_comes_back(sdk, remote, tmp_path, size):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(size))
    target.write_bytes(b"old")
    assert sdk.upload_data_store_object(str(source), f"{remote}/é f") is None
    assert sdk.download_data_store_object(f"/{remote}/é f", target) is None
    assert target.read_bytes() == source.read_bytes()
    assert sorted(tmp_path.iterdir()) == [source, target]


def test_what_can_be_read_can_be_uploaded(sdk, remote, tmp_path):
    path = f"{remote}/f"
    with (tmp_path / "f").open("w+b") as file:
        file.write(b"from the beginning")
        sdk.upload_data_store_object(file, path)
    assert downloaded(sdk, path) == b"from the beginning"
    zipped = tmp_path / "f.gz"
    zipped.write_bytes(gzip.compress(bytes(100_000)))
    with gzip.open(zipped) as file:
        sdk.upload_data_store_object(file, path)
    assert downloaded(sdk, path) == bytes(100_000)
    sdk.upload_data_store_object(Path(zipped), path)
    assert downloaded(sdk, path) == zipped.read_bytes()


@pytest.mark.parametrize("size", [10, PART_BYTES + 10])
def test_a_pipe_is_uploaded_without_its_size(sdk, remote, size):
    content = os.urandom(size)
    read, write = os.pipe()

    def fill():
        with os.fdopen(write, "wb") as file:
            file.write(content)

    thread = threading.Thread(target=fill)
    thread.start()
    with os.fdopen(read, "rb") as file:
        sdk.upload_data_store_object(file, f"{remote}/piped")
    thread.join()
    assert downloaded(sdk, f"{remote}/piped") == content


@pytest.mark.parametrize("source", [io.StringIO("text"), 3, None, b"bytes"])
def test_what_cannot_be_read_is_refused(sdk, remote, source):
    with pytest.raises(InvalidValue):
        sdk.upload_data_store_object(source, f"{remote}/f")
    with pytest.raises(FileNotFoundError):
        sdk.upload_data_store_object("no/such/file", f"{remote}/f")
    assert sdk.list_data_store_objects(remote) == []


def test_what_cannot_be_written_is_refused(sdk, remote, tmp_path):
    sdk.upload_data_store_object(io.BytesIO(b"x"), f"{remote}/f")
    with pytest.raises(InvalidValue):
        sdk.download_data_store_object(f"{remote}/f", 3)
    with pytest.raises(IsADirectoryError):
        sdk.download_data_store_object(f"{remote}/f", tmp_path)
    with pytest.raises(FileNotFoundError):
        sdk.download_data_store_object(f"{remote}/f", tmp_path / "no" / "f")
    sdk.download_data_store_object(f"{remote}/f", "/dev/null")
    assert Path("/dev/null").is_char_device()
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_leaves_the_file_as_it_was(sdk, remote, tmp_path):
    target = tmp_path / "f"
    target.write_bytes(b"old")
    with pytest.raises(NotFound, match="no-such"):
        sdk.download_data_store_object(f"{remote}/no-such", target)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_link_keeps_leading_to_the_file_that_is_downloaded(sdk, remote, tmp_path):
    sdk.upload_data_store_object(io.BytesIO(b"new"), f"{remote}/f")
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    sdk.download_data_store_object(f"{remote}/f", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_answers_are_those_of_the_public_client(server, sdk, remote):
    public = CraftAiSdk(sdk_token=server.token, environment_url=server.url, control_url=server.url)
    for name, size in (("a", 0), ("b", 1023), ("c/d", 1024), ("c/e", 2_500_000)):
        sdk.upload_data_store_object(io.BytesIO(bytes(size)), f"{remote}/{name}")
    for asked in (remote, f"{remote}/c"):
        assert sdk.list_data_store_objects(asked) == public.list_data_store_objects(asked)
        assert list(sdk.iter_data_store_objects(asked)) == list(
            public.iter_data_store_objects(asked)
        )
    ours, theirs = (
        [item for item in one.list_data_store_objects() if item["path"].startswith(remote)]
        for one in (sdk, public)
    )
    assert ours == theirs
    assert len(ours) == 4
    path = f"{remote}/c/e"
    shown = sdk.get_data_store_object_information(path)
    assert shown == public.get_data_store_object_information(path)
    exact = sdk.get_data_store_object_information(path, exact_size=True)
    assert exact == shown | {"size": 2_500_000}
    assert sdk.list_data_store_objects(remote, exact_size=True)[-1] == exact
    assert sdk.delete_data_store_object(path) == {"path": path}
    with pytest.raises(NotFound):
        sdk.delete_data_store_object(path)
    with pytest.raises(NotFound):
        sdk.get_data_store_object_information(path)


@pytest.mark.parametrize("path", ["", "..", "a/../b", None, 3])
def test_a_path_that_is_none_is_refused(sdk, path):
    for call in (
        lambda: sdk.upload_data_store_object(io.BytesIO(b""), path),
        lambda: sdk.download_data_store_object(path, io.BytesIO()),
        lambda: sdk.get_data_store_object_information(path),
        lambda: sdk.delete_data_store_object(path),
    ):
        with pytest.raises(InvalidRequest):
            call()


def test_progress_is_told_in_bytes(sdk, remote):
    up: list[int] = []
    down: list[int] = []
    content = bytes(2 * PART_BYTES + 5)
    sdk.upload_data_store_object(io.BytesIO(content), f"{remote}/f", on_progress=up.append)
    sdk.download_data_store_object(f"{remote}/f", io.BytesIO(), on_progress=down.append)
    assert up == [PART_BYTES, PART_BYTES, 5]
    assert sum(down) == len(content)
    assert len(down) > 1


def test_nothing_is_shown_where_nobody_looks(server, remote, capfd):
    """``verbose_log`` tells what was done; a bar is for terminals and notebooks."""
    with HeadraceSdk(server.token, server.url, verbose_log=True) as sdk:
        sdk.upload_data_store_object(io.BytesIO(bytes(51_000_000)), f"{remote}/f")
        sdk.download_data_store_object(f"{remote}/f", io.BytesIO())
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == f"Object {remote}/f: uploaded.\nObject {remote}/f: downloaded.\n"


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(own_server):
    server = own_server(HEADRACE_MAX_UPLOAD_BYTES=str(PART_BYTES + 10))
    with HeadraceSdk(server.token, server.url) as sdk:
        sent: list[int] = []
        with pytest.raises(TooLarge, match="HEADRACE_MAX_UPLOAD_BYTES"):
            sdk.upload_data_store_object(
                io.BytesIO(bytes(PART_BYTES + 11)), "f", on_progress=sent.append
            )
        assert sent == []
        sdk.upload_data_store_object(io.BytesIO(bytes(PART_BYTES + 10)), "f")
    assert list((server.data_dir / "data-store" / "uploads").iterdir()) == []


class BreakingRelay:
    """Passes bytes on to a server, and breaks connections that carry the body of a PUT.

    Attributes:
        url: Where it listens.
        target: Port of the server.
        breaks: How many connections it still breaks.
        broken: How many it has broken.
    """

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.target = 0
        self.breaks = 0
        self.broken = 0
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._relay, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _relay(self, client):
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            other = {client: server, server: client}
            is_put = False
            while True:
                ready, _, _ = select.select([client, server], [], [], 30)
                for end in ready:
                    try:
                        data = end.recv(1 << 16)
                    except ConnectionError:
                        return
                    is_put = is_put or (end is client and data.startswith(b"PUT "))
                    if not data:
                        return
                    if is_put and self.breaks > 0:
                        self.breaks -= 1
                        self.broken += 1
                        return
                    other[end].sendall(data)


@pytest.fixture
def relay():
    made = BreakingRelay()
    yield made
    made.close()


class Relayed(HeadraceSdk):
    uploads: Path
    """Where its server keeps what has been sent of files."""


@pytest.fixture
def relayed(own_server, relay):
    """The SDK on a server whose signed links lead through the relay."""
    import psutil

    server = own_server(HEADRACE_PUBLIC_URL=relay.url)
    listening = psutil.Process(server.process.pid).net_connections("tcp")
    relay.target = next(c.laddr.port for c in listening if c.status == "LISTEN")
    with Relayed(server.token, f"http://127.0.0.1:{relay.target}") as sdk:
        sdk.uploads = server.data_dir / "data-store" / "uploads"
        yield sdk


def test_a_part_is_sent_again_once_when_the_connection_breaks(relay, relayed):
    content = os.urandom(2 * PART_BYTES + 7)
    relay.breaks = 1
    relayed.upload_data_store_object(io.BytesIO(content), "f")
    assert relay.broken == 1
    assert downloaded(relayed, "f") == content


def test_an_upload_that_fails_leaves_nothing(relay, relayed):
    relay.breaks = 2
    with pytest.raises(Unavailable):
        relayed.upload_data_store_object(io.BytesIO(bytes(2 * PART_BYTES)), "f")
    assert relay.broken == 2
    assert relayed.list_data_store_objects() == []
    assert list(relayed.uploads.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0.00 B"),
        (1023, "1023.00 B"),
        (1024, "1.00 KB"),
        (1_572_864, "1.50 MB"),
        (5 << 30, "5.00 GB"),
        (3 << 40, "3.00 TB"),
        (3 << 50, "3072.00 TB"),
    ],
)
def test_sizes_as_people_read_them(size, text):
    assert size_text(size) == text
