"""Routes of the environment itself: what it is, its health, its clock."""

from __future__ import annotations

from headrace.core.clock import now
from headrace.core.clock_trust import ClockTrust
from headrace.core.errors import NotFound, Unavailable
from headrace.core.standby import check_asked_status
from headrace.version import __version__
from headrace.web.exchange import Exchange, Services
from headrace.web.health_checks import Part
from headrace.wire.answers import Answer
from headrace.wire.api_document.document import api_document
from headrace.wire.bodies import Body, timestamp
from headrace.wire.fields import refuse_unknown


async def environment_info(exchange: Exchange) -> Answer:
    """Name the environment, and the limit that a client should know before it sends a folder.

    No GPU is reserved. The images are the versions of Python that pipelines can have here.
    """
    services = exchange.services
    pythons = await services.pipelines.pythons(exchange.scope)
    return Answer(
        {
            "environment_id": services.environment_id,
            "environment_status": services.standby.standing.status.value,
            "version": __version__,
            "gpu_enabled": False,
            "supported_base_images": {"python": [f"{python}-slim" for python in pythons]},
            "max_folder_bytes": exchange.max_folder_bytes,
        }
    )


async def describe_api(exchange: Exchange) -> Answer:
    """Describe all routes as an OpenAPI document."""
    return Answer({**api_document(), "servers": [{"url": exchange.services.public_url}]})


async def environment_summary(exchange: Exchange) -> Answer:
    """Show the environment's status, since when it has it, and the versions of Python it has."""
    services = exchange.services
    pythons = await services.pipelines.pythons(exchange.scope)
    running, pending = await services.lookups.unfinished(exchange.scope)
    counted = {"running": running, "pending": pending, "pythons": pythons}
    return Answer(_status(services) | counted)


async def change_environment(exchange: Exchange) -> Answer:
    """Pause or resume the environment; answer once that is on record, and do it afterwards."""
    services, environment_id = exchange.services, exchange.name("environment_id")
    body = await exchange.json_object()
    refuse_unknown(body, ("status",), "The request")
    status = check_asked_status(body.get("status"))
    if environment_id != services.environment_id:
        raise NotFound(f"There is no environment {environment_id!r}.")
    await services.standby.ask(exchange.scope, status)
    return Answer({"environment_id": environment_id} | _status(services))


async def health(exchange: Exchange) -> Answer:
    """Check whether the server can do what calls need, part by part."""
    services = exchange.services
    found = await services.health.parts()
    deletion = "on" if services.clock.state is ClockTrust.TRUSTED else "paused"
    parts = {
        "server": Part(True, __version__),
        "environment_id": Part(True, services.environment_id),
        "deletion_by_age": Part(True, deletion),
        **found,
    }
    body = {name: part.body() for name, part in parts.items()}
    wrong = [f"{name}: {part.text}" for name, part in found.items() if not part.is_well]
    if wrong:
        raise Unavailable(
            f"The server cannot do all that calls need. {' '.join(wrong)}", details=body
        )
    return Answer(body, 200, {"Cache-Control": "no-store"})


async def health_details(exchange: Exchange) -> Answer:
    """Show the health of each part of the server, with measurements."""
    found = await exchange.services.health.parts()
    return Answer({name: part.body(is_detailed=True) for name, part in found.items()})


async def show_clock(exchange: Exchange) -> Answer:
    """Show whether things are deleted for their age."""
    clock = exchange.services.clock
    return Answer(
        {
            "state": clock.state.value,
            "now": timestamp(now()),
            "believed_at": timestamp(clock.believed_at),
        }
    )


async def confirm_clock(exchange: Exchange) -> Answer:
    """Believe the machine's clock as it is."""
    await exchange.services.clock.confirm()
    return await show_clock(exchange)


async def vector_database(exchange: Exchange) -> Answer:
    """Tell the vector database of the environment, as the operator has set it."""
    services, environment_id = exchange.services, exchange.name("environment_id")
    if environment_id != services.environment_id:
        raise NotFound(f"There is no environment {environment_id!r}.")
    if services.vector_database is None:
        raise NotFound(
            "This environment has no vector database: its operator sets one with "
            "HEADRACE_VECTOR_DATABASE_URL and HEADRACE_VECTOR_DATABASE_TOKEN."
        )
    url, token = services.vector_database
    return Answer({"vector_database_url": url, "vector_database_token": token})


def _status(services: Services) -> Body:
    standing = services.standby.standing
    return {
        "environment_status": standing.status.value,
        "environment_status_updated_at": timestamp(standing.since or services.started_at),
    }
