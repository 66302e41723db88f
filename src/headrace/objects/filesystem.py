r"""Objects on the disk of this machine.

Below the root lie ``objects/`` (see :mod:`headrace.objects.tree` for how paths become files),
``uploads/`` (multipart uploads under way) and ``staging/`` (files that are not objects yet or no
longer). All three must be on one file system, as objects come into being by a rename.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Generator, Sequence
from functools import partial
from pathlib import Path

from headrace.core.objects import ObjectInfo, check_object_path
from headrace.objects import listing
from headrace.objects.disk import Disk, copy_range, receive, translated
from headrace.objects.local_files import copy_out, opened_regular
from headrace.objects.parts import check_part_number
from headrace.objects.port import ObjectPage
from headrace.objects.ranges import check_folder, check_page
from headrace.objects.reader import FileReader
from headrace.objects.slots import LateSlot, slots
from headrace.objects.staging import StagedFile, Staging
from headrace.objects.tree import Tree, object_info
from headrace.objects.uploads import Uploads


class FilesystemStore:
    """An :class:`~headrace.objects.port.ObjectStore` below one folder.

    Several processes may use the same folder at the same time.
    """

    def __init__(self, root: Path) -> None:
        """Make the folders that are missing; blocks.

        Args:
            root: The folder of the store. Nothing else may write below it.

        Raises:
            Unavailable: The folders cannot be made.
        """
        try:
            folders = {name: root.resolve() / name for name in ("objects", "uploads", "staging")}
            for folder in folders.values():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._tree = Tree(folders["objects"])
            self._staging = Staging(folders["staging"])
            self._uploads = Uploads(folders["uploads"], self._staging, self._tree)
        except OSError as error:
            raise translated(error, f"the disk of {root}") from error
        self._disk = Disk()
        self._written, self._read = slots(), slots()

    async def check(self) -> str:
        """See the port: a small file is written, synced and removed."""
        await self._disk.run(self._check)
        return "files are written and synced"

    async def put(
        self, path: str, source: AsyncIterator[bytes], *, size_limit: int | None = None
    ) -> ObjectInfo:
        """See the port."""
        path = check_object_path(path)
        staged = self._staging.new_file()
        async with LateSlot(self._written) as slot:
            try:
                await receive(
                    self._disk, source, staged.write, size_limit=size_limit, ready=slot.take
                )
                return await self._disk.run(self._publish, path, staged)
            finally:
                await self._disk.run(staged.discard)

    async def put_file(self, path: str, file: Path) -> ObjectInfo:
        """See the port."""
        async with self._written.one():
            return await self._disk.drive(self._put_file(check_object_path(path), file))

    async def open(self, path: str, offset: int = 0, length: int | None = None) -> FileReader:
        """See the port."""
        path = check_object_path(path)
        await self._read.take()
        try:
            descriptor = await self._disk.acquire(partial(self._tree.open, path), os.close)
            try:
                return FileReader(
                    self._disk, descriptor, path, offset, length, self._read.give_back
                )
            except BaseException:
                os.close(descriptor)
                raise
        except BaseException:
            self._read.give_back()
            raise

    async def fetch(self, path: str, to: Path) -> ObjectInfo:
        """See the port."""
        async with self._read.one():
            return await self._disk.drive(self._fetch(check_object_path(path), to))

    async def local_path(self, path: str) -> Path | None:
        """See the port."""
        path = check_object_path(path)
        status = await self._disk.run(self._tree.status, path)
        return self._tree.local_path(path) if status else None

    async def info(self, path: str) -> ObjectInfo | None:
        """See the port."""
        path = check_object_path(path)
        status = await self._disk.run(self._tree.status, path)
        return object_info(path, status) if status else None

    async def delete(self, path: str) -> bool:
        """See the port."""
        return await self._disk.run(self._tree.remove, check_object_path(path))

    async def delete_tree(self, prefix: str) -> None:
        """See the port."""
        folders = check_folder(prefix).split("/")
        await self._disk.run(self._delete_tree, folders)

    async def list(
        self, folder: str | None = None, after: str | None = None, limit: int = 1000
    ) -> ObjectPage:
        """See the port."""
        folder = check_page(folder, limit)
        return await self._disk.run(listing.page, self._tree, folder, after, limit)

    async def begin_upload(self, path: str) -> str:
        """See the port."""
        return await self._disk.run(self._uploads.begin, check_object_path(path))

    async def upload_path(self, upload_id: str) -> str:
        """See the port."""
        return await self._disk.run(self._uploads.path_of, upload_id)

    async def put_part(
        self,
        upload_id: str,
        number: int,
        source: AsyncIterator[bytes],
        *,
        size_limit: int | None = None,
    ) -> str:
        """See the port."""
        check_part_number(number)
        await self.upload_path(upload_id)
        staged = self._staging.new_file()
        digest = hashlib.sha256(usedforsecurity=False)

        def write(chunks: Sequence[bytes]) -> None:
            for chunk in chunks:
                digest.update(chunk)
            staged.write(chunks)

        async with LateSlot(self._written) as slot:
            try:
                await receive(self._disk, source, write, size_limit=size_limit, ready=slot.take)
                etag = digest.hexdigest()
                await self._disk.run(self._uploads.add, upload_id, number, staged, etag)
            finally:
                await self._disk.run(staged.discard)
        return f'"{etag}"'

    async def complete_upload(
        self,
        upload_id: str,
        parts: Sequence[tuple[int, str | None]],
        size: int | None = None,
        *,
        size_limit: int | None = None,
    ) -> ObjectInfo:
        """See the port."""
        joined = self._uploads.complete(upload_id, parts, size, size_limit)
        async with self._written.one():
            return await self._disk.drive(joined)

    async def abandon_upload(self, upload_id: str) -> bool:
        """See the port."""
        return await self._disk.run(self._uploads.abandon, upload_id)

    async def download_link(self, path: str, lifetime_s: int) -> None:
        """See the port."""

    async def upload_form(self, path: str, size_limit: int, lifetime_s: int) -> None:
        """See the port."""

    async def discard_stale_uploads(self, older_than_s: float) -> int:
        """See the port."""
        return await self._disk.run(self._uploads.discard_stale, older_than_s)

    async def sweep(self) -> int:
        """Remove what processes that died have left in staging; return how many had left any.

        Objects and uploads stay. Safe at any time: processes that live are left alone.
        """
        return await self._disk.run(self._staging.sweep)

    async def close(self) -> None:
        """See the port."""
        await self._disk.run(self._staging.close)
        self._disk.close()

    def _publish(self, path: str, staged: StagedFile) -> ObjectInfo:
        status = staged.finish()
        self._tree.publish(path, staged.name, staged.folder)
        return object_info(path, status)

    def _check(self) -> None:
        staged = self._staging.new_file()
        try:
            staged.write([b"written to see whether that can be done"])
            staged.finish()
        finally:
            staged.discard()

    def _put_file(self, path: str, file: Path) -> Generator[None, None, ObjectInfo]:
        staged = self._staging.new_file()
        try:
            if not staged.adopt(file):
                with opened_regular(file) as source:
                    yield from copy_range(source, staged.descriptor, os.fstat(source).st_size)
            info = self._publish(path, staged)
        finally:
            staged.discard()
        file.unlink(missing_ok=True)
        return info

    def _fetch(self, path: str, to: Path) -> Generator[None, None, ObjectInfo]:
        source = self._tree.open(path)
        try:
            info = object_info(path, os.fstat(source))
            yield from copy_out(source, to, info.size)
        finally:
            os.close(source)
        return info

    def _delete_tree(self, folders: Sequence[str]) -> None:
        doomed = self._staging.new_file().name
        if self._tree.detach(folders, doomed, self._staging.folder):
            self._staging.empty(doomed)
