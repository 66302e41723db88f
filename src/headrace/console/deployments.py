"""The pages of deployments: the list, and each with its mapping, its calls and its fire times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from starlette.responses import Response

from headrace.console.drawing import calendars, mapping, plots
from headrace.console.drawing.strips import Cell, ends_of
from headrace.console.forms import read_fields
from headrace.console.navigation import DEPLOYMENTS, address
from headrace.console.paging import page_of_names
from headrace.console.rendering import page, see_other
from headrace.console.snippets import snippets_of
from headrace.control.activities import RANGES
from headrace.core.clock import now
from headrace.core.deployments import Deployment
from headrace.core.execution_filters import ExecutionFilter
from headrace.core.executions import Execution
from headrace.core.health import Health
from headrace.core.sources import Rule
from headrace.web.exchange import Exchange
from headrace.wire.deployment_requests import read_deployment_update

RECENT = 20
FIRE_TIMES = 60
_FLAGS = {"true": True, "false": False}
VERSIONS = 30
UPCOMING = 5


@dataclass(frozen=True, slots=True)
class Row:
    """A deployment in the list.

    Attributes:
        deployment: The deployment.
        status: Whether it takes executions now.
        health: How the latest ones ended.
        calls: How many calls there were in the last hour.
    """

    deployment: Deployment
    status: str
    health: Health
    calls: int

    @property
    def ends(self) -> Sequence[Cell]:
        """How the latest ones ended, oldest first."""
        return ends_of(self.health)


async def deployments(exchange: Exchange) -> Response:
    """List deployments, in the order of their names."""
    services, scope = exchange.services, exchange.scope
    found = await page_of_names(exchange, DEPLOYMENTS.path, services.lookups.deployment_page)
    shown = found.items
    ids = [item.id for item in shown]
    health = await services.lookups.health(scope, ids)
    calls = await services.activities.last_hour(scope, ids)
    rows = [
        Row(
            item,
            _status(exchange, item),
            health.get(item.id, Health()),
            calls.get(item.id, (0, 0))[0],
        )
        for item in shown
    ]
    return page(
        exchange.request,
        "deployments.html",
        title="Deployments",
        section=DEPLOYMENTS.name,
        rows=rows,
        listed=found,
    )


async def deployment(exchange: Exchange) -> Response:
    """Show a deployment."""
    return await shown(exchange)


async def shown(exchange: Exchange, *, token: str | None = None) -> Response:
    """Return the page of a deployment, with its token if that was asked for."""
    services, scope = exchange.services, exchange.scope
    found = await services.deployments.get(scope, exchange.name())
    wanted = ExecutionFilter(deployment_id=found.id)
    latest = (await services.lookups.search(scope, wanted, limit=RECENT)).executions
    last = await services.executions.get(scope, latest[0].id) if latest else None
    health = (await services.lookups.health(scope, [found.id])).get(found.id, Health())
    if exchange.request.query_params.get("show") == "token":
        token = await services.deployments.token_of(scope, found.name)
    chosen = exchange.request.query_params.get("range") or "24h"
    periods = await services.activities.periods(scope, chosen, deployment_id=found.id)
    known = await services.versions.all(scope, found.pipeline, limit=VERSIONS, before=None)
    url = f"{services.public_url}/endpoints/{found.url_path}" if found.url_path else ""
    return page(
        exchange.request,
        "deployment.html",
        title=found.name,
        section=DEPLOYMENTS.name,
        found=found,
        is_endpoint=found.rule is Rule.ENDPOINT,
        state=_status(exchange, found),
        pods=exchange.services.pods_of(found),
        health=health,
        ends=ends_of(health),
        diagram=mapping.of_deployment(found, _same_version(found, last)),
        last=last,
        latest=latest,
        url=url,
        token=token,
        snippets=snippets_of(found, url, token) if url else (),
        versions=[item.version for item in known],
        upcoming=upcoming(found),
        ranges=[
            (name, address(f"{DEPLOYMENTS.path}/{found.name}", range=name), name == chosen)
            for name in RANGES
        ],
        plots=[plots.of_calls(periods, RANGES[chosen].point_s), plots.of_durations(periods)],
        calls=sum(period.calls for period in periods),
    )


async def fire_times(exchange: Exchange) -> Response:
    """Show what became of the fire times of a deployment."""
    services, scope = exchange.services, exchange.scope
    found = await services.deployments.get(scope, exchange.name())
    rows = await services.lookups.ledger(
        scope, found.name, limit=FIRE_TIMES, before=None, since=None, fate=None
    )
    today = now()
    first = datetime.combine(calendars.first_day(today.date()), time(), UTC)
    fates = await services.activities.fates_of_days(scope, found.id, first)
    cells = [
        Cell(
            calendars.TONES[row.fate],
            f"{row.fire_at:%Y-%m-%d %H:%M} UTC: {row.fate.value}. {row.detail}".rstrip(". ") + ".",
            f"/executions/{row.execution_id}" if row.execution_id else None,
        )
        for row in reversed(rows)
    ]
    coming = [
        Cell("next", f"{at:%Y-%m-%d %H:%M} UTC: to come.") for at in upcoming(found, count=UPCOMING)
    ]
    return page(
        exchange.request,
        "fire-times.html",
        title=found.name,
        section=DEPLOYMENTS.name,
        found=found,
        rows=rows,
        cells=[*cells, *coming],
        tones=calendars.TONES,
        upcoming=upcoming(found, count=10),
        weeks=calendars.weeks_of(today.date(), fates),
    )


async def change(exchange: Exchange) -> Response:
    """Enable or disable a deployment, or have it run a version."""
    fields = await read_fields(exchange, "is_enabled", "version")
    body: dict[str, object] = {}
    if fields["is_enabled"]:
        body["is_enabled"] = _FLAGS.get(fields["is_enabled"], fields["is_enabled"])
    if fields["version"]:
        body["pipeline_version"] = fields["version"]
    changed = await exchange.services.deployments.update(
        exchange.scope, exchange.name(), read_deployment_update(body)
    )
    said = "is enabled" if changed.is_enabled else "is disabled"
    if fields["version"]:
        said = f"runs version {changed.pipeline.version.number}"
    return see_other(f"{DEPLOYMENTS.path}/{changed.name}", said=f"{changed.name} {said}.")


async def renew_token(exchange: Exchange) -> Response:
    """Give an endpoint another token, and show it."""
    await read_fields(exchange)
    token = await exchange.services.deployments.renew_token(exchange.scope, exchange.name(), None)
    return await shown(exchange, token=token)


async def delete_deployment(exchange: Exchange) -> Response:
    """Delete a deployment."""
    await read_fields(exchange)
    deleted = await exchange.services.deployments.delete(exchange.scope, exchange.name())
    return see_other(
        DEPLOYMENTS.path, said=f"{deleted.name} is deleted. What it executed stays on record."
    )


def upcoming(found: Deployment, *, count: int = UPCOMING) -> list[datetime]:
    """Return the next fire times of a deployment; none of an endpoint."""
    if found.schedule is None or found.next_fire_at is None:
        return []
    times = [found.next_fire_at]
    while len(times) < count:
        times.append(found.schedule.cron.next_after(times[-1]))
    return times


def _same_version(found: Deployment, last: Execution | None) -> Execution | None:
    """Return the last execution if its values fit the mapping that the deployment has now."""
    is_same = last is not None and last.pipeline_version == found.pipeline.version.number
    return last if is_same else None


def _status(exchange: Exchange, found: Deployment) -> str:
    return found.status(exchange.services.pods_of(found)).value
