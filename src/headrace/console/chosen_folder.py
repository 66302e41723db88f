"""What of a folder that was chosen in a browser would not be sent, said before anything is."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from headrace.bundles.left_out import judge
from headrace.console.forms import CSRF, check_form
from headrace.console.rendering import fragment
from headrace.core.errors import InvalidRequest
from headrace.web.exchange import Exchange
from headrace.web.form_terms import only
from headrace.web.forms import read_form

MAX_TEXT_BYTES = 20_000_000
"""The paths of the files, and the ignore files."""

_PATHS, _TEXTS = "paths", "ignore_files"


async def left_out(exchange: Exchange) -> Response:
    """Show what of a folder stays where it is, by its files' paths and its ignore files."""
    request, uploads = exchange.request, exchange.services.uploads
    terms = replace(only(_PATHS, _TEXTS, CSRF), max_text_bytes=MAX_TEXT_BYTES)
    async with read_form(request, uploads=uploads, terms=terms) as form:
        fields = dict(form.fields)
    check_form(exchange, fields)
    paths = _json(fields, _PATHS, list)
    texts = _json(fields, _TEXTS, dict)
    if not all(isinstance(one, str) for one in [*paths, *texts.values()]):
        raise InvalidRequest("paths and ignore_files hold texts.")
    judged = await asyncio.to_thread(judge, paths, texts)
    return fragment(request, "parts/left-out.html", judged=judged)


def _json(fields: dict[str, str], name: str, kind: type[Any]) -> Any:
    try:
        found = json.loads(fields.get(name, ""))
    except (ValueError, RecursionError):
        raise InvalidRequest(f"{name} is no JSON.") from None
    if not isinstance(found, kind):
        raise InvalidRequest(f"{name} is not what it should be, a JSON {_NAMES[kind.__name__]}.")
    return found


_NAMES = {"list": "array", "dict": "object"}
