"""Tables as CSV files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Sequence

from starlette.responses import Response, StreamingResponse

from headrace.core.cells import safe_cell


def csv_response(rows: Iterable[Sequence[object]], name: str = "") -> Response:
    """Return the answer that sends a table; nothing in it is a formula of a spreadsheet.

    Args:
        rows: The rows, the first with the names of the columns.
        name: Name under which a browser keeps it; empty to have it shown.
    """
    return Response(_lines(rows), media_type="text/csv", headers=_headers(name))


def csv_stream(pieces: AsyncIterator[Iterable[Sequence[object]]], name: str) -> Response:
    """Return the same answer for a table that is made while it is sent, some rows at a time.

    If the rest of it cannot be made the connection ends before the table does, so that a part is
    not taken for the whole.
    """

    async def texts() -> AsyncIterator[str]:
        async for rows in pieces:
            yield _lines(rows)

    return StreamingResponse(texts(), media_type="text/csv", headers=_headers(name))


def _lines(rows: Iterable[Sequence[object]]) -> str:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerows([safe_cell(_text(cell)) for cell in row] for row in rows)
    return target.getvalue()


def _headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'} if name else {}


def _text(cell: object) -> object:
    """Return a list, an object or a truth value as JSON; a number and a text as they are."""
    if isinstance(cell, bool | list | tuple | dict):
        return json.dumps(cell, ensure_ascii=False)
    return cell
