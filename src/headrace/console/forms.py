"""Forms that pages send: their fields, once it is sure that a page of this server sent them."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.web.exchange import Exchange
from headrace.web.form_terms import only
from headrace.web.forms import read_form
from headrace.web.permission import check_csrf

CSRF = "csrf"


async def read_fields(exchange: Exchange, *names: str) -> dict[str, str]:
    """Return the fields of a form; those that are missing are empty.

    Raises:
        InvalidRequest: It has others, or is no form.
    """
    fields = dict(await read_pairs(exchange, *names))
    return {name: fields.get(name, "") for name in names}


async def read_pairs(exchange: Exchange, *names: str) -> list[tuple[str, str]]:
    """Return name and text of each field of a form, in which names may come several times.

    Raises:
        InvalidRequest: It has others, or is no form.
    """
    terms = only(*names, CSRF)
    async with read_form(exchange.request, uploads=exchange.services.uploads, terms=terms) as form:
        fields = list(form.fields)
    check_form(exchange, dict(fields))
    return [(name, text) for name, text in fields if name != CSRF]


def check_form(exchange: Exchange, fields: Mapping[str, str]) -> None:
    """Refuse a form that no page of the person's session sent.

    Raises:
        PermissionDenied: It is one.
    """
    session = getattr(exchange.request.state, "session", None)
    if session is not None:
        check_csrf(session, fields.get(CSRF, ""))
