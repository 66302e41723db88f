"""Routes of versions: list, show, download, their build logs, compare, and go back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from headrace.api.logs import followed_lines, lines_between
from headrace.api.pipelines import build_log, folder_url
from headrace.bundles.contents import files_of
from headrace.core.errors import Conflict
from headrace.core.pipelines import Pipeline, PipelineStatus
from headrace.web.exchange import Exchange
from headrace.wire.answers import MAX_HOLD_S, Answer
from headrace.wire.fields import MAX_VERSION, read_version
from headrace.wire.versions import (
    breaks_body,
    read_rollback,
    read_signature,
    version_body,
    version_item,
)

MAX_PAGE = 1000


async def list_versions(exchange: Exchange) -> Answer:
    """List the versions of a pipeline, newest first, page by page (``limit``, ``cursor``)."""
    limit = exchange.integer("limit", 100, at_least=1, at_most=MAX_PAGE)
    before = exchange.integer("cursor", MAX_VERSION, at_least=1, at_most=MAX_VERSION)
    pipeline = await _pipeline(exchange)
    found = await exchange.services.versions.all(
        exchange.scope, pipeline, limit=limit + 1, before=before
    )
    page = found[:limit]
    current = pipeline.version.number
    return Answer(
        {
            "items": [version_item(each, current) for each in page],
            "next_cursor": str(page[-1].version.number) if len(found) > limit else None,
        }
    )


async def show_version(exchange: Exchange) -> Answer:
    """Show a version; with ``wait_for_completion``, once its build has ended."""
    hold_s = MAX_HOLD_S if exchange.flag("wait_for_completion") else 0
    services, pipeline = exchange.services, await _pipeline(exchange)
    number = read_version(exchange.name("number"))
    found = await services.versions.wait(exchange.scope, pipeline, number, hold_s)
    current = await services.versions.current_number(exchange.scope, pipeline)
    bundle = await services.bundles.find(found.version.bundle)
    files = [] if bundle is None else await asyncio.to_thread(files_of, bundle.folder)
    return Answer(version_body(found, current, files))


async def download_version(exchange: Exchange) -> Answer:
    """Give a URL, good for an hour, of the version's folder as a gzip-compressed tar."""
    found = await _version(exchange)
    if await exchange.services.bundles.find(found.version.bundle) is None:
        raise Conflict(
            f"The folder of version {found.version.number} of pipeline {found.name!r} is kept no "
            "longer."
        )
    return folder_url(exchange, found)


async def version_logs(exchange: Exchange) -> Answer:
    """Return the log of a version's build."""
    return Answer(
        await lines_between(exchange, await build_log(exchange, await _version(exchange)))
    )


async def version_log_lines(exchange: Exchange) -> Answer:
    """Follow the log of a version's build."""
    found = await _version(exchange)

    async def has_ended() -> bool:
        present = await exchange.services.versions.get(exchange.scope, found, found.version.number)
        return present.status is not PipelineStatus.PENDING

    return await followed_lines(exchange, await build_log(exchange, found), has_ended)


async def check_version(exchange: Exchange) -> Answer:
    """Say what a version with these inputs and outputs would break; nothing is recorded."""
    inputs, outputs = read_signature(await exchange.json_object())
    pipeline = await _pipeline(exchange)
    version = replace(pipeline.version, inputs=inputs, outputs=outputs)
    breaks = await exchange.services.versions.breaks_of(exchange.scope, pipeline, version)
    return Answer(breaks_body(breaks))


async def roll_back(exchange: Exchange) -> Answer:
    """Have another version be current: the one before, or the one that is named."""
    number, is_forced = read_rollback(await exchange.json_object())
    found = await exchange.services.versions.roll_back(
        exchange.scope, exchange.name(), number, is_forced=is_forced
    )
    return Answer(version_item(found, found.version.number))


async def _pipeline(exchange: Exchange) -> Pipeline:
    return await exchange.services.pipelines.get(exchange.scope, exchange.name())


async def _version(exchange: Exchange) -> Pipeline:
    number = read_version(exchange.name("number"))
    return await exchange.services.versions.get(exchange.scope, await _pipeline(exchange), number)
