"""The contract of a store of objects: bytes by path, on a disk or in a bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from headrace.core.objects import ObjectInfo

MAX_PARTS = 10_000
"""Greatest number of a part of a multipart upload; the first part has number 1."""


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """Some objects, in the order of their paths.

    Attributes:
        items: The objects.
        next_after: The path to give as ``after`` for the next page; None at the end.
    """

    items: tuple[ObjectInfo, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A form that makes one object when it is posted with a file.

    Attributes:
        url: Where to post it.
        fields: Its fields, which come before the part ``file``.
    """

    url: str
    fields: Mapping[str, str]


class ObjectReader(Protocol):
    """The bytes of one object, or a range of them, in chunks.

    What is read is the object as it was when it was opened, whatever happens to it meanwhile.
    """

    @property
    def info(self) -> ObjectInfo:
        """The object as it was when it was opened."""
        ...

    @property
    def length(self) -> int:
        """Bytes that the chunks hold in all."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """Release the object; needed unless the chunks were read to the end."""
        ...


class ObjectStore(Protocol):
    """Objects by path.

    Every path is checked with :func:`headrace.core.objects.check_object_path`. Paths that differ
    in any byte are different objects; ``a`` and ``a/b`` may both exist. All methods raise
    ``Unavailable`` when the store cannot do its work: disk full, no permission, no connection.
    """

    async def check(self) -> str:
        """Check whether the store can be used, and return in a few words what was tried.

        Raises:
            Unavailable: It cannot.
        """
        ...

    async def put(
        self, path: str, source: AsyncIterator[bytes], *, size_limit: int | None = None
    ) -> ObjectInfo:
        """Make or replace an object from chunks.

        Readers see the old object or the new one, never a piece. On return it is durable. When
        this raises, what was there before is still there.

        Args:
            path: The object's path.
            source: Chunks of any size. What it raises is raised from here.
            size_limit: Greatest allowed size in bytes; None for any.

        Raises:
            TooLarge: The chunks exceed ``size_limit``.
        """
        ...

    async def put_file(self, path: str, file: Path) -> ObjectInfo:
        """Make or replace an object from a file on this machine's disk; as :meth:`put`.

        Nobody writes to the file any more. It is moved if that can be, and is gone afterwards.

        Raises:
            InvalidRequest: ``file`` is missing, or is not a regular file.
        """
        ...

    async def open(self, path: str, offset: int = 0, length: int | None = None) -> ObjectReader:
        """Start to read ``length`` bytes (None: all) from ``offset``, or as many as there are.

        Raises:
            NotFound: There is no such object.
            InvalidRequest: ``offset`` lies beyond the end of the object, or a number is negative.
        """
        ...

    async def fetch(self, path: str, to: Path) -> ObjectInfo:
        """Copy an object to the local file ``to``, replacing it. The copy may be changed freely.

        Raises:
            NotFound: There is no such object.
        """
        ...

    async def local_path(self, path: str) -> Path | None:
        """Return a file of this machine that holds the object, or None.

        For readers that can do better with a file than with chunks. The file must not be changed.
        None means that there is no such object, or that this store keeps none on this machine.
        """
        ...

    async def info(self, path: str) -> ObjectInfo | None:
        """Return the facts of an object, or None if there is none."""
        ...

    async def delete(self, path: str) -> bool:
        """Delete an object; return whether it was there."""
        ...

    async def delete_tree(self, prefix: str) -> None:
        """Delete every object whose path begins with the segments of ``prefix`` and goes on.

        The object at ``prefix`` itself stays.
        """
        ...

    async def list(
        self, folder: str | None = None, after: str | None = None, limit: int = 1000
    ) -> ObjectPage:
        """Return objects in the order of the UTF-8 bytes of their full paths.

        Objects that exist all along appear exactly once over the pages, whatever comes and goes.

        Args:
            folder: Only objects whose path begins with these whole segments and goes on.
            after: Only objects whose path sorts after this text; it need not be one.
            limit: Most items of the page, at least 1.

        Raises:
            InvalidRequest: ``folder`` is not a path, or ``limit`` is below 1.
        """
        ...

    async def begin_upload(self, path: str) -> str:
        """Start a multipart upload and return its id, safe for URLs. No object exists yet."""
        ...

    async def upload_path(self, upload_id: str) -> str:
        """Return the path for which an upload was begun.

        Raises:
            NotFound: There is no such upload, or no longer.
        """
        ...

    async def put_part(
        self,
        upload_id: str,
        number: int,
        source: AsyncIterator[bytes],
        *,
        size_limit: int | None = None,
    ) -> str:
        """Store one part and return its ETag: a quoted string. A part sent again is replaced.

        Parts may come in any order and at the same time.

        Raises:
            NotFound: There is no such upload.
            InvalidRequest: ``number`` is not within 1 and :data:`MAX_PARTS`.
            TooLarge: The chunks exceed ``size_limit``.
            Conflict: The upload is being completed.
        """
        ...

    async def complete_upload(
        self,
        upload_id: str,
        parts: Sequence[tuple[int, str | None]],
        size: int | None = None,
        *,
        size_limit: int | None = None,
    ) -> ObjectInfo:
        """Make the object out of the parts in order; as :meth:`put`. Ends the upload.

        Args:
            upload_id: The upload.
            parts: Number and ETag of every part, numbers 1, 2, 3… ; an ETag that is None is not
                compared, and its quotes may be missing.
            size: The size in bytes that the object must have; None for any.
            size_limit: Greatest allowed size in bytes; None for any.

        Raises:
            NotFound: There is no such upload.
            TooLarge: The parts exceed ``size_limit``; the upload stays.
            InvalidRequest: A part is missing or has another ETag, or the size differs; the upload
                stays, so that parts can be sent again.
            Conflict: The upload is being completed already.
        """
        ...

    async def abandon_upload(self, upload_id: str) -> bool:
        """Forget an upload and its parts; return whether it was there."""
        ...

    async def download_link(self, path: str, lifetime_s: int) -> str | None:
        """Return a URL that gives the object to whoever asks, for so many seconds.

        None means that this store gives its objects to the server alone.
        """
        ...

    async def upload_form(self, path: str, size_limit: int, lifetime_s: int) -> UploadForm | None:
        """Return a form that makes the object without the server; None as above.

        Args:
            path: The object's path.
            size_limit: Most bytes that the form takes.
            lifetime_s: Seconds for which it is good.
        """
        ...

    async def discard_stale_uploads(self, older_than_s: float) -> int:
        """Abandon uploads that received nothing for this long (seconds); return how many."""
        ...

    async def close(self) -> None:
        """Release threads, files and connections."""
        ...
