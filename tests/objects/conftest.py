"""Stores to test: every implementation of the port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from headrace.objects.filesystem import FilesystemStore
from headrace.objects.port import ObjectStore

STORES: dict[str, Callable[[Path], ObjectStore]] = {"filesystem": FilesystemStore}
"""Constructors of empty stores, given a folder; another implementation adds its own."""


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    """An empty store of each implementation."""
    made = STORES[request.param](tmp_path / "store")
    yield made
    await made.close()


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
