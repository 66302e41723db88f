"""Requests that bring code: read, and made the drafts that verbs take."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from headrace.control.pipeline_drafts import PipelineDraft
from headrace.core.errors import InvalidRequest
from headrace.core.pipelines import ContainerConfig, Origin
from headrace.web.exchange import Exchange
from headrace.web.form_terms import pipeline_terms
from headrace.web.forms import Form, read_form
from headrace.wire.creation import (
    PipelineRequest,
    read_pipeline_request,
    repository_of,
    resolve_config,
)
from headrace.wire.forms import decode_tree

ARCHIVE_PART = "step_file"
MAX_ARCHIVE_BYTES = 64_000_000


def max_archive_bytes(exchange: Exchange) -> int:
    """Return the greatest size of an archive with the code of a pipeline."""
    # What compresses badly is as large as it was, and a tar adds a little to each file.
    return max(MAX_ARCHIVE_BYTES, 2 * exchange.max_folder_bytes)


@contextlib.asynccontextmanager
async def read_creation(exchange: Exchange) -> AsyncIterator[tuple[dict[str, Any], Form]]:
    """Give what a request to create something says, and the files that came with it."""
    if exchange.request.headers.get("content-type", "").startswith("application/json"):
        yield await exchange.json_object(), Form([], {})
        return
    uploads = exchange.services.uploads
    terms = pipeline_terms(ARCHIVE_PART, max_archive_bytes(exchange))
    async with read_form(exchange.request, uploads=uploads, terms=terms) as form:
        yield decode_tree(form.fields), form


@contextlib.asynccontextmanager
async def drafted(
    exchange: Exchange, tree: dict[str, Any], form: Form
) -> AsyncIterator[PipelineDraft]:
    """Give the draft of a pipeline, whose code is there until the context ends.

    Args:
        exchange: The request.
        tree: What it says.
        form: The files that came with it; without a folder, a repository is read.

    Raises:
        InvalidRequest: Of the kind that says what is wrong.
    """
    services, scope = exchange.services, exchange.scope
    request = read_pipeline_request(tree)
    project = await services.projects.current(scope)
    archive = form.files.get(ARCHIVE_PART)
    if archive is not None:
        draft = draft_of(request, resolve_config(request, project, None), archive.path)
        yield replace(draft, max_bytes=exchange.max_folder_bytes)
        return
    repository = repository_of(request, project)
    config = resolve_config(request, project, repository)
    fetching = services.repositories.fetched(
        scope,
        repository,
        config.included_folders,
        request.function_path or config.dockerfile_path or "",
    )
    async with fetching as code:
        draft = draft_of(request, config, code.archive)
        yield replace(draft, origin=Origin.GIT, commit_id=code.commit_id)


def step_in(tree: dict[str, Any]) -> str:
    """Return the one step that a pipeline is to be made of.

    Raises:
        InvalidRequest: There is none, or more than one.
    """
    names = tree.get("step_names")
    if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
        raise InvalidRequest(
            "step_names must be a list with the name of one step: pipelines have one function."
        )
    return names[0]


def draft_of(request: PipelineRequest, config: ContainerConfig, archive: Path) -> PipelineDraft:
    """Return the draft that a request asks for, with the code of an archive."""
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
