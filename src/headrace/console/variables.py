"""The page of the environment variables."""

from __future__ import annotations

from starlette.responses import Response

from headrace.console.forms import read_fields
from headrace.console.navigation import VARIABLES
from headrace.console.rendering import page, see_other
from headrace.core.errors import HeadraceError
from headrace.web.exchange import Exchange
from headrace.wire.problems import status_of


async def variables(exchange: Exchange) -> Response:
    """Show the names of the variables, and the value of the one that is asked for."""
    return await _shown(exchange)


async def set_variable(exchange: Exchange) -> Response:
    """Create or replace a variable."""
    fields = await read_fields(exchange, "name", "value")
    services = exchange.services
    try:
        await services.variables.put(exchange.scope, {fields["name"]: fields["value"]})
    except HeadraceError as error:
        return await _shown(exchange, error, fields)
    services.pods.changed()
    return see_other(VARIABLES.path, said=f"{fields['name']} is set.")


async def delete_variable(exchange: Exchange) -> Response:
    """Delete a variable."""
    name = (await read_fields(exchange, "name"))["name"]
    await exchange.services.variables.delete(exchange.scope, name)
    exchange.services.pods.changed()
    return see_other(VARIABLES.path, said=f"{name} is deleted.")


async def _shown(
    exchange: Exchange,
    error: HeadraceError | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    known = await exchange.services.variables.all(exchange.scope)
    asked = exchange.request.query_params.get("show")
    return page(
        exchange.request,
        "variables.html",
        title="Variables",
        section=VARIABLES.name,
        status=200 if error is None else status_of(error),
        names=sorted(known),
        shown=asked if asked in known else None,
        value=known.get(asked or "", ""),
        error=error,
        typed=typed or {"name": "", "value": ""},
    )
