"""Each route of the data store once, and those of signed URLs to its files."""

from __future__ import annotations

from headrace.core.rights import Right
from headrace.wire.route import Open, Route

OBJECT_INFORMATION = Route(
    "POST", "/data-store/information", "Show a file of the data store", Right.READ_FILES
)
OBJECTS = Route(
    "GET", "/data-store/list", "List files of the data store, page by page", Right.READ_FILES
)
UPLOAD_OBJECT = Route(
    "GET", "/data-store/upload", "Get a URL to upload a file to", Right.WRITE_FILES
)
DOWNLOAD_OBJECT = Route(
    "POST", "/data-store/download", "Get a URL to download a file from", Right.READ_FILES
)
DELETE_OBJECT = Route(
    "DELETE", "/data-store/delete", "Delete a file of the data store", Right.WRITE_FILES
)
BEGIN_UPLOAD = Route(
    "POST", "/data-store/upload/multipart", "Begin an upload in parts", Right.WRITE_FILES
)
UPLOAD_PART = Route(
    "POST", "/data-store/upload/multipart/part", "Get a URL to send a part to", Right.WRITE_FILES
)
END_UPLOAD = Route(
    "POST", "/data-store/upload/multipart/end", "Join the parts of an upload", Right.WRITE_FILES
)
# The same two, as clients up to 0.46.2 ask for them.
UPLOAD_PART_BY_ID = Route(
    "GET",
    "/data-store/upload/multipart/{upload_id}",
    "Get a URL to send a part to",
    Right.WRITE_FILES,
)
END_UPLOAD_BY_ID = Route(
    "POST",
    "/data-store/upload/multipart/{upload_id}",
    "Join the parts of an upload",
    Right.WRITE_FILES,
)
ABANDON_UPLOAD = Route(
    "DELETE",
    "/data-store/upload/multipart/{upload_id}",
    "Forget an upload and its parts",
    Right.WRITE_FILES,
)
SIGNED_UPLOAD = Route(
    "POST", "/signed/objects/{path:path}", "Upload the file of a signed URL", Open.SIGNATURE
)
SIGNED_PART = Route(
    "PUT", "/signed/objects/{path:path}", "Upload the part of a signed URL", Open.SIGNATURE
)
SIGNED_DOWNLOAD = Route(
    "GET", "/signed/objects/{path:path}", "Download the file of a signed URL", Open.SIGNATURE
)

OBJECT_ROUTES: tuple[Route, ...] = tuple(
    value for value in vars().copy().values() if isinstance(value, Route)
)
