"""Routes of pipeline templates."""

from __future__ import annotations

from headrace.control.transactions.versions import Recorded
from headrace.web.exchange import Exchange
from headrace.wire.answers import Answer
from headrace.wire.pipeline_templates import TemplateRequest, template_body, template_item


async def list_templates(exchange: Exchange) -> Answer:
    """List pipeline templates."""
    templates = await exchange.services.pipeline_templates.all(exchange.scope)
    return Answer({"pipeline_templates": [template_item(template) for template in templates]})


async def show_template(exchange: Exchange) -> Answer:
    """Show a pipeline template, with what its pipelines declare, and how an endpoint maps it."""
    templates, name = exchange.services.pipeline_templates, exchange.name()
    return Answer(template_body(await templates.get(exchange.scope, name)))


async def create_of_template(exchange: Exchange, request: TemplateRequest) -> Recorded:
    """Create a pipeline, or a version of it, whose code is that of a template."""
    return await exchange.services.pipeline_templates.create_pipeline(
        exchange.scope,
        request.pipeline_name,
        request.template_name,
        replaces=request.replaces,
        is_forced=request.is_forced,
        message=request.message,
    )
