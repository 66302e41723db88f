"""Routes of pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.responses import FileResponse, Response

from headrace.api.logs import followed_lines, lines_between
from headrace.api.pipeline_templates import create_of_template
from headrace.core.clock import now_s
from headrace.core.errors import NotFound
from headrace.core.execution_filters import ExecutionFilter
from headrace.core.names import check_name
from headrace.core.pipelines import Pipeline, PipelineStatus
from headrace.objects.links import PURPOSE, Purpose, sign, verify
from headrace.web.creation import drafted, read_creation, step_in
from headrace.web.exchange import Exchange
from headrace.wire.answers import MAX_HOLD_S, NO_CONTENT, Answer
from headrace.wire.bodies import execution_item, pipeline_body, pipeline_item
from headrace.wire.fields import refuse_unknown
from headrace.wire.pipeline_templates import TEMPLATE_NAME, read_template_request
from headrace.wire.routes import SIGNED_BUNDLE

LINK_LIFETIME_S = 3600
MAX_LISTED = 1000


async def list_pipelines(exchange: Exchange) -> Answer:
    """List pipelines."""
    pipelines = await exchange.services.lookups.pipelines(exchange.scope)
    return Answer([pipeline_item(pipeline) for pipeline in pipelines])


async def create_pipeline(exchange: Exchange) -> Answer:
    """Create a pipeline, or a version of it: answer once it is recorded, and build it afterwards.

    The answer is 200 if nothing had to be made, because the current version is the same.
    """
    async with read_creation(exchange) as (tree, form):
        # A program that names all keys may have none to say for this one.
        if tree.get(TEMPLATE_NAME) is not None:
            recorded = await create_of_template(exchange, read_template_request(tree))
        elif "step_names" in tree:
            return await _create_of_step(exchange, tree)
        else:
            tree.pop(TEMPLATE_NAME, None)
            async with drafted(exchange, tree, form) as draft:
                recorded = await exchange.services.pipelines.create(exchange.scope, draft)
    pipeline = recorded.pipeline
    if exchange.waits_for_creations:
        pipeline = await exchange.services.pipelines.wait(exchange.scope, pipeline.name, MAX_HOLD_S)
    body = pipeline_body(pipeline)
    body["creation_info"]["is_new"] = recorded.is_new
    return Answer(body, 201 if recorded.is_new else 200)


async def _create_of_step(exchange: Exchange, tree: dict[str, Any]) -> Answer:
    refuse_unknown(tree, ("pipeline_name", "step_names"), "The request")
    name, step_name = check_name(tree.get("pipeline_name"), "pipeline_name"), step_in(tree)
    pipeline = await exchange.services.steps.make_pipeline(exchange.scope, name, step_name)
    return Answer(pipeline_body(pipeline), 201)


async def show_pipeline(exchange: Exchange) -> Answer:
    """Show a pipeline; with ``wait_for_completion``, once its build has ended."""
    hold_s = MAX_HOLD_S if exchange.flag("wait_for_completion") else 0
    pipelines, name = exchange.services.pipelines, exchange.name()
    return Answer(pipeline_body(await pipelines.wait(exchange.scope, name, hold_s)))


async def delete_pipeline(exchange: Exchange) -> Answer:
    """Delete a pipeline with its executions."""
    pipeline, deployments = await exchange.services.pipelines.delete(
        exchange.scope,
        exchange.name(),
        with_deployments=exchange.flag("force_deployments_deletion"),
    )
    return Answer(
        {
            "pipeline": {"name": pipeline.name},
            "deployments": [
                {"name": name, "execution_rule": rule.value} for name, rule in deployments
            ],
        }
    )


async def download_pipeline(exchange: Exchange) -> Answer:
    """Give a URL, good for an hour, of the pipeline's folder as a gzip-compressed tar."""
    return folder_url(exchange, await _pipeline(exchange))


def folder_url(exchange: Exchange, pipeline: Pipeline) -> Answer:
    """Return a signed URL of the folder of a pipeline's version."""
    url = SIGNED_BUNDLE.url(digest=pipeline.version.bundle)
    expires_at = int(now_s()) + LINK_LIFETIME_S
    query = sign(exchange.services.link_key, "GET", url, expires_at, {PURPOSE: Purpose.DOWNLOAD})
    return Answer({"signed_url": f"{exchange.services.public_url}{url}?{urlencode(query)}"})


async def signed_bundle(exchange: Exchange) -> Response:
    """Send the folder that a signed URL names; errors are XML, as at every signed URL."""
    request = exchange.request
    verify(
        exchange.services.link_key,
        "GET",
        request.url.path,
        request.query_params,
        purpose=Purpose.DOWNLOAD,
        now=now_s(),
    )
    bundle = await exchange.services.bundles.find(exchange.name("digest"))
    if bundle is None:
        raise NotFound("The pipeline of this URL was deleted.", details={"code": "NotFound"})
    return FileResponse(bundle.archive, media_type="application/gzip")


async def pipeline_logs(exchange: Exchange) -> Answer:
    """Return the log of a pipeline's build."""
    pipeline = await _pipeline(exchange)
    return Answer(await lines_between(exchange, await build_log(exchange, pipeline)))


async def pipeline_log_lines(exchange: Exchange) -> Answer:
    """Follow the log of a pipeline's build."""
    pipeline = await _pipeline(exchange)

    async def has_ended() -> bool:
        present = await exchange.services.pipelines.get(exchange.scope, pipeline.name)
        return present.status is not PipelineStatus.PENDING

    return await followed_lines(exchange, await build_log(exchange, pipeline), has_ended)


async def pipeline_executions(exchange: Exchange) -> Answer:
    """List a pipeline's executions, newest first."""
    pipeline = await _pipeline(exchange)
    limit = exchange.integer("limit", MAX_LISTED, at_least=1, at_most=MAX_LISTED)
    page = await exchange.services.lookups.search(
        exchange.scope,
        ExecutionFilter(pipeline_id=pipeline.id),
        limit=limit,
        before=exchange.request.query_params.get("cursor"),
    )
    return Answer([execution_item(execution) for execution in page.executions])


async def latest_execution(exchange: Exchange) -> Answer:
    """Show the id of a pipeline's newest execution; 204 if it has none."""
    pipeline = await _pipeline(exchange)
    newest = await exchange.services.lookups.latest_execution(exchange.scope, pipeline)
    return NO_CONTENT if newest is None else Answer({"execution_id": newest})


async def _pipeline(exchange: Exchange) -> Pipeline:
    return await exchange.services.pipelines.get(exchange.scope, exchange.name())


async def build_log(exchange: Exchange, pipeline: Pipeline) -> Path:
    """Return the file of the log of a pipeline's build."""
    logs = exchange.services.logs
    return await logs.found(logs.of_build(pipeline.build_id))
