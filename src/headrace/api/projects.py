"""Routes of the project's settings and of environment variables."""

from __future__ import annotations

from headrace.core.errors import InvalidRequest
from headrace.web.exchange import Exchange
from headrace.web.form_terms import only
from headrace.web.forms import read_form
from headrace.wire.answers import Answer
from headrace.wire.bodies import project_body


async def show_project(exchange: Exchange) -> Answer:
    """Show the project's settings."""
    return Answer(project_body(await exchange.services.projects.current(exchange.scope)))


async def update_project(exchange: Exchange) -> Answer:
    """Change the project's settings."""
    changes = await exchange.json_object()
    return Answer(project_body(await exchange.services.projects.update(exchange.scope, changes)))


async def list_variables(exchange: Exchange) -> Answer:
    """List environment variables."""
    variables = await exchange.services.variables.all(exchange.scope)
    return Answer([{"name": name, "value": value} for name, value in variables.items()])


async def set_variables(exchange: Exchange) -> Answer:
    """Create or update environment variables."""
    variables = (await exchange.json_object()).get("environment_variables")
    if not isinstance(variables, dict) or not variables:
        raise InvalidRequest(
            'environment_variables is missing: send {"environment_variables": {"NAME": "value"}}.'
        )
    await exchange.services.variables.put(exchange.scope, variables)
    exchange.services.pods.changed()
    return Answer([{"name": name} for name in variables])


async def set_variable(exchange: Exchange) -> Answer:
    """Create or update one environment variable: the field ``value`` of a form."""
    services, name = exchange.services, exchange.name()
    terms = only("value")
    async with read_form(exchange.request, uploads=services.uploads, terms=terms) as form:
        fields = dict(form.fields)
    if "value" not in fields:
        raise InvalidRequest(
            "The field value is missing: send value=… as a form; the name is in the path."
        )
    await services.variables.put(exchange.scope, {name: fields["value"]})
    services.pods.changed()
    return Answer({"name": name})


async def delete_variable(exchange: Exchange) -> Answer:
    """Delete an environment variable."""
    value = await exchange.services.variables.delete(exchange.scope, exchange.name())
    exchange.services.pods.changed()
    return Answer({"name": exchange.name(), "value": value})
