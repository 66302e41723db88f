"""Reading an object's file in chunks."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from headrace.core.objects import ObjectInfo
from headrace.objects.disk import CHUNK, Disk
from headrace.objects.ranges import range_length
from headrace.objects.tree import object_info


class FileReader:
    """An :class:`~headrace.objects.port.ObjectReader` of a file. Closes the file when it is read.

    Args:
        disk: Where the reading is done.
        descriptor: The open file; the reader's from now on.
        path: The object's path.
        offset: First byte to read.
        length: Most bytes to read, None for all.
        on_close: Called once, when the file was closed.

    Raises:
        InvalidRequest: The range is not within the object; the file stays open.
    """

    def __init__(
        self,
        disk: Disk,
        descriptor: int,
        path: str,
        offset: int,
        length: int | None,
        on_close: Callable[[], None],
    ) -> None:
        self.info: ObjectInfo = object_info(path, os.fstat(descriptor))
        self.length: int = range_length(self.info.size, offset, length)
        self._disk = disk
        self._on_close = on_close
        self._descriptor: int | None = descriptor
        self._offset = offset
        self._left = self.length

    def __aiter__(self) -> FileReader:
        return self

    async def __anext__(self) -> bytes:
        if self._left == 0 or self._descriptor is None:
            await self.aclose()
            raise StopAsyncIteration
        chunk = await self._disk.run(self._read, self._descriptor)
        self._offset += len(chunk)
        self._left -= len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Close the file; needed unless the chunks were read to the end."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
            self._on_close()

    def _read(self, descriptor: int) -> bytes:
        chunk = os.pread(descriptor, min(CHUNK, self._left), self._offset)
        if not chunk:
            raise OSError(errno.EIO, "the file of an object became shorter")
        return chunk
