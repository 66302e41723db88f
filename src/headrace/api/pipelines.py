"""Routes of pipelines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.responses import FileResponse, Response

from headrace.api.logs import followed_lines, lines_between
from headrace.control.pipeline_drafts import PipelineDraft
from headrace.control.transactions.versions import Recorded
from headrace.core.clock import now_s
from headrace.core.errors import InvalidRequest, NotFound
from headrace.core.pipelines import ContainerConfig, Origin, Pipeline, PipelineStatus
from headrace.objects.links import PURPOSE, Purpose, sign, verify
from headrace.web.exchange import Exchange
from headrace.web.form_terms import pipeline_terms
from headrace.web.forms import Form, read_form
from headrace.wire.answers import MAX_HOLD_S, NO_CONTENT, Answer
from headrace.wire.bodies import execution_item, pipeline_body, pipeline_item
from headrace.wire.creation import (
    PipelineRequest,
    read_pipeline_request,
    repository_of,
    resolve_config,
)
from headrace.wire.forms import decode_tree
from headrace.wire.routes import SIGNED_BUNDLE

ARCHIVE_PART = "step_file"
MAX_ARCHIVE_BYTES = 64_000_000
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
    if exchange.request.headers.get("content-type", "").startswith("application/json"):
        return await _create_from_json(exchange)
    # What compresses badly is as large as it was, and a tar adds a little to each file.
    max_archive_bytes = max(MAX_ARCHIVE_BYTES, 2 * exchange.services.max_folder_bytes)
    uploads, terms = exchange.services.uploads, pipeline_terms(ARCHIVE_PART, max_archive_bytes)
    async with read_form(exchange.request, uploads=uploads, terms=terms) as form:
        return await _create(exchange, decode_tree(form.fields), form)


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
    bundle = exchange.services.bundles.find(exchange.name("digest"))
    if bundle is None:
        raise NotFound("The pipeline of this URL was deleted.", details={"code": "NotFound"})
    return FileResponse(bundle.archive, media_type="application/gzip")


async def pipeline_logs(exchange: Exchange) -> Answer:
    """Return the log of a pipeline's build."""
    pipeline = await _pipeline(exchange)
    return Answer(await lines_between(exchange, _log(exchange, pipeline)))


async def pipeline_log_lines(exchange: Exchange) -> Answer:
    """Follow the log of a pipeline's build."""
    pipeline = await _pipeline(exchange)

    async def has_ended() -> bool:
        present = await exchange.services.pipelines.get(exchange.scope, pipeline.name)
        return present.status is not PipelineStatus.PENDING

    return await followed_lines(exchange, _log(exchange, pipeline), has_ended)


async def pipeline_executions(exchange: Exchange) -> Answer:
    """List a pipeline's executions, newest first."""
    pipeline = await _pipeline(exchange)
    limit = exchange.integer("limit", MAX_LISTED, at_least=1, at_most=MAX_LISTED)
    executions = await exchange.services.lookups.executions(
        exchange.scope,
        limit=limit,
        before=exchange.request.query_params.get("cursor"),
        pipeline_id=pipeline.id,
    )
    return Answer([execution_item(execution) for execution in executions])


async def latest_execution(exchange: Exchange) -> Answer:
    """Show the id of a pipeline's newest execution; 204 if it has none."""
    pipeline = await _pipeline(exchange)
    newest = await exchange.services.lookups.latest_execution(exchange.scope, pipeline)
    return NO_CONTENT if newest is None else Answer({"execution_id": newest})


async def _create_from_json(exchange: Exchange) -> Answer:
    tree = await exchange.json_object()
    if "pipeline_template_name" in tree:
        raise InvalidRequest("This server has no pipeline templates; give a function instead.")
    return await _create(exchange, tree, Form([], {}))


async def _create(exchange: Exchange, tree: dict[str, Any], form: Form) -> Answer:
    recorded = await _recorded(exchange, tree, form)
    body = pipeline_body(recorded.pipeline)
    body["creation_info"]["is_new"] = recorded.is_new
    return Answer(body, 201 if recorded.is_new else 200)


async def _recorded(exchange: Exchange, tree: dict[str, Any], form: Form) -> Recorded:
    services, scope = exchange.services, exchange.scope
    request = read_pipeline_request(tree)
    project = await services.projects.current(scope)
    archive = form.files.get(ARCHIVE_PART)
    if archive is not None:
        draft = _draft(request, resolve_config(request, project, None), archive.path)
        return await services.pipelines.create(scope, draft)
    repository = repository_of(request, project)
    config = resolve_config(request, project, repository)
    fetching = services.repositories.fetched(
        scope, repository, config.included_folders, request.function_path
    )
    async with fetching as code:
        draft = _draft(request, config, code.archive)
        draft = replace(draft, origin=Origin.GIT, commit_id=code.commit_id)
        return await services.pipelines.create(scope, draft)


def _draft(request: PipelineRequest, config: ContainerConfig, archive: Path) -> PipelineDraft:
    return PipelineDraft(
        name=request.pipeline_name,
        function_path=request.function_path,
        function_name=request.function_name,
        description=request.description,
        inputs=request.inputs,
        outputs=request.outputs,
        config=config,
        archive=archive,
        needs_nothing=request.config.requirements_path is None,
        replaces=request.replaces,
        is_forced=request.is_forced,
        message=request.message,
        commit_id=request.commit_id,
        calling=request.calling,
    )


async def _pipeline(exchange: Exchange) -> Pipeline:
    return await exchange.services.pipelines.get(exchange.scope, exchange.name())


def _log(exchange: Exchange, pipeline: Pipeline) -> Path:
    return exchange.services.logs.of_build(pipeline.build_id)
