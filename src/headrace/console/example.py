"""An example for an empty server: a pipeline of a template, deployed as an endpoint."""

from __future__ import annotations

import contextlib

from starlette.responses import Response

from headrace.console import routes
from headrace.console.forms import read_fields
from headrace.console.navigation import DEPLOYMENTS, PIPELINES
from headrace.console.rendering import see_other
from headrace.core.deployment_drafts import DeploymentDraft
from headrace.core.errors import AlreadyExists
from headrace.core.pipelines import PipelineStatus
from headrace.core.sources import Rule
from headrace.web.exchange import Exchange
from headrace.web.permission import admitted

TEMPLATE = "csv-cleaner"
NAME = "csv-cleaner"
WAIT_S = 25.0
"""Seconds that its build is waited for; it needs no package, so there is nothing to download."""


async def deploy_example(exchange: Exchange) -> Response:
    """Make the example, and show its deployment, or the build if that takes long."""
    await read_fields(exchange)
    services, scope = exchange.services, exchange.scope
    # It needs the rights of both routes that it takes the place of.
    await admitted(exchange.request, services, routes.CHANGE_DEPLOYMENT)
    template = await services.pipeline_templates.get(scope, TEMPLATE)
    # The button may be pressed twice, and an earlier example was perhaps left half-way.
    with contextlib.suppress(AlreadyExists):
        await services.pipeline_templates.create_pipeline(scope, NAME, TEMPLATE)
    pipeline = await services.pipelines.wait(scope, NAME, WAIT_S)
    if pipeline.status is not PipelineStatus.READY:
        return see_other(f"{PIPELINES.path}/{NAME}")
    draft = DeploymentDraft(
        pipeline_name=NAME,
        name=NAME,
        rule=Rule.ENDPOINT,
        inputs_mapping=template.sources,
        outputs_mapping=template.destinations,
        description="An example: send it a CSV file, and get a clean one back.",
    )
    try:
        await services.deployments.create(scope, draft)
    except AlreadyExists:
        return see_other(f"{DEPLOYMENTS.path}/{NAME}")
    return see_other(f"{DEPLOYMENTS.path}/{NAME}", said=f"{NAME} is deployed: try it.")
