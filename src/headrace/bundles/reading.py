"""The members of an untrusted gzip-compressed tar, one after the other, within limits."""

from __future__ import annotations

import gzip
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from headrace.core.errors import InvalidRequest, TooLarge
from headrace.core.pipelines import MAX_CONTRACT_FOLDER_BYTES

CHUNK = 64 * 1024

# Two long names take a few thousand bytes of PAX records. Reading records takes a time that grows
# with the square of their length in the versions of Python before 3.11.10, so more is refused.
_MAX_RECORDS_BYTES = 8 * 1024
_RECORDS = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)
# Several such records before one member, and what the buffer reads ahead.
_MAX_HEADER_BYTES = 32 * 1024
_TAR_BUFFER = 8 * 1024

# What the standard library raises for bytes that are no gzip or no tar.
_GARBAGE = (
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    ValueError,
    IndexError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much of an archive is taken.

    Attributes:
        content_bytes: Bytes of all files that are kept.
        members: Entries of the archive.
        stream_bytes: Bytes of the whole decompressed stream, with what is not kept of it.
        seconds: Time for reading all of it.
    """

    content_bytes: int = MAX_CONTRACT_FOLDER_BYTES
    members: int = 20_000
    stream_bytes: int = 200_000_000
    seconds: float = 30.0


def folder_limits(content_bytes: int) -> ArchiveLimits:
    """Return the limits for a server that takes folders of ``content_bytes``."""
    usual = ArchiveLimits()
    times = max(1.0, content_bytes / usual.content_bytes)
    return ArchiveLimits(
        content_bytes,
        stream_bytes=max(usual.stream_bytes, 2 * content_bytes),
        seconds=usual.seconds * min(times, 20.0),
    )


class StreamTooLong(Exception):
    """The decompressed stream goes on past its limit."""


class ArchiveReader:
    """Reads members in the order of the archive; what a header claims is never relied on.

    Memory use is bounded by the length of a header and by :data:`CHUNK`, however the archive
    is made.
    """

    def __init__(self, archive: Path, limits: ArchiveLimits) -> None:
        self._archive = archive
        self._limits = limits
        self._tar: tarfile.TarFile

    def __enter__(self) -> Self:
        self._deadline = time.monotonic() + self._limits.seconds
        self._gzip = gzip.GzipFile(self._archive, "rb")
        self._stream = _MeteredStream(self._gzip, self._limits.stream_bytes)
        return self

    def __exit__(self, *_: object) -> None:
        self._gzip.close()

    def members(self) -> Iterator[tarfile.TarInfo]:
        """Yield each member; call :meth:`content` of a file before going on.

        Raises:
            InvalidRequest: The archive is no gzip-compressed tar, or a broken one.
            TooLarge: It has too many members, or takes too long to read.
            StreamTooLong: More has been decompressed than the limit allows.
        """
        with _garbage_refused():
            self._stream.allow_header()
            # PAX names are UTF-8; what is not becomes surrogates, which the caller can see.
            self._tar = tarfile.open(  # noqa: SIM115 - it holds nothing but the stream
                fileobj=self._stream,  # type: ignore[call-overload]  # read() is all that it needs
                mode="r|",
                bufsize=_TAR_BUFFER,
                tarinfo=_StrictTarInfo,
                encoding="utf-8",
                errors="surrogateescape",
            )
        count = 0
        while (member := self._next()) is not None:
            count += 1
            if count > self._limits.members:
                raise TooLarge(
                    f"The archive step_file has more than {self._limits.members:,} members. Name "
                    "only what the pipeline needs in container_config[included_folders]."
                )
            if time.monotonic() > self._deadline:
                raise TooLarge("The archive step_file takes too long to read.")
            yield member
        self._finish()

    def content(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        """Yield the bytes of a file, in pieces of at most :data:`CHUNK`.

        Raises:
            InvalidRequest: The archive ends before the file does.
            StreamTooLong: More has been decompressed than the limit allows.
        """
        with _garbage_refused():
            self._stream.allow_content()
            source: IO[bytes] | None = self._tar.extractfile(member)
        while source is not None:
            with _garbage_refused():
                piece = source.read(CHUNK)
            if not piece:
                return
            yield piece

    def _next(self) -> tarfile.TarInfo | None:
        with _garbage_refused():
            self._stream.allow_header()
            return self._tar.next()

    def _finish(self) -> None:
        # The checksum of the gzip stands at its end, behind the padding of the tar.
        with _garbage_refused():
            self._stream.allow_content()
            self._stream.drain()


class _StrictTarInfo(tarfile.TarInfo):
    """Refuses what the base class takes for the end of the archive or for a step backwards."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if bytes(buf).strip(b"\0"):
                raise tarfile.ReadError(str(error)) from None
            raise
        if member.size < 0:
            raise tarfile.ReadError("a member has a negative size")
        if member.type in _RECORDS and member.size > _MAX_RECORDS_BYTES:
            raise tarfile.ReadError("a header is too long")
        return member


class _MeteredStream:
    """A stream of bytes that fails when more is read of it than was allowed, or than there is."""

    def __init__(self, source: gzip.GzipFile, total: int) -> None:
        self._source = source
        self._total = total
        self._count = 0
        self._ceiling = 0

    def allow_header(self) -> None:
        """Allow the bytes of one header; an archive that wants more of them lies."""
        self._ceiling = self._count + _MAX_HEADER_BYTES

    def allow_content(self) -> None:
        """Allow bytes up to the total."""
        self._ceiling = self._total

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes; there must be some, as a tar says where it ends."""
        data = self._read(size)
        if not data:
            raise EOFError("it ends in the middle")
        return data

    def drain(self) -> None:
        """Read to the end."""
        while self._read(CHUNK):
            pass

    def _read(self, size: int) -> bytes:
        data = self._source.read(size)
        self._count += len(data)
        if self._count > self._total:
            raise StreamTooLong
        if self._count > self._ceiling:
            raise tarfile.ReadError("a header is too long")
        return data


@contextmanager
def _garbage_refused() -> Iterator[None]:
    try:
        yield
    except _GARBAGE as error:
        reason = str(error) or type(error).__name__
        raise InvalidRequest(
            f"The archive step_file is not a gzip-compressed tar: {reason}."
        ) from None
