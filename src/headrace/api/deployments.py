"""Routes of deployments."""

from __future__ import annotations

from headrace.api.logs import followed_lines, lines_between
from headrace.core.deployments import Deployment
from headrace.core.errors import NotFound
from headrace.core.health import Health
from headrace.core.sources import Rule
from headrace.web.call_bodies import read_call
from headrace.web.exchange import Exchange
from headrace.web.form_terms import only
from headrace.web.forms import read_form
from headrace.wire.answers import MAX_HOLD_S, NO_CONTENT, Answer
from headrace.wire.deployment_requests import read_deployment_request, read_deployment_update
from headrace.wire.deployments import (
    deployment_body,
    deployment_item,
    deployment_log_item,
    planned_body,
)


async def list_deployments(exchange: Exchange) -> Answer:
    """List deployments."""
    services = exchange.services
    deployments = await services.deployments.all(exchange.scope)
    health = await services.lookups.health(exchange.scope, [item.id for item in deployments])
    return Answer(
        [deployment_item(item, services.pods_of(item), health[item.id]) for item in deployments]
    )


async def create_endpoint(exchange: Exchange) -> Answer:
    """Create an endpoint: it is up when this answers."""
    return await _create(exchange, Rule.ENDPOINT)


async def create_periodic(exchange: Exchange) -> Answer:
    """Create a periodic deployment: its fire times count when this answers."""
    return await _create(exchange, Rule.PERIODIC)


async def _create(exchange: Exchange, rule: Rule) -> Answer:
    draft = read_deployment_request(await exchange.json_object(), rule)
    deployment, token = await exchange.services.deployments.create(exchange.scope, draft)
    services = exchange.services
    if exchange.waits_for_creations and deployment.low_latency and deployment.is_enabled:
        await services.pods.settled(deployment, MAX_HOLD_S)
    pods = services.pods_of(deployment)
    body = deployment_body(deployment, token, services.public_url, pods, Health())
    return Answer(body, 201)


async def check_endpoint(exchange: Exchange) -> Answer:
    """Show the endpoint that a creation with this body would make; nothing is recorded.

    What it would be refused for is answered as the creation would.
    """
    return await _checked(exchange, Rule.ENDPOINT)


async def check_periodic(exchange: Exchange) -> Answer:
    """Show the periodic deployment that a creation with this body would make; nothing is recorded.

    What it would be refused for is answered as the creation would.
    """
    return await _checked(exchange, Rule.PERIODIC)


async def _checked(exchange: Exchange, rule: Rule) -> Answer:
    draft = read_deployment_request(await exchange.json_object(), rule)
    deployment = await exchange.services.deployments.check(exchange.scope, draft)
    return Answer(planned_body(deployment, exchange.services.public_url))


async def show_deployment(exchange: Exchange) -> Answer:
    """Show a deployment; on request, held until its creation has ended, or for a while."""
    deployment = await _deployment(exchange)
    if exchange.flag("wait_for_completion") and deployment.low_latency and deployment.is_enabled:
        await exchange.services.pods.settled(deployment, MAX_HOLD_S)
    return await _shown(exchange, deployment)


async def update_deployment(exchange: Exchange) -> Answer:
    """Change a deployment."""
    change = read_deployment_update(await exchange.json_object())
    deployment = await exchange.services.deployments.update(exchange.scope, exchange.name(), change)
    return await _shown(exchange, deployment)


async def check_update(exchange: Exchange) -> Answer:
    """Show a deployment as a change with this body would make it; nothing is recorded.

    What it would be refused for is answered as the change would.
    """
    services, change = exchange.services, read_deployment_update(await exchange.json_object())
    deployment = await services.deployments.check_update(exchange.scope, exchange.name(), change)
    return Answer(planned_body(deployment, services.public_url))


async def delete_deployment(exchange: Exchange) -> Answer:
    """Delete a deployment; its executions stay."""
    deployment = await exchange.services.deployments.delete(exchange.scope, exchange.name())
    return Answer({"name": deployment.name, "execution_rule": deployment.rule.value})


async def latest_deployment_execution(exchange: Exchange) -> Answer:
    """Show the id of a deployment's newest execution; 204 if it has none."""
    newest = await exchange.services.deployments.latest_execution(exchange.scope, exchange.name())
    return NO_CONTENT if newest is None else Answer({"execution_id": newest})


async def trigger_deployment(exchange: Exchange) -> Answer:
    """Call a deployment with an access token instead of the endpoint's own."""
    services = exchange.services
    deployment = services.pods.served(await _deployment(exchange))
    async with read_call(exchange.request, services, deployment) as call:
        execution_id = await services.deployments.trigger(
            exchange.scope, deployment, call.values, call.files, call.idempotency_key
        )
    return Answer({"execution_id": execution_id}, 201)


async def deployment_logs(exchange: Exchange) -> Answer:
    """Return the log of a deployment's pods outside of executions; elastic ones have none."""
    deployment = await _deployment(exchange)
    path = exchange.services.logs.of_deployment(deployment.id)
    return Answer(await lines_between(exchange, path, deployment_log_item))


async def deployment_log_lines(exchange: Exchange) -> Answer:
    """Follow the log of a deployment, until it is deleted."""
    deployment = await _deployment(exchange)

    async def has_ended() -> bool:
        try:
            await exchange.services.deployments.get(exchange.scope, deployment.name)
        except NotFound:
            return True
        return deployment.low_latency is None

    path = exchange.services.logs.of_deployment(deployment.id)
    return await followed_lines(exchange, path, has_ended, deployment_log_item)


async def renew_endpoint_token(exchange: Exchange) -> Answer:
    """Give an endpoint another token; the old one is void at once."""
    uploads, terms = exchange.services.uploads, only("endpoint_token")
    async with read_form(exchange.request, uploads=uploads, terms=terms) as form:
        fields = dict(form.fields)
    token = await exchange.services.deployments.renew_token(
        exchange.scope, exchange.name(), fields.get("endpoint_token")
    )
    return Answer({"endpoint_token": token})


async def _shown(exchange: Exchange, deployment: Deployment) -> Answer:
    services = exchange.services
    token = await services.deployments.token_of(exchange.scope, deployment.name)
    pods = services.pods_of(deployment)
    health = (await services.lookups.health(exchange.scope, [deployment.id]))[deployment.id]
    return Answer(deployment_body(deployment, token, services.public_url, pods, health))


async def _deployment(exchange: Exchange) -> Deployment:
    return await exchange.services.deployments.get(exchange.scope, exchange.name())
