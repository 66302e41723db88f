"""The pages of the settings: the project's defaults, tokens, and what the server is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.responses import Response

from headrace.console.forms import read_fields
from headrace.console.navigation import SETTINGS
from headrace.console.rendering import page, see_other
from headrace.console.words import size
from headrace.core.errors import HeadraceError
from headrace.core.projects import Project
from headrace.core.standby import EnvironmentStatus, check_asked_status
from headrace.web.exchange import Exchange
from headrace.wire.problems import status_of

_LISTS = ("included_folders", "system_dependencies")
_TEXTS = ("language", "requirements_path", "repository_url", "repository_branch")
_KEY = "repository_deploy_key"
_PATH = SETTINGS.path


async def project(exchange: Exchange) -> Response:
    """Show what pipelines fall back on."""
    return _project(exchange, _texts(await exchange.services.projects.current(exchange.scope)))


async def change_project(exchange: Exchange) -> Response:
    """Change what pipelines fall back on. A key that is left empty stays what it is."""
    fields = await read_fields(exchange, *_TEXTS, *_LISTS, _KEY)
    changes: dict[str, Any] = {key: fields[key].strip() or None for key in _TEXTS}
    for key in _LISTS:
        changes[key] = [line.strip() for line in fields[key].splitlines() if line.strip()] or None
    if fields[_KEY].strip():
        changes[_KEY] = fields[_KEY]
    try:
        await exchange.services.projects.update(exchange.scope, changes)
    except HeadraceError as error:
        return _project(exchange, fields, error)
    return see_other(_PATH, said="The settings are changed. Pipelines that are there keep theirs.")


async def tokens(exchange: Exchange) -> Response:
    """Show the SDK tokens, without what they are."""
    return await _tokens(exchange)


async def create_token(exchange: Exchange) -> Response:
    """Create an SDK token, and show it this once."""
    name = (await read_fields(exchange, "name"))["name"]
    try:
        made = await exchange.services.tokens.create(exchange.scope, name)
    except HeadraceError as error:
        return await _tokens(exchange, name=name, error=error)
    return await _tokens(exchange, name=name, made=made)


async def revoke_token(exchange: Exchange) -> Response:
    """Revoke an SDK token."""
    name = (await read_fields(exchange, "name"))["name"]
    try:
        await exchange.services.tokens.revoke(exchange.scope, name)
    except HeadraceError as error:
        return await _tokens(exchange, error=error)
    return see_other(f"{_PATH}/tokens", said=f"The token {name} is revoked.")


async def change_server(exchange: Exchange) -> Response:
    """Pause or resume the server."""
    status = (await read_fields(exchange, "status"))["status"]
    try:
        standing = await exchange.services.standby.ask(exchange.scope, check_asked_status(status))
    except HeadraceError as error:
        return await _server(exchange, error)
    is_paused = not standing.takes_work and status == EnvironmentStatus.PAUSE_ASKED
    return see_other(
        f"{_PATH}/server",
        said="The server takes no work from now on." if is_paused else "The server is resuming.",
    )


async def server(exchange: Exchange) -> Response:
    """Show what the server is, and how it does."""
    return await _server(exchange)


async def _server(exchange: Exchange, error: HeadraceError | None = None) -> Response:
    services = exchange.services
    running, pending = await services.lookups.unfinished(exchange.scope)
    # Each part is tried for real, which a page is not to do at each change.
    is_whole = exchange.request.query_params.get("part") != "work"
    parts = await services.health.parts() if is_whole else {}
    return page(
        exchange.request,
        "settings-server.html",
        title="Server",
        section=SETTINGS.name,
        status=200 if error is None else status_of(error),
        error=error,
        running=running,
        pending=pending,
        about={
            "Address": services.public_url,
            "Environment": services.environment_id,
            "Folder of a pipeline": f"at most {size(services.max_folder_bytes)}",
            "Uploaded file": f"at most {size(services.max_upload_bytes)}",
            "Vector database": services.vector_database[0] if services.vector_database else "none",
        },
        started_at=services.started_at,
        parts=parts,
        pythons=await services.pipelines.pythons(exchange.scope),
    )


def _project(
    exchange: Exchange, typed: Mapping[str, str], error: HeadraceError | None = None
) -> Response:
    return page(
        exchange.request,
        "settings.html",
        title="Settings",
        section=SETTINGS.name,
        status=200 if error is None else status_of(error),
        typed=typed,
        error=error,
    )


async def _tokens(
    exchange: Exchange, *, name: str = "", made: str = "", error: HeadraceError | None = None
) -> Response:
    return page(
        exchange.request,
        "settings-tokens.html",
        title="Tokens",
        section=SETTINGS.name,
        status=200 if error is None else status_of(error),
        tokens=await exchange.services.tokens.all(exchange.scope),
        name=name,
        made=made,
        error=error,
        public_url=exchange.services.public_url,
    )


def _texts(found: Project) -> dict[str, str]:
    values = asdict(found)
    return {
        key: "\n".join(value) if isinstance(value, list | tuple) else value or ""
        for key, value in values.items()
    }
