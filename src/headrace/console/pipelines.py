"""The pages of pipelines: the list, and each with its function, its code and its versions."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.responses import Response

from headrace.bundles.contents import sizes_of
from headrace.bundles.store import Bundle
from headrace.console.drawing import mapping
from headrace.console.drawing.strips import ends_of
from headrace.console.forms import read_fields
from headrace.console.highlighting import shown as source_lines
from headrace.console.navigation import PIPELINES
from headrace.console.paging import page_of_names
from headrace.console.rendering import page, see_other
from headrace.console.sources import differences, read_text
from headrace.core.errors import BreakingChange, NotFound, Unavailable
from headrace.core.execution_filters import ExecutionFilter
from headrace.core.pipelines import Pipeline, PipelineVersion
from headrace.logs.files import last_lines
from headrace.web.exchange import Exchange
from headrace.wire.fields import read_version

RECENT = 20
VERSIONS = 100
MAX_FILES = 500
"""Files that are listed."""


async def pipelines(exchange: Exchange) -> Response:
    """List pipelines, in the order of their names."""
    services = exchange.services
    listed = await page_of_names(exchange, PIPELINES.path, services.lookups.pipeline_page)
    ids = [item.id for item in listed.items]
    health = await services.activities.of_pipelines(exchange.scope, ids)
    return page(
        exchange.request,
        "pipelines.html",
        title="Pipelines",
        section=PIPELINES.name,
        listed=listed,
        ends={whose: ends_of(found) for whose, found in health.items()},
    )


async def pipeline(exchange: Exchange) -> Response:
    """Show a pipeline, or one of its versions."""
    services, scope = exchange.services, exchange.scope
    found = await services.pipelines.get(scope, exchange.name())
    current = await services.versions.current_number(scope, found)
    asked = exchange.request.query_params.get("version")
    shown = found if not asked else await services.versions.get(scope, found, read_version(asked))
    wanted = ExecutionFilter(pipeline_id=found.id)
    latest = (await services.lookups.search(scope, wanted, limit=RECENT)).executions
    bundle, log, away = await _files(exchange, shown)
    files = [] if bundle is None else await asyncio.to_thread(sizes_of, bundle.folder)
    path = exchange.request.query_params.get("file") or _first_file(shown.version)
    if path not in {known for known, _ in files}:
        if "file" in exchange.request.query_params and not away:
            raise NotFound(f"The folder of this version has no file {path!r:.200}.")
        path = ""
    text = await asyncio.to_thread(read_text, bundle.folder, path) if bundle and path else None
    return page(
        exchange.request,
        "pipeline.html",
        title=found.name,
        section=PIPELINES.name,
        found=shown,
        current=current,
        diagram=mapping.of_pipeline(shown),
        latest=latest,
        files=files[:MAX_FILES],
        more_files=len(files) - MAX_FILES,
        path=path,
        away=away,
        is_text=text is not None,
        source=text and (await asyncio.to_thread(source_lines, [(path, text)]))[0],
        log=await asyncio.to_thread(last_lines, log),
        deployments=await services.lookups.deployments_of(scope, found),
    )


async def versions(exchange: Exchange) -> Response:
    """Show the versions of a pipeline, and how two of them differ."""
    services, scope, query = exchange.services, exchange.scope, exchange.request.query_params
    found = await services.pipelines.get(scope, exchange.name())
    known = await services.versions.all(scope, found, limit=VERSIONS, before=None)
    after = read_version(query.get("after")) if query.get("after") else known[0].version.number
    before = read_version(query.get("before")) if query.get("before") else _before(known, after)
    pair = [
        await services.versions.get(scope, found, number) if number else None
        for number in (before, after)
    ]
    folders = [await _folder(exchange, one) for one in pair]
    changed = None
    if folders[0] is not None and folders[1] is not None:
        changed = await asyncio.to_thread(differences, folders[0], folders[1])
    return page(
        exchange.request,
        "versions.html",
        title=found.name,
        section=PIPELINES.name,
        found=found,
        current=await services.versions.current_number(scope, found),
        versions=[item.version for item in known],
        before=pair[0],
        after=pair[1],
        changed=changed,
        kept=_kept(pair[0], pair[1]),
        uses=await services.lookups.version_uses(scope, found),
    )


async def roll_back(exchange: Exchange) -> Response:
    """Make another version current."""
    fields = await read_fields(exchange, "version", "force")
    name, number = exchange.name(), read_version(fields["version"] or None)
    try:
        found = await exchange.services.versions.roll_back(
            exchange.scope, name, number, is_forced=fields["force"] == "true"
        )
    except BreakingChange as error:
        return page(
            exchange.request,
            "breaks.html",
            title=name,
            section=PIPELINES.name,
            status=409,
            error=error,
            name=name,
            number=number,
        )
    return see_other(
        f"{PIPELINES.path}/{name}", said=f"Version {found.version.number} is the current one."
    )


async def delete_pipeline(exchange: Exchange) -> Response:
    """Delete a pipeline that has no deployments."""
    await read_fields(exchange)
    deleted, _ = await exchange.services.pipelines.delete(
        exchange.scope, exchange.name(), with_deployments=False
    )
    return see_other(PIPELINES.path, said=f"{deleted.name} is deleted, with its executions.")


async def _files(exchange: Exchange, shown: Pipeline) -> tuple[Bundle | None, Path, str]:
    """Return folder and log of a version, and why one of them cannot be had now, or nothing."""
    services, bundle = exchange.services, None
    log = services.logs.of_build(shown.build_id)
    try:
        bundle = await services.bundles.find(shown.version.bundle)
        return bundle, await services.logs.found(log), ""
    except Unavailable as error:
        return bundle, log, error.message


def _first_file(version: PipelineVersion) -> str:
    """Return the file that is shown first: that of the function, or the Dockerfile."""
    return version.function_path or version.config.dockerfile_path or ""


async def _folder(exchange: Exchange, found: Pipeline | None) -> Path | None:
    if found is None:
        return None
    bundle = await exchange.services.bundles.find(found.version.bundle)
    return None if bundle is None else bundle.folder


def _before(known: list[Pipeline], after: int | None) -> int | None:
    numbers = [item.version.number for item in known if item.version.number < (after or 0)]
    return max(numbers, default=None)


def _kept(before: Pipeline | None, after: Pipeline | None) -> list[tuple[str, str, str]]:
    """Return the other differences of two versions: a name, its old and its new value."""
    if before is None or after is None:
        return []

    def facts(found: Pipeline) -> dict[str, str]:
        version = found.version
        return {
            "function": f"{version.function_path}:{version.function_name}"
            if version.function_name
            else f"the command of {version.config.dockerfile_path}",
            "Python": version.config.language or "of its image",
            "requirements": version.config.requirements_path or "none",
            "inputs": ", ".join(
                f"{item.name}: {item.data_type.value}{' (required)' if item.is_required else ''}"
                for item in version.inputs
            )
            or "none",
            "outputs": ", ".join(f"{item.name}: {item.data_type.value}" for item in version.outputs)
            or "none",
        }

    old, new = facts(before), facts(after)
    return [(name, old[name], new[name]) for name in old if old[name] != new[name]]
