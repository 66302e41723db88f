"""Tables as CSV files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

from starlette.responses import Response

from headrace.core.cells import safe_cell


def csv_response(rows: Iterable[Sequence[object]], name: str = "") -> Response:
    """Return the answer that sends a table; nothing in it is a formula of a spreadsheet.

    Args:
        rows: The rows, the first with the names of the columns.
        name: Name under which a browser keeps it; empty to have it shown.
    """
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerows([safe_cell(_text(cell)) for cell in row] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'} if name else {}
    return Response(target.getvalue(), media_type="text/csv", headers=headers)


def _text(cell: object) -> object:
    """Return a list, an object or a truth value as JSON; a number and a text as they are."""
    if isinstance(cell, bool | list | tuple | dict):
        return json.dumps(cell, ensure_ascii=False)
    return cell
