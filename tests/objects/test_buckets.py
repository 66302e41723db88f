"""What only a store in a bucket can do wrong."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from tests.buckets import bucket_server, new_bucket

from headrace.core.errors import Conflict, InvalidRequest, NotFound, Unavailable
from headrace.objects.bucket.connection import Bucket
from headrace.objects.bucket.keys import UploadId
from headrace.objects.bucket.place import BucketPlace, read_place
from headrace.objects.bucket.probe import claim, probe
from headrace.objects.bucket.store import PART, BucketStore

MIB = 1 << 20


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.fixture
def files(bucket: Bucket, tmp_path: Path) -> BucketStore:
    return BucketStore(bucket, "files", tmp_path / "staging")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://my-bucket", BucketPlace("my-bucket")),
        ("s3://my-bucket/", BucketPlace("my-bucket")),
        ("s3://b.c.d/one/two/", BucketPlace("b.c.d", "one/two/")),
        (
            "s3://bucket/p?endpoint=https://s3.example.com:9000/&region=eu-1&links=server",
            BucketPlace("bucket", "p/", "https://s3.example.com:9000", "eu-1", has_links=False),
        ),
    ],
)
def test_places(text: str, place: BucketPlace) -> None:
    assert read_place(text) == place


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "s3:// and the name of a bucket"),
        ("/data/files", "s3:// and the name of a bucket"),
        ("https://bucket.s3.amazonaws.com", "s3:// and the name of a bucket"),
        ("s3://Bucket", "s3:// and the name of a bucket"),
        ("s3://key:secret@bucket", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/../other", "segment"),
        ("s3://bucket/a//b", "segment"),
        ("s3://bucket?endpont=https://x", "endpont is no option"),
        ("s3://bucket#x", "no option"),
        ("s3://bucket?links=maybe", "links is direct or server"),
        ("s3://bucket?endpoint=s3.example.com", "endpoint must be a root URL"),
        ("s3://bucket?endpoint=https://x/path", "endpoint must be a root URL"),
        ("s3://bucket?endpoint=https://k:s@x", "credentials"),
    ],
)
def test_what_is_no_place(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_place(text)


async def test_a_bucket_that_is_in_order_is_left_empty(bucket: Bucket, buckets: str) -> None:
    await probe(bucket)
    assert "<Key>" not in httpx.get(f"{buckets}/{bucket.place.bucket}").text


async def test_a_bucket_belongs_to_one_environment(bucket: Bucket) -> None:
    await claim(bucket, "one", is_kept_there=False)
    await claim(bucket, "one", is_kept_there=True)
    with pytest.raises(Conflict, match="another server, whose environment is one"):
        await claim(bucket, "two", is_kept_there=False)


async def test_a_bucket_that_was_emptied_is_refused(bucket: Bucket) -> None:
    with pytest.raises(Conflict, match="emptied"):
        await claim(bucket, "one", is_kept_there=True)


@pytest.mark.parametrize(
    ("name", "words"), [("not-there", "does not exist"), (None, "cannot be reached")]
)
async def test_a_bucket_that_cannot_be_used(
    buckets: str, bucket: Bucket, name: str | None, words: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
    wrong = Bucket(BucketPlace(name or "bucket", endpoint=buckets if name else nowhere))
    try:
        with pytest.raises(Unavailable, match=words):
            await probe(wrong)
    finally:
        wrong.close()


async def test_other_keys_below_the_prefix_are_no_objects(
    files: BucketStore, bucket: Bucket, buckets: str
) -> None:
    await files.put("a/b", chunks(b"x"))
    root = f"{buckets}/{bucket.place.bucket}/deep/prefix/files"
    for key in ("a/", "a//c", "z\\y", "\u2028"):
        assert httpx.put(f"{root}/{key}", content=b"planted").status_code == 200
    assert [item.path for item in (await files.list(limit=1)).items] == ["a/b"]
    assert [item.path for item in (await files.list()).items] == ["a/b"]


async def test_large_objects_are_sent_in_parts_and_read_in_ranges(files: BucketStore) -> None:
    data = os.urandom(2 * PART + 5)
    step = 3 * MIB + 1
    sent = [data[begin : begin + step] for begin in range(0, len(data), step)]
    assert (await files.put("big", chunks(*sent))).size == len(data)
    reader = await files.open("big", PART - 3, 10)
    assert b"".join([chunk async for chunk in reader]) == data[PART - 3 : PART + 7]


async def test_parts_below_the_least_size_are_refused_in_words(tmp_path: Path) -> None:
    with bucket_server(least_part=5 * MIB) as server:
        bucket = Bucket(BucketPlace(new_bucket(server), endpoint=server))
        store = BucketStore(bucket, "files", tmp_path)
        upload = await store.begin_upload("k")
        for number in (1, 2):
            await store.put_part(upload, number, chunks(b"small"))
        with pytest.raises(InvalidRequest, match="at least 5,242,880 bytes"):
            await store.complete_upload(upload, [(1, None), (2, None)])
        assert await store.upload_path(upload) == "k"
        await store.close()
        bucket.close()


@pytest.mark.parametrize("path", ["../other", "/k", "a//b", ""])
async def test_an_upload_that_was_made_up_is_none(files: BucketStore, path: str) -> None:
    """The id holds the path; the bucket knows which path an upload has."""
    begun = UploadId.read(await files.begin_upload("k"))
    with pytest.raises(NotFound, match="no upload"):
        await files.put_part(str(UploadId(path, begun.number)), 1, chunks(b"x"))


async def test_links_give_one_object_and_take_one_object(files: BucketStore) -> None:
    form = await files.upload_form("a/b c", 10, 60)
    assert form is not None
    sent = httpx.post(form.url, data=dict(form.fields), files={"file": b"0123456789"})
    assert sent.status_code in {200, 204}
    link = await files.download_link("a/b c", 60)
    assert link is not None
    assert httpx.get(link).content == b"0123456789"
    policy = dict(form.fields)
    assert "test-secret" not in link + str(policy)


@pytest.mark.parametrize("path", ["a/${filename}", "${filename}/a"])
async def test_a_form_whose_key_the_bucket_would_fill_in_is_not_given(
    files: BucketStore, path: str
) -> None:
    """The file would be kept under the name that its sender's disk has for it."""
    assert await files.upload_form(path, 10, 60) is None


async def test_what_the_bucket_refuses_for_an_unknown_reason_is_said(
    bucket: Bucket, tmp_path: Path
) -> None:
    with refusing("QuotaExceeded") as server:
        full = Bucket(BucketPlace("bucket", endpoint=server))
        store = BucketStore(full, "files", tmp_path / "staging")
        for asking in (store.put("a", chunks(b"x")), store.begin_upload("a")):
            with pytest.raises(Unavailable, match="QuotaExceeded") as caught:
                await asking
            assert caught.value.code == "Unavailable"
        await store.close()
        full.close()


async def test_without_links_everything_passes_the_server(
    buckets: str, bucket: Bucket, tmp_path: Path
) -> None:
    closed = Bucket(BucketPlace(bucket.place.bucket, endpoint=buckets, has_links=False))
    store = BucketStore(closed, "files", tmp_path)
    assert await store.download_link("a", 60) is None
    assert await store.upload_form("a", 10, 60) is None
    closed.close()


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that gives everyone the same answer, and ends the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def refusing(code: str) -> AbstractContextManager[str]:
    """A server that refuses each request for a reason of its own."""
    body = f"<Error><Code>{code}</Code><Message>-</Message></Error>"
    head = f"HTTP/1.1 400 -\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return answering((head + body).encode())


def breaking_off(after: int) -> AbstractContextManager[str]:
    """A server that begins to answer with a large object, and ends the connection."""
    head = 'HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\nETag: "x"\r\n'
    head += "Last-Modified: Sat, 28 Nov 2026 10:00:00 GMT\r\n\r\n"
    return answering(head.encode() + bytes(after))


@pytest.mark.parametrize("name", ["no-such-bucket", None])
async def test_strangers_who_ask_for_the_health_are_not_told_where_the_bucket_is(
    buckets: str, tmp_path: Path, name: str | None
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
    place = BucketPlace(name or "bucket", endpoint=buckets if name else nowhere)
    wrong = Bucket(place)
    try:
        with pytest.raises(Unavailable) as refused:
            await BucketStore(wrong, "files", tmp_path / "staging").check()
        assert refused.value.message == "The bucket cannot be used."
        assert place.bucket in refused.value.details["detail"]
    finally:
        wrong.close()


async def test_an_answer_that_breaks_off_is_no_end(bucket: Bucket, tmp_path: Path) -> None:
    with breaking_off(3 * MIB) as server:
        broken = Bucket(BucketPlace("bucket", endpoint=server))
        store = BucketStore(broken, "files", tmp_path / "staging")
        with pytest.raises(Unavailable):
            await store.fetch("a", tmp_path / "copy")
        assert not (tmp_path / "copy").exists()
        await store.close()
        broken.close()


async def test_nothing_of_what_comes_in_stays_on_the_disk(
    files: BucketStore, tmp_path: Path
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(3 * MIB)
        await asyncio.sleep(0)
        raise ConnectionResetError

    await files.put("a", chunks(bytes(3 * MIB)))
    with pytest.raises(ConnectionResetError):
        await files.put("b", broken())
    assert list((tmp_path / "staging").iterdir()) == []


@contextmanager
def losing_completions(server: str, *, forwards: bool) -> Iterator[str]:
    """A way to a server of buckets on which the answer to the first completion is lost.

    Then there is no such upload, as some servers say. Or the completion itself is lost.
    """
    completions = iter([True])

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            is_completion = self.command == "POST" and "uploadId=" in self.path
            if is_completion and not next(completions, False):
                refusal = b"<Error><Code>NoSuchUpload</Code><Message>-</Message></Error>"
                return self.answer(404, {}, refusal)
            if not is_completion or forwards:
                answer = httpx.request(
                    self.command,
                    server + self.path,
                    content=body,
                    headers={name: self.headers[name] for name in ("authorization", "x-amz-date")},
                )
            if is_completion:
                self.close_connection = True
                return None
            return self.answer(answer.status_code, answer.headers, answer.content)

        do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815 - as it is called

        def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name in ("etag", "last-modified", "content-type"):
                if name in headers:
                    self.send_header(name, headers[name])
            length = headers.get("content-length", "0") if self.command == "HEAD" else len(body)
            self.send_header("content-length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as way:
        thread = threading.Thread(target=way.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{way.server_port}"
        finally:
            way.shutdown()
            thread.join()


@pytest.mark.parametrize("forwards", [True, False])
async def test_a_completion_whose_answer_was_lost_is_sent_again(
    bucket: Bucket, buckets: str, tmp_path: Path, *, forwards: bool
) -> None:
    with losing_completions(buckets, forwards=forwards) as way:
        lossy = Bucket(replace(bucket.place, endpoint=way))
        store = BucketStore(lossy, "files", tmp_path)
        upload = await store.begin_upload("k")
        for number in (1, 2):
            await store.put_part(upload, number, chunks(b"content"))
        completion = store.complete_upload(upload, [(1, None), (2, None)])
        if forwards:
            assert (await completion).size == 14
        else:
            with pytest.raises(NotFound, match="no upload"):
                await completion
        await store.close()
        lossy.close()
