"""The data store: files by path, shared by all executions of the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from headrace.client.local_files import (
    can_seek,
    counted,
    read_fully,
    readable,
    rewound_size,
    size_text,
    written,
)
from headrace.client.messages import FilePart, Form, Json, Raw, Request
from headrace.client.parts import Object, Part
from headrace.client.progress import Advance, progress_bar
from headrace.core.errors import HeadraceError, InvalidValue, Unavailable
from headrace.core.objects import check_object_path
from headrace.wire import object_routes

PART_BYTES = 16 << 20
"""Files of this size and more are sent in parts of it, each held in memory while it is sent."""

MAX_PARTS = 10_000

SHOWN_FROM_BYTES = 50_000_000
"""Files above this size are worth a progress bar."""

PathOrFile = str | os.PathLike[str] | BinaryIO


class DataStoreCalls(Part):
    """Files of the data store. Paths are like ``folder/file.csv``; a leading ``/`` means nothing.

    Where ``on_progress`` is given, it is told the number of bytes each time that some have gone
    over, and no progress bar is shown.
    """

    def upload_data_store_object(
        self,
        filepath_or_buffer: PathOrFile,
        object_path_in_datastore: str,
        *,
        on_progress: Advance | None = None,
    ) -> None:
        """Store a file, in place of one that is there already; readers see either, never a piece.

        Args:
            filepath_or_buffer: A path, or a readable binary object; one that can seek is sent from
                its beginning. Of a large file no more than two parts are in memory.
            object_path_in_datastore: Where to store it.
            on_progress: See the class.

        Raises:
            InvalidRequest: The path is none; the message says why.
            InvalidValue: The file is none, or is open as text.
            TooLarge: The server takes no file of this size.
            OSError: The file cannot be read.
        """
        path = check_object_path(object_path_in_datastore)
        with ExitStack() as opened:
            file = readable(filepath_or_buffer, opened)
            size = rewound_size(file)
            advance = on_progress or self._bar(opened, f"Uploading {path}", size)
            part_bytes = max(PART_BYTES, -(-(size or 0) // MAX_PARTS))
            first = read_fully(file, part_bytes)
            if len(first) < part_bytes:
                self._upload_whole(path, first)
                advance(len(first))
            else:
                self._upload_parts(path, file, first, size, advance)
        self._say(f"Object {path}: uploaded.")

    def download_data_store_object(
        self,
        object_path_in_datastore: str,
        filepath_or_buffer: PathOrFile,
        *,
        on_progress: Advance | None = None,
    ) -> None:
        """Write a file of the data store to a local one, piece by piece.

        Args:
            object_path_in_datastore: The file in the data store.
            filepath_or_buffer: A path, which has the whole file or is left as it was; or a writable
                binary object. One that can seek is left at its beginning.
            on_progress: See the class.

        Raises:
            NotFound: There is no such file.
            InvalidValue: The target is no path and cannot be written to.
            OSError: The local file cannot be written.
        """
        path = check_object_path(object_path_in_datastore)
        form = Form((("path_to_object", path),))
        url = self._transport.call(object_routes.DOWNLOAD_OBJECT, Request(body=form))["signed_url"]
        with ExitStack() as opened:
            advance = on_progress
            if advance is None and self.verbose_log:
                size = self._information(path)["size"]
                advance = self._bar(opened, f"Downloading {path}", size)
            if isinstance(filepath_or_buffer, str | os.PathLike):
                with written(Path(filepath_or_buffer)) as file:
                    self._fetch(url, file, advance)
            elif not callable(getattr(filepath_or_buffer, "write", None)):
                raise InvalidValue(
                    "filepath_or_buffer must be a path or a writable binary object, not "
                    f"{type(filepath_or_buffer).__name__}."
                )
            else:
                self._fetch(url, filepath_or_buffer, advance)
                if can_seek(filepath_or_buffer):
                    filepath_or_buffer.seek(0)
        self._say(f"Object {path}: downloaded.")

    def get_data_store_object_information(
        self, object_path_in_datastore: str, *, exact_size: bool = False
    ) -> Object:
        """Return the facts of a file: ``{"path", "last_modified", "size"}``.

        Args:
            object_path_in_datastore: The file.
            exact_size: Whether its size is a number of bytes, not a text such as ``1.50 KB``.

        Raises:
            NotFound: There is no such file.
        """
        found = self._information(check_object_path(object_path_in_datastore))
        return found if exact_size else _legible(found)

    def list_data_store_objects(
        self, folder_path: str | None = None, *, exact_size: bool = False
    ) -> list[Object]:
        """Return all files; see :meth:`iter_data_store_objects`."""
        return list(self.iter_data_store_objects(folder_path, exact_size=exact_size))

    def iter_data_store_objects(
        self, folder_path: str | None = None, *, exact_size: bool = False
    ) -> Iterator[Object]:
        """Give files in the order of their paths: ``{"path", "last_modified", "size"}``.

        Args:
            folder_path: Only those below this folder, however deep.
            exact_size: Whether sizes are numbers of bytes, not texts such as ``1.50 KB``.
        """
        token: str | None = None
        while True:
            query = {"folder_path": folder_path or None, "continuation_token": token}
            page = self._transport.call(object_routes.OBJECTS, Request(query=query))
            for found in page["items"]:
                yield found if exact_size else _legible(found)
            token = page["continuation_token"]
            if token is None:
                return

    def delete_data_store_object(self, object_path_in_datastore: str) -> Object:
        """Delete a file and return ``{"path": str}``.

        Raises:
            NotFound: There is no such file.
        """
        path = check_object_path(object_path_in_datastore)
        form = Form((("path_to_object", path),))
        deleted: Object = self._transport.call(object_routes.DELETE_OBJECT, Request(body=form))
        self._say(f"Object {path}: deleted.")
        return deleted

    def _information(self, path: str) -> Object:
        body = Json({"path_to_object": path})
        found: Object = self._transport.call(object_routes.OBJECT_INFORMATION, Request(body=body))
        return found

    def _upload_whole(self, path: str, content: bytes) -> None:
        target = self._transport.call(
            object_routes.UPLOAD_OBJECT, Request(query={"path_to_object": path})
        )
        file = FilePart("file", "file", content)
        form = Form(tuple(target["fields"].items()), (file,))
        self._transport.upload_signed("POST", target["signed_url"], form)

    def _upload_parts(
        self, path: str, file: BinaryIO, first: bytes, size: int | None, advance: Advance
    ) -> None:
        begun = self._transport.call(
            object_routes.BEGIN_UPLOAD, Request(body=Json({"path_to_object": path}))
        )
        upload = {"path_to_object": path, "multipart_upload_configuration": begun}
        try:
            parts: list[Object] = []
            sent = 0
            content = first
            while content:
                asked = {**upload, "part_number": len(parts) + 1, "chunk_size": len(first)}
                parts.append(self._upload_part({**asked, "size": size}, content))
                sent += len(content)
                advance(len(content))
                content = read_fully(file, len(first))
            end = Json({**upload, "parts": parts, "size": sent})
            self._transport.call(object_routes.END_UPLOAD, Request(body=end))
        except BaseException:
            with suppress(HeadraceError):
                upload_id = begun["multipart_upload_id"]
                self._transport.call(object_routes.ABANDON_UPLOAD, upload_id=upload_id)
            raise

    def _upload_part(self, asked: Object, content: bytes) -> Object:
        def send() -> Object:
            target = self._transport.call(object_routes.UPLOAD_PART, Request(body=Json(asked)))
            etag = self._transport.upload_signed(
                "PUT", target["signed_url"], Raw(content), target["headers"]
            )
            return {"number": asked["part_number"], "metadata": etag}

        try:
            return send()
        except Unavailable:
            # A connection that broke: the part replaces what may have arrived of it.
            return send()

    def _fetch(self, url: str, target: BinaryIO, advance: Advance | None) -> None:
        self._transport.download_signed(url, counted(target, advance) if advance else target)

    def _bar(self, opened: ExitStack, text: str, size: int | None) -> Advance:
        if self.verbose_log and (size or 0) > SHOWN_FROM_BYTES:
            return opened.enter_context(progress_bar(text, size))
        return lambda _: None


def _legible(found: Object) -> Object:
    return found | {"size": size_text(found["size"])}
