"""Stores to test: every implementation of the port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.objects.filesystem import FilesystemStore
from headrace.objects.port import ObjectStore


@pytest.fixture(params=["filesystem"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    """An empty store; add implementations to the parameters."""
    made = {"filesystem": lambda: FilesystemStore(tmp_path / "store")}[request.param]()
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
