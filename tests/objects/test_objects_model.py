"""A store behaves as a dict of bytes, whatever is done to it in whatever order."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from headrace.core.errors import InvalidRequest, NotFound
from headrace.objects.filesystem import FilesystemStore

# Few names, so that objects meet; around "/" in byte order, and one prefix of another.
SEGMENTS = st.sampled_from(["a", "a.b", "a b", "ab", "A", "a0", "\u00e9", "-", "\U0001f40b"])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)
CONTENTS = st.binary(max_size=20)


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 7):
        yield data[start : start + 7]


class StoreMachine(RuleBasedStateMachine):
    """Compares a store with a dict of its objects and one of its uploads."""

    uploads = Bundle("uploads")

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.model: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}

    def do(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(call)

    @initialize()
    def make(self) -> None:
        self.store = FilesystemStore(self.root)

    def teardown(self) -> None:
        self.do(self.store.close())
        self.runner.close()
        shutil.rmtree(self.root)

    @rule(path=PATHS, data=CONTENTS)
    def put(self, path: str, data: bytes) -> None:
        assert self.do(self.store.put(path, chunks(data))).size == len(data)
        self.model[path] = data

    @rule(path=PATHS, data=CONTENTS)
    def put_file(self, path: str, data: bytes) -> None:
        file = self.root / "file"
        file.write_bytes(data)
        self.do(self.store.put_file(path, file))
        assert not file.exists()
        self.model[path] = data

    @rule(path=PATHS)
    def delete(self, path: str) -> None:
        assert self.do(self.store.delete(path)) is (self.model.pop(path, None) is not None)

    @rule(prefix=PATHS)
    def delete_tree(self, prefix: str) -> None:
        self.do(self.store.delete_tree(prefix))
        self.model = {k: v for k, v in self.model.items() if not k.startswith(prefix + "/")}

    @rule(path=PATHS)
    def info(self, path: str) -> None:
        info = self.do(self.store.info(path))
        assert (info and info.size) == (len(self.model[path]) if path in self.model else None)

    @rule(path=PATHS, offset=st.integers(0, 21), length=st.none() | st.integers(0, 21))
    def open(self, path: str, offset: int, length: int | None) -> None:
        async def read() -> bytes:
            return b"".join([c async for c in await self.store.open(path, offset, length)])

        data = self.model.get(path)
        if data is None or offset > len(data):
            with pytest.raises(NotFound if data is None else InvalidRequest):
                self.do(read())
        else:
            end = None if length is None else offset + length
            assert self.do(read()) == data[offset:end]

    @rule(folder=st.none() | PATHS, after=st.none() | PATHS, limit=st.integers(1, 4))
    def listing(self, folder: str | None, after: str | None, limit: int) -> None:
        expected = [
            path
            for path in sorted(self.model, key=str.encode)
            if (folder is None or path.startswith(folder + "/"))
            and path.encode() > (after or "").encode()
        ]
        found: list[str] = []
        page = self.do(self.store.list(folder, after, limit))
        while True:
            found += [item.path for item in page.items]
            assert [i.size for i in page.items] == [len(self.model[i.path]) for i in page.items]
            if page.next_after is None:
                break
            assert len(page.items) == limit
            page = self.do(self.store.list(folder, page.next_after, limit))
        assert found == expected

    @rule(target=uploads, path=PATHS)
    def begin(self, path: str) -> tuple[str, str]:
        upload_id = self.do(self.store.begin_upload(path))
        self.parts[upload_id] = {}
        return upload_id, path

    @rule(upload=uploads, number=st.integers(1, 3), data=CONTENTS)
    def put_part(self, upload: tuple[str, str], number: int, data: bytes) -> None:
        self.do(self.store.put_part(upload[0], number, chunks(data)))
        self.parts[upload[0]][number] = data

    @rule(upload=consumes(uploads))
    def complete(self, upload: tuple[str, str]) -> None:
        upload_id, path = upload
        parts = self.parts.pop(upload_id)
        asked = [(number, None) for number in sorted(parts)]
        if not parts or sorted(parts) != list(range(1, len(parts) + 1)):
            with pytest.raises(InvalidRequest):
                self.do(self.store.complete_upload(upload_id, asked))
            assert self.do(self.store.abandon_upload(upload_id))
        else:
            self.do(self.store.complete_upload(upload_id, asked))
            self.model[path] = b"".join(parts[number] for number in sorted(parts))

    @rule()
    def restart(self) -> None:
        self.do(self.store.close())
        self.store = FilesystemStore(self.root)

    @invariant()
    def nothing_is_left_over(self) -> None:
        if not hasattr(self, "store"):
            return
        files = [p for p in (self.root / "objects").rglob("*") if p.is_file()]
        assert len(files) == len(self.model)
        folders = [p for p in (self.root / "objects").rglob("*") if p.is_dir()]
        assert all(any(folder.iterdir()) for folder in folders)
        assert not [p for p in (self.root / "staging").rglob("*") if p.is_file()]
        assert len(list((self.root / "uploads").iterdir())) == len(self.parts)


TestStoreIsADict = StoreMachine.TestCase
TestStoreIsADict.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
