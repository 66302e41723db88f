"""Stores to test: every implementation of the port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.buckets import CREDENTIALS, bucket_server, new_bucket

from headrace.objects.bucket.connection import Bucket
from headrace.objects.bucket.place import BucketPlace
from headrace.objects.bucket.store import BucketStore
from headrace.objects.filesystem import FilesystemStore
from headrace.objects.port import ObjectStore

STORES = ("filesystem", "bucket")
"""Every implementation; another one adds its name here and its constructor below."""


@pytest.fixture(scope="session")
def buckets() -> Iterator[str]:
    """The root URL of a server of buckets."""
    with bucket_server() as url:
        yield url


@pytest.fixture
def bucket(buckets: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A connection to an empty bucket."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    made = Bucket(BucketPlace(new_bucket(buckets), "deep/prefix/", buckets))
    yield made
    made.close()


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    """An empty store of each implementation."""
    made: ObjectStore
    if request.param == "bucket":
        bucket = request.getfixturevalue("bucket")
        made = BucketStore(bucket, "store", tmp_path / "store")
    else:
        made = FilesystemStore(tmp_path / "store")
    yield made
    await made.close()


@pytest.fixture
def longest_path(store: ObjectStore) -> int:
    """Bytes of the longest path that the store takes: keys of a bucket have its prefix too."""
    return 1023 if isinstance(store, FilesystemStore) else 1024 - len("deep/prefix/store/")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of :func:`files`."""
    return tmp_path / "files"


@pytest.fixture
async def files(root: Path) -> AsyncIterator[FilesystemStore]:
    """An empty store on the file system, for what only such a store can do wrong."""
    made = FilesystemStore(root)
    yield made
    await made.close()
